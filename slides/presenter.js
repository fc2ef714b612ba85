// The presenter's view: the deck that leads, what comes next, the notes, and the time against the plan.

const current = $("#current");
const coming = $("#coming");
let deck = null; // reveal.js of the slide that is shown
let plan = []; // for each slide: its title and section, when it should begin, when it should end (seconds)

confirmed($("#reset"), "Really? The time is lost", () => set({ before: 0, since: null }));

// The slides. All of them come from this server, so that the frames can be looked into.

for (const frame of [current, coming]) {
  frame.addEventListener("load", () => ready(frame));
  if (frame.contentDocument?.readyState === "complete") ready(frame);
}

function ready(frame) {
  const { Reveal } = frame.contentWindow;
  if (!Reveal) return; // not loaded yet, or the server is away
  if (!Reveal.isReady()) return Reveal.on("ready", () => ready(frame));
  if (frame === coming) return showNext();
  deck = Reveal;
  readPlan();
  const events = ["slidechanged", "fragmentshown", "fragmenthidden"];
  for (const event of events) deck.on(event, () => queueMicrotask(moved));
  show();
}

function readPlan() {
  plan = readSlides(deck);
  $("#plan").replaceChildren();
  for (const name of new Set(plan.map((slide) => slide.section))) {
    const slides = plan.filter((slide) => slide.section === name);
    const until = slides.at(-1).end;
    const row = $("#plan").insertRow();
    row.dataset.section = name;
    const length = until - slides[0].begin; // none after the end of the talk
    const cells = length ? [name, minutes(length), minutes(until)] : [name, "", ""];
    for (const text of cells) row.insertCell().textContent = text;
  }
}

function moved() {
  // Nobody thinks of the clock in the first minute: the first move starts it.
  if (!timer.since && !timer.before && !deck.isFirstSlide()) start();
  show();
}

function show() {
  $("#notes").innerHTML = deck.getSlideNotes() || "<p>No notes.</p>";
  $("#notes").scrollTop = 0;
  showNext();
  drawSlides();
  draw();
}

function showNext() {
  const next = coming.contentWindow.Reveal;
  if (!deck || !next?.isReady()) return;
  const { h, v, f } = deck.getIndices();
  next.slide(h, v, f ?? -1);
  next.next();
}

// What changes by itself

const ofDay = (date) => date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

function draw() {
  const seconds = elapsed();
  const talk = current.contentWindow?.talk;
  say("#clock", ofDay(new Date()));
  say("#room", roomSentence(talk));
  drawLights(talk?.connected ? talk.lights : []);
  drawBoards(talk?.boards ?? {});
  document.body.classList.toggle("follows", talk?.leads === false);
  if (!deck) return drawClock([]);
  const total = plan.at(-1).end;
  const end = ofDay(new Date(Date.now() + 1000 * (total - seconds)));
  say("#end", timer.since ? `ends at ${end} by the plan` : `plan: ${minutes(total)}`);
  const number = deck.getSlidePastCount();
  say("#number", current.contentWindow.numberOf(deck.getCurrentSlide()).join(" ").replace("/", "of"));
  drawClock(plan, number);
  for (const row of $("#plan").rows) {
    if (row.dataset.section === plan[number].section) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

function roomSentence(talk) {
  if (!talk?.connected) return "No connection to the server: trying again.";
  if (!talk.leads) return "This window follows. The address that the tool opened leads.";
  const { room } = current.contentDocument.body.dataset;
  const follow = talk.followers === 1 ? "follows" : "follow";
  return room ? `${talk.followers} ${follow} at ${room}` : "Not shared with the room.";
}

// How all is: green, or a sentence.

function drawLights(lights) {
  const found = JSON.stringify(lights);
  if (found === $("#lights").dataset.drawn) return;
  $("#lights").dataset.drawn = found;
  $("#lights").replaceChildren(
    ...lights.map(({ name, problem }) => {
      const item = document.createElement("li");
      item.className = problem ? "wrong" : "well";
      item.textContent = `${problem ? "✗" : "✓"} ${name}`;
      return item;
    }),
  );
  const problems = lights.map(({ problem }) => problem).filter(Boolean);
  say("#problems", problems.join(" "));
}

// Who may post on the boards of steps 3 and 4, and what is on them.

function drawBoards(boards) {
  const found = JSON.stringify(boards);
  // Nothing moves under a mouse that is about to press.
  const aiming = matchMedia("(hover: hover)").matches && $("#held:hover, #up:hover");
  if (found === $(".boards").dataset.drawn || aiming) return;
  $(".boards").dataset.drawn = found;
  const all = Object.entries(boards);
  const mode = all.at(-1)?.[1].mode;
  const held = all.flatMap(([step, board]) => board.held.map((each) => [step, ...each]));
  const wait = held.length ? `, ${held.length} to be looked at` : "";
  const words = { open: "open", approve: "each is looked at", paused: "paused" };
  say("#boards-state", mode ? `${words[mode]}${wait}` : "no board answers");
  for (const button of document.querySelectorAll("[data-mode]")) {
    button.setAttribute("aria-pressed", button.dataset.mode === mode);
  }
  $("#held").replaceChildren(
    ...held.map(([step, key, author, text]) =>
      row(step, author, text, { "Put it up": { approve: key }, "Drop it": { drop: key } }),
    ),
  );
  $("#up").replaceChildren(
    ...all
      .flatMap(([step, { up }]) => up.map((each) => [step, ...each]))
      .sort((one, two) => two[4].localeCompare(one[4])) // the latest first
      .map(([step, id, author, text]) => row(step, author, text, { Hide: { hide: id } })),
  );
}

function row(step, author, text, actions) {
  const item = document.createElement("li");
  for (const [label, what] of Object.entries(actions)) {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: label });
    button.addEventListener("click", () => askBoard(step, what));
    item.append(button);
  }
  item.append(` ${text} (${author}, step ${step})`);
  return item;
}

async function askBoard(step, what) {
  say("#boards-problem", (await current.contentWindow.talk.askBoard(step, what)) ?? "");
}

for (const button of document.querySelectorAll("[data-mode]")) {
  button.addEventListener("click", () => askBoard("4", { mode: button.dataset.mode }));
}

for (const button of document.querySelectorAll("[data-clear]")) {
  confirmed(button, "Really? All of its notices are lost", () => askBoard(button.dataset.clear, { clear: true }));
}

setInterval(draw, 250);
draw();

// Keys, clicks and taps

$("#previous").addEventListener("click", () => deck.prev());
$("#advance").addEventListener("click", () => deck.next());

document.addEventListener("keydown", (event) => {
  if ($("#keys").open || event.target.closest("summary")) return;
  if (!deck || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("button") && [" ", "Enter"].includes(event.key)) return;
  if (event.shiftKey && event.key === "ArrowDown") return $("#notes").scrollBy(0, 100);
  if (event.shiftKey && event.key === "ArrowUp") return $("#notes").scrollBy(0, -100);
  if (["?", "/"].includes(event.key)) return $("#keys").showModal();
  if (event.key === "t") return toggle();
  if (event.key === "f") return fullScreen();
  if (event.key === "p") current.focus();
  if (event.key.startsWith("Arrow") || event.key.startsWith("Page") || event.key === " ") event.preventDefault();
  deck.triggerKey(event.keyCode);
});

// Of this view: the deck's own would cover the notes.
function fullScreen() {
  document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen();
}
