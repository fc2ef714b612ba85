// The presenter's view: the deck that leads, what comes next, the notes, and the time against the plan.

const $ = (selector) => document.querySelector(selector);
const say = (selector, text) => {
  if ($(selector).textContent !== text) $(selector).textContent = text;
};
const current = $("#current");
const coming = $("#coming");
let deck = null; // reveal.js of the slide that is shown
let plan = []; // for each slide: its section, when it should begin, when it should end (seconds)

// The time that has passed. It is kept over a reload, which a saved deck brings about.

const timer = { before: 0, since: null, ...JSON.parse(sessionStorage.getItem("timer")) };
const elapsed = () => (timer.before + (timer.since ? Date.now() - timer.since : 0)) / 1000;

function set(changes) {
  sessionStorage.setItem("timer", JSON.stringify(Object.assign(timer, changes)));
  tellClock();
  draw();
}

const start = () => set({ since: Date.now() });
const pause = () => set({ since: null, before: elapsed() * 1000 });
const toggle = () => (timer.since ? pause() : start());

$("#start").addEventListener("click", toggle);
$("#reset").addEventListener("click", () => set({ before: 0, since: null }));

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
  let section = "";
  let end = 0;
  plan = deck.getSlides().map(({ dataset }) => {
    const begin = end;
    section = dataset.section ?? section;
    end += Number(dataset.timing ?? 0);
    return { section, begin, end };
  });
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
  say("#elapsed", minutes(seconds));
  say("#start", timer.since ? "Pause" : "Start");
  say("#room", roomSentence(talk));
  document.body.classList.toggle("follows", talk?.leads === false);
  if (!deck) return;
  const total = plan.at(-1).end;
  const end = ofDay(new Date(Date.now() + 1000 * (total - seconds)));
  say("#end", timer.since ? `ends at ${end} by the plan` : `plan: ${minutes(total)}`);
  const number = deck.getSlidePastCount();
  say("#number", `${number + 1} of ${plan.length}`);
  const slide = plan[number];
  const late = seconds - Math.min(Math.max(seconds, slide.begin), slide.end);
  const pace = late > 0 ? "behind" : late < 0 ? "ahead" : "on";
  say("#pace", timer.since || seconds ? (late ? `${minutes(Math.abs(late))} ${pace}` : "on time") : "");
  $("#pace").className = pace;
  for (const row of $("#plan").rows) {
    if (row.dataset.section === slide.section) row.setAttribute("aria-current", "true");
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

setInterval(draw, 250);
draw();

// Keys, clicks and taps

$("#previous").addEventListener("click", () => deck.prev());
$("#advance").addEventListener("click", () => deck.next());

document.addEventListener("keydown", (event) => {
  if (!deck || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("button") && [" ", "Enter"].includes(event.key)) return;
  if (event.shiftKey && event.key === "ArrowDown") return $("#notes").scrollBy(0, 100);
  if (event.shiftKey && event.key === "ArrowUp") return $("#notes").scrollBy(0, -100);
  if (event.key === "t") return toggle();
  if (event.key === "p") current.focus();
  if (event.key.startsWith("Arrow") || event.key.startsWith("Page") || event.key === " ") event.preventDefault();
  deck.triggerKey(event.keyCode);
});

// A screen that goes dark would take the projector with it.
const stayAwake = () => document.hidden || navigator.wakeLock?.request("screen").catch(() => {});
document.addEventListener("visibilitychange", stayAwake);
stayAwake();
