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
  redis.on("error", console.error); // Else the first one would end this process.
  await redis.connect();
  const io = new Server(http, {
    adapter: createAdapter(redis),
    connectionStateRecovery: { maxDisconnectionDuration: 2 * 60 * 1000 },
  });
  io.of("/notices"); // What it hears of these comes from the adapter.
  count(io.of("/presence"));
  // Ended without this it would be as after a crash: what is to be recovered is kept on a close.
  process.once("SIGTERM", async () => {
    await io.close();
    await redis.close();
    process.exit();
  });
  http.listen(Number(process.argv[2]), "127.0.0.1");
}

main();
