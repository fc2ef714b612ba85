// Socket.IO's own server, which keeps what a browser misses: node socketio_recovery.js PORT
"use strict";

const { createServer } = require("node:http");
const { createAdapter } = require("@socket.io/redis-streams-adapter");
const { createClient } = require("redis");
const { Server } = require("socket.io");
const { count, file } = require("./board.js");

const http = createServer((request, response) => {
  const [type, body] = file(request.url);
  response.setHeader("Content-Type", type).end(body);
});

async function main() {
  const redis = createClient({ url: process.env.REDIS_URL });
  await redis.connect();
  const io = new Server(http, {
    adapter: createAdapter(redis),
    connectionStateRecovery: { maxDisconnectionDuration: 2 * 60 * 1000 },
  });
  io.of("/notices"); // What it hears of these comes from the adapter.
  count(io.of("/presence"));
  http.listen(Number(process.argv[2]), "127.0.0.1");
}

main();
