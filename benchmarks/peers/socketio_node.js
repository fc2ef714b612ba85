// Socket.IO's own server: node socketio_node.js PORT
"use strict";

const { readFileSync } = require("node:fs");
const { createServer } = require("node:http");
const { createClient } = require("redis");
const { Server } = require("socket.io");

const page = readFileSync("page.html");
const http = createServer((request, response) => response.setHeader("Content-Type", "text/html").end(page));
const notices = new Server(http).of("/notices");

async function main() {
  const subscriber = createClient({ url: process.env.REDIS_URL });
  await subscriber.connect();
  await subscriber.subscribe("notices", (message) => notices.emit("notice", JSON.parse(message)));
  http.listen(Number(process.argv[2]), "127.0.0.1");
}

main();
