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

const { compare } = new Intl.Collator("en", { numeric: true }); // a cursor is two numbers
let cursor = readCursor(document); // how much this page has been told

notices.on("notices", (entries, after) => {
  if (compare(after, cursor) > 0) return state === "live" && catchUp(); // What is before it got lost.
  for (const [place, notice] of entries) {
    if (compare(place, cursor) <= 0) continue; // It was told before.
    cursor = place;
    if (notice) show(notice);
  }
});
presence.on("count", (count) => say("#count", count === 1 ? "You are alone here." : `${count} are here.`));

// How the connection is.

let state = "again";
const showState = () => {
  const by = notices.io.engine.transport.name;
  const states = {
    live: `Live, by ${by}.`,
    wait: `Connected by ${by}, but not live: the server can't hear Redis.`,
  };
  say("#state", states[state] ?? "Catching up…");
};
notices.on("connect", () => {
  notices.io.engine.on("upgrade", showState);
  catchUp();
  send();
});
notices.on("live", (live) => {
  state = "wait";
  live ? catchUp() : showState();
});
notices.on("disconnect", lose);
notices.on("connect_error", lose);

function lose() {
  // Not active: the server has refused, or has hung up on purpose, and socket.io-client gives up.
  say("#state", notices.active ? "Waiting for the network." : "The server has hung up: reload the page.");
  say("#count", "");
}

async function catchUp() {
  try {
    do {
      if (state === "reload") await loadAnew();
      state = "again";
      showState();
      state = await notices.timeout(10000).emitWithAck("since", cursor);
    } while (state === "again" || state === "reload");
    showState();
  } catch {
    if (notices.connected) setTimeout(catchUp, 1000); // else when it connects
  }
}

// A browser repeats by itself a poll whose connection has died: what the first one was answered is
// lost, and nobody hears of it. The next notice would show the gap; this is for the last one.
setInterval(() => {
  const polling = notices.connected && notices.io.engine.transport.name === "polling";
  if (polling && ["live", "wait"].includes(state)) catchUp();
}, 20000);

async function loadAnew() {
  // Only the list: the form stays as it is, with what somebody is typing.
  const answer = await fetch(location, { cache: "no-store", signal: AbortSignal.timeout(5000) });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  cursor = readCursor(page);
  list.replaceChildren(...page.querySelectorAll("#notices li"));
  list.querySelectorAll("time").forEach(localTime);
}

function readCursor(page) {
  return JSON.parse(page.querySelector("#cursor").textContent);
}

// What the browser says: it waits in the page, over a reload too, until the server has answered.

const waiting = JSON.parse(sessionStorage.getItem("waiting") ?? "[]");
let sending = false;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { author, text } = form.elements;
  // What is sent again has the same key, and is saved once. (crypto.randomUUID needs https.)
  const key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0"));
  waiting.push({ key: key.join(""), author: author.value, text: text.value });
  text.value = "";
  say("#answer", "");
  keep();
  send();
});

async function send() {
  if (sending) return;
  sending = true;
  while (waiting.length && notices.connected) {
    const answer = await notices.timeout(5000).emitWithAck("post", waiting[0]).catch(() => null);
    if (!answer) continue; // Nobody knows whether it arrived.
    const problems = Object.values(answer.errors ?? {}).flat();
    say("#answer", problems.map((problem) => problem.message).join(" "));
    if (problems.some((problem) => problem.code === "wait")) {
      await new Promise((resolve) => setTimeout(resolve, 10000));
    } else {
      const { text } = waiting.shift();
      if (!answer.ok) form.elements.text.value ||= text;
      if (answer.held_up) say("#answer", "Saved. It is on no screen yet: the server can't publish it.");
    }
    keep();
  }
  sending = false;
}

function keep() {
  sessionStorage.setItem("waiting", JSON.stringify(waiting));
  // Mostly the answer is there before anybody could read that it is awaited.
  setTimeout(showWaiting, notices.connected ? 300 : 0);
}

function showWaiting() {
  const items = waiting.map((notice) => fill({ ...notice, created: new Date().toISOString() }));
  items.forEach((item) => item.querySelector("time").append(" · waiting to be sent"));
  document.querySelector("#waiting").replaceChildren(...items);
}

function fill(notice) {
  const item = document.querySelector("template").content.firstElementChild.cloneNode(true);
  // As text: somebody will post <script>.
  item.querySelector(".text").textContent = notice.text;
  item.querySelector(".author").textContent = notice.author;
  item.querySelector(".official").hidden = !notice.official;
  item.querySelector("time").dateTime = notice.created;
  localTime(item.querySelector("time"));
  return item;
}

function show(notice) {
  const item = fill(notice);
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
showWaiting();
