// Two namespaces, one connection: socket.io-client opens it once for both.
const options = {
  // Websocket alone: each request of polling could come to another process, which does not know it.
  transports: ["websocket"],
  timeout: 5000, // Give up an attempt that nobody answers, and make another one
  reconnectionDelayMax: 3000, // after 3 seconds at most, give or take a half: not all at once.
};
const notices = io("/notices", options);
const presence = io("/presence", options);

const form = document.querySelector("#post");
const halls = document.querySelector("#halls");
const lists = ["#people", "#notices"].map((id) => document.querySelector(id));
const say = (where, text) => (document.querySelector(where).textContent = text);

// What the server says.

const { compare } = new Intl.Collator("en", { numeric: true }); // a cursor is two numbers
let cursors = read(document, "#cursors"); // hall: how much of it this page has been told
let who = read(document, "#who"); // for whom it was made

notices.on("notices", (hall, entries, after, cursor) => {
  if (!(hall in cursors)) return; // It was on its way when this page left.
  if (compare(after, cursors[hall]) > 0) return state === "live" && catchUp(); // What is before it got lost.
  for (const [place, notice] of entries) {
    if (compare(place, cursors[hall]) > 0 && notice) show({ ...notice, hall }); // else it was told before
  }
  if (compare(cursor, cursors[hall]) > 0) cursors[hall] = cursor;
});
notices.on("here", (hall, number, names) => {
  const where = halls.querySelector(`[value="${CSS.escape(hall)}"]:checked ~ span`);
  if (where) where.textContent = `(${[number, ...names].join(", ")})`;
});
halls.addEventListener("change", ({ target }) => {
  const chosen = new FormData(halls).getAll("hall"); // The first one is empty.
  if (target.checked) form.elements.hall.value = target.value;
  else if (!chosen.includes(form.elements.hall.value)) form.elements.hall.value = chosen[1] ?? target.value;
  history.replaceState(null, "", `?${new URLSearchParams(new FormData(halls))}`);
  nobodyIsHere();
  anew = true; // with the notices of these halls, and their cursors
  if (notices.connected) catchUp(); // else when it connects
});
const nobodyIsHere = () => halls.querySelectorAll("span").forEach((span) => (span.textContent = ""));
presence.on("process", (process) => say("#process", `Process ${process}.`));
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
notices.on("live", (live, hall) => {
  if (!(hall in cursors)) return; // The others are on other nodes, which may die on their own.
  state = "wait";
  live ? catchUp() : showState();
});
notices.on("disconnect", (reason) => {
  if (reason !== "io server disconnect") return lose();
  anew = true; // The session has ended: what was for one person goes.
  notices.connect();
});
notices.on("connect_error", lose);

function lose() {
  // Not active: the server has refused, and socket.io-client gives up.
  say("#state", notices.active ? "Waiting for the network." : "The server has hung up: reload the page.");
  say("#process", "");
  say("#count", "");
  nobodyIsHere();
}

const ask = (cursors) => notices.timeout(10000).emitWithAck("since", cursors, who);
let anew = false; // The list is to be loaded anew.
let wanted = false;
let asking = false;

async function catchUp() {
  wanted = true;
  if (asking) return; // One at a time: who has chosen again meanwhile is heard in the next turn.
  asking = true;
  try {
    while (wanted) {
      wanted = false;
      state = "again";
      showState();
      if (anew) await loadAnew();
      state = await ask(cursors);
      if (state === "later") throw new Error(state);
      if (state === "reconnect") notices.io.engine.close(); // In the cookies is who it is by now.
      if (state === "reload" || state === "reconnect") anew = true;
      if (state === "reload" || state === "again") wanted = true;
    }
    showState();
  } catch {
    if (notices.connected) setTimeout(catchUp, 1000); // else when it connects
  }
  asking = false;
}

async function loadAnew() {
  anew = false;
  try {
    await ask({}); // It follows nothing: what comes meanwhile would be neither in the list nor after it.
    const answer = await fetch(location, { cache: "no-store", signal: AbortSignal.timeout(5000) });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    cursors = read(page, "#cursors");
    who = read(page, "#who");
    // Not all of it: the form stays as it is, with what somebody is typing.
    for (const list of lists) list.replaceChildren(...page.querySelectorAll(`#${list.id} li`));
    document.querySelectorAll("ol time").forEach(localTime);
    document.querySelector("footer").replaceWith(page.querySelector("footer")); // who it is now
  } catch (error) {
    anew = true;
    throw error;
  }
}

function read(page, where) {
  return JSON.parse(page.querySelector(where).textContent);
}

// What the browser says: it waits in the page, over a reload too, until the server has answered.

const waiting = JSON.parse(sessionStorage.getItem("waiting") ?? "[]");
let sending = false;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const { author, hall, text } = form.elements;
  // What is sent again has the same key, and is saved once. (crypto.randomUUID needs https.)
  const key = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0"));
  waiting.push({ key: key.join(""), author: author.value, hall: hall.value, text: text.value });
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
      const { hall, text } = waiting.shift();
      if (!answer.ok) form.elements.text.value ||= text;
      else if (!(hall in cursors)) say("#answer", `Said in ${hall}, which this page does not follow.`);
      if (answer.held_up) say("#answer", "Saved. It may take a while until it is on every screen.");
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
  item.querySelector(".hall").textContent = notice.hall === "people" ? "to you" : notice.hall;
  item.querySelector(".author").textContent = notice.author;
  item.querySelector(".official").hidden = !notice.official;
  item.querySelector("time").dateTime = notice.created;
  localTime(item.querySelector("time"));
  return item;
}

function show(notice) {
  const item = fill(notice);
  if (notice.id) item.id = `notice-${notice.id}`; // what is not saved has none
  const list = lists[notice.hall === "people" ? 0 : 1];
  const old = document.getElementById(item.id); // mended in the admin
  // The newest first, also where one hall is caught up with after another.
  const isOlder = (each) => !notice.id || Number(each.id.split("-")[1] ?? 0) < notice.id;
  old ? old.replaceWith(item) : list.insertBefore(item, [...list.children].find(isOlder) ?? null);
  while (list.children.length > 50) list.lastElementChild.remove();
}

function localTime(time) {
  const short = { weekday: "short", hour: "2-digit", minute: "2-digit" };
  time.textContent = new Date(time.dateTime).toLocaleString([], short);
}

document.querySelectorAll("ol time").forEach(localTime);
showWaiting();
