// A page of socket.io-client: node page.js URL OPTIONS NAMESPACE…; says what happens, a line each.
"use strict";

const { io } = require("socket.io-client");

const [url, options, ...namespaces] = process.argv.slice(2);
const [notices] = namespaces.map((namespace) => io(url + namespace, JSON.parse(options)));
const say = (what) => (data) => process.stdout.write(`${JSON.stringify([what, data ?? null])}\n`);
for (const event of ["connect", "disconnect", "notice", "live"]) notices.on(event, say(event));

// A line: hang up, and come back as after any loss. The end: end.
process.stdin.on("data", () => notices.io.engine.close()).on("end", () => process.exit());
