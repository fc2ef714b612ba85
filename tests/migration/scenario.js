// Joins a namespace with either client, and keeps what it hears, in its order.
const heard = [];
let transports = ["websocket"]; // the new client's, who would begin with polling
let path = "/socket.io";

function join(name, ...events) {
  const socket = io.version // 0.9 has one
    ? io.connect(name, { "force new connection": true })
    : io(name, { forceNew: true, transports, path });
  for (const event of ["connect", ...events]) {
    socket.on(event, (...what) => heard.push([event, ...what.map((one) => one?.message ?? one)]));
  }
  return socket;
}

// Emits, and waits for the acknowledgement.
const ask = (socket, ...event) =>
  new Promise((answered) => socket.emit(...event, (...answer) => answered(answer)));
