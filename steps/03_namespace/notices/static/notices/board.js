// Two namespaces, one connection: socket.io-client opens it once for both.
const options = {
  transports: JSON.parse(document.querySelector("#transports").textContent),
  rememberUpgrade: true, // Come back by what got through before, and that on a new connection.
  timeout: 5000, // Give up an attempt that nobody answers, and make another one
  reconnectionDelayMax: 3000, // after 3 seconds at most, give or take a half: not all at once.
  requestTimeout: 13000, // End a poll whose connection is dead: a browser has only six of them.
};
const notices = io("/notices", options);
const presence = io("/presence", options);

const form = document.querySelector("form");
const list = document.querySelector("#notices");
const say = (where, text) => (document.querySelector(where).textContent = text);

// What the server says.

notices.on("notice", (notice) => show(notice));
presence.on("count", (count) => say("#count", count === 1 ? "You are alone here." : `${count} are here.`));

// How the connection is.

const showState = () => say("#state", `Connected by ${notices.io.engine.transport.name}.`);
notices.on("connect", () => {
  notices.io.engine.on("upgrade", showState);
  showState();
});
notices.on("disconnect", lose);
notices.on("connect_error", lose);

function lose() {
  // Not active: the server has refused, or has hung up on purpose, and socket.io-client gives up.
  say("#state", notices.active ? "No connection: trying again." : "The server has hung up: reload the page.");
  say("#count", "");
}

// What the browser says.

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!notices.connected) return say("#answer", "Not sent: there is no connection. Try again when it is back.");
  try {
    const { author, text } = form.elements;
    const answer = await notices.timeout(5000).emitWithAck("post", { author: author.value, text: text.value });
    if (answer.ok) text.value = "";
    const problems = Object.values(answer.errors ?? {}).flat();
    say("#answer", problems.map((problem) => problem.message).join(" "));
  } catch {
    say("#answer", "No answer: look at the board before you post this again.");
  }
});

function show(notice) {
  const item = document.querySelector("template").content.firstElementChild.cloneNode(true);
  // As text: somebody will post <script>.
  item.querySelector(".text").textContent = notice.text;
  item.querySelector(".author").textContent = notice.author;
  item.querySelector(".official").hidden = !notice.official;
  item.querySelector("time").dateTime = notice.created;
  localTime(item.querySelector("time"));
  list.prepend(item);
  while (list.children.length > 50) list.lastElementChild.remove();
}

function localTime(time) {
  const short = { weekday: "short", hour: "2-digit", minute: "2-digit" };
  time.textContent = new Date(time.dateTime).toLocaleString([], short);
}

document.querySelectorAll("#notices time").forEach(localTime);
