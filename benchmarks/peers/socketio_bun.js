// Socket.IO's own server in Bun, with its engine for Bun: bun socketio_bun.js PORT
"use strict";

const { Server: Engine } = require("@socket.io/bun-engine");
const { RedisClient, serve } = require("bun");
const { Server } = require("socket.io");
const { count, file } = require("./board.js");

const io = new Server();
const engine = new Engine({ path: "/socket.io/" });
io.bind(engine);
const notices = io.of("/notices");
count(io.of("/presence"));

async function main() {
  const redis = new RedisClient(process.env.REDIS_URL);
  await redis.subscribe("notices", (message) => notices.emit("notice", JSON.parse(message)));
  const handler = engine.handler();
  serve({
    ...handler,
    hostname: "127.0.0.1",
    port: Number(process.argv[2]),
    fetch(request, server) {
      const { pathname } = new URL(request.url);
      if (pathname === "/socket.io/") return handler.fetch(request, server);
      const [type, body] = file(pathname);
      return new Response(body, { headers: { "Content-Type": type } });
    },
  });
}

main();
