// Not as an option: the client lays that list over its own, and what sticks out stays.
io.transports = JSON.parse(document.querySelector("#transports").textContent);
// It would wait twice as long each time, and give up after ten.
const options = { "reconnection limit": 5000, "max reconnection attempts": Infinity };
// Two namespaces, one connection: socket.io-client opens it once for both.
const notices = io.connect("/notices", options);
const presence = io.connect("/presence", options);

const form = document.querySelector("form");
const list = document.querySelector("#notices");
const say = (where, text) => (document.querySelector(where).textContent = text);

// What the server says.

notices.on("notice", (notice) => show(notice));
presence.on("count", (count, listeners, connections) => {
  const here = count === 1 ? "You are alone here." : `${count} are here.`;
  say("#count", `${here} Listeners ${listeners}, Redis connections ${connections}.`);
});

// How the connection is.

let live = false;
const showState = () => {
  const by = notices.socket.transport.name;
  say("#state", live ? `Live, by ${by}.` : `Connected by ${by}, but not live: the server can't hear Redis.`);
};
notices.on("live", (now) => {
  live = now;
  showState();
});
notices.on("connect", showState);
notices.on("disconnect", lose);
notices.on("connect_failed", lose);

function lose(reason) {
  // Booted: the server has hung up on purpose, and socket.io-client gives up.
  say("#state", reason !== "booted" ? "No connection: trying again." : "The server has hung up: reload the page.");
  say("#count", "");
}

// What the browser says.

const ask = (...event) =>
  new Promise((answered, refused) => {
    notices.emit(...event, answered);
    setTimeout(refused, 5000);
  });

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (!notices.socket.connected) return say("#answer", "Not sent: there is no connection. Try again when it is back.");
  try {
    const { author, text } = form.elements;
    const answer = await ask("post", { author: author.value, text: text.value });
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
  if (notice.id) item.id = `notice-${notice.id}`; // what is not saved has none
  const old = document.getElementById(item.id); // mended in the admin
  old ? old.replaceWith(item) : list.prepend(item);
  while (list.children.length > 50) list.lastElementChild.remove();
}

function localTime(time) {
  const short = { weekday: "short", hour: "2-digit", minute: "2-digit" };
  time.textContent = new Date(time.dateTime).toLocaleString([], short);
}

document.querySelectorAll("#notices time").forEach(localTime);
