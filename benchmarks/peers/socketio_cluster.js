// Socket.IO's own server as a cluster of four processes: node socketio_cluster.js PORT
"use strict";

const cluster = require("node:cluster");
const { readFileSync } = require("node:fs");
const { createServer } = require("node:http");
const { createAdapter, setupPrimary } = require("@socket.io/cluster-adapter");
const { createClient } = require("redis");
const { Server } = require("socket.io");

const WORKERS = 4;

async function work() {
  const page = readFileSync("page.html");
  const http = createServer((request, response) => {
    response.setHeader("Content-Type", "text/html").end(page);
  });
  const io = new Server(http, { adapter: createAdapter() });
  const notices = io.of("/notices");
  // One of them hears Redis, and its adapter tells the others.
  if (cluster.worker.id === 1) {
    const subscriber = createClient({ url: process.env.REDIS_URL });
    await subscriber.connect();
    await subscriber.subscribe("notices", (message) => notices.emit("notice", JSON.parse(message)));
  }
  http.listen(Number(process.argv[2]), "127.0.0.1");
}

if (cluster.isPrimary) {
  setupPrimary();
  for (let n = 0; n < WORKERS; n++) cluster.fork();
} else {
  work();
}
