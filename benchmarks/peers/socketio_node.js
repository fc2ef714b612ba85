// Socket.IO's own server: node socketio_node.js PORT
"use strict";

const { createServer } = require("node:http");
const { createClient } = require("redis");
const { Server } = require("socket.io");
const { count, file } = require("./board.js");

const http = createServer((request, response) => {
  const [type, body] = file(request.url);
  response.setHeader("Content-Type", type).end(body);
});
const io = new Server(http);
const notices = io.of("/notices");

async function main() {
  const subscriber = createClient({ url: process.env.REDIS_URL });
  subscriber.on("error", console.error); // Else the first one would end this process.
  await subscriber.connect();
  await subscriber.subscribe("notices", (message) => notices.emit("notice", JSON.parse(message)));
  count(io.of("/presence"));
  http.listen(Number(process.argv[2]), "127.0.0.1");
}

main();
