// What all servers with Socket.IO's own library have in common: the page, and who is here.
"use strict";

const { readFileSync } = require("node:fs");

const step = "../../steps/07_fast_fan_out/notices/static/notices";
const client = "../../node_modules/socket.io-client/dist/socket.io.min.js";
const page = ["text/html", readFileSync("page.html")];
const files = {
  "/static/notices/board.css": ["text/css", readFileSync(`${step}/board.css`)],
  "/static/notices/board.js": ["text/javascript", readFileSync(`${step}/board.js`)],
  "/static/socket.io/socket.io.min.js": ["text/javascript", readFileSync(client)],
};

// Return the type and the content of what a path names.
exports.file = (path) => files[path] ?? page;

// Tell the pages of this process how many they are: each time, or once a second.
exports.count = (presence) => {
  let told = 0;
  function tell() {
    if (told === presence.sockets.size) return;
    told = presence.sockets.size;
    presence.local.emit("count", told);
  }
  if (process.env.PRESENCE === "second") {
    setInterval(tell, 1000);
  } else {
    presence.on("connection", (socket) => {
      tell();
      socket.on("disconnect", tell);
    });
  }
};
