// Socket.IO's own server: node socketio_node.js PORT
"use strict";

const { readFileSync } = require("node:fs");
const { createServer } = require("node:http");
const { createClient } = require("redis");
const { Server } = require("socket.io");

const step = "../../steps/07_fast_fan_out/notices/static/notices";
const client = "../../node_modules/socket.io-client/dist/socket.io.min.js";
const page = ["text/html", readFileSync("page.html")];
const files = {
  "/static/notices/board.css": ["text/css", readFileSync(`${step}/board.css`)],
  "/static/notices/board.js": ["text/javascript", readFileSync(`${step}/board.js`)],
  "/static/socket.io/socket.io.min.js": ["text/javascript", readFileSync(client)],
};
const http = createServer((request, response) => {
  const [type, body] = files[request.url] ?? page;
  response.setHeader("Content-Type", type).end(body);
});
const io = new Server(http);
const notices = io.of("/notices");
const presence = io.of("/presence");

let told = 0;
function tell() {
  if (told === presence.sockets.size) return;
  told = presence.sockets.size;
  presence.emit("count", told);
}

async function main() {
  const subscriber = createClient({ url: process.env.REDIS_URL });
  await subscriber.connect();
  await subscriber.subscribe("notices", (message) => notices.emit("notice", JSON.parse(message)));
  if (process.env.PRESENCE === "second") {
    setInterval(tell, 1000);
  } else {
    presence.on("connection", (socket) => {
      tell();
      socket.on("disconnect", tell);
    });
  }
  http.listen(Number(process.argv[2]), "127.0.0.1");
}

main();
