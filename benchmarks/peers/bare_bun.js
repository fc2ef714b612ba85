// The least that Bun can do: its websockets subscribe, and it publishes: bun bare_bun.js PORT
"use strict";

const { readFileSync } = require("node:fs");
const { RedisClient, serve } = require("bun");

const page = readFileSync("page.html");
const server = serve({
  hostname: "127.0.0.1",
  port: Number(process.argv[2]),
  fetch(request, server) {
    if (server.upgrade(request)) return undefined;
    return new Response(page, { headers: { "Content-Type": "text/html" } });
  },
  websocket: {
    open: (browser) => browser.subscribe("notices"),
    message() {}, // Nobody here has anything to say.
  },
});

const redis = new RedisClient(process.env.REDIS_URL);
redis.subscribe("notices", (message) => server.publish("notices", message));
