// What the presenter's view and the remote have in common: a connection that leads, the clock, the time that is left.

const leading = io("/slides", {
  transports: ["websocket", "polling"],
  tryAllTransports: true,
  autoConnect: false,
  auth: lead,
});

// Not before the other scripts are here, which it tells what it hears.
document.addEventListener("DOMContentLoaded", () => leading.connect());

// One clock for all windows that lead. Theirs may be wrong, so that they tell each other how long it has run.

const timer = { before: 0, since: null };
const elapsed = () => (timer.before + (timer.since ? Date.now() - timer.since : 0)) / 1000;
let untold = false; // it was set while there was no connection

function set(changes) {
  Object.assign(timer, changes);
  tellClock();
  draw();
}

const start = () => set({ since: Date.now() });
const pause = () => set({ since: null, before: elapsed() * 1000 });
const toggle = () => (timer.since ? pause() : start());
$("#start").addEventListener("click", toggle);

function tellClock() {
  untold = !leading.connected;
  if (!untold) leading.emit("clock", elapsed(), timer.since !== null);
}

leading.on("clock", (now) => {
  if (untold || (!now && elapsed())) return tellClock();
  if (!now) return;
  Object.assign(timer, { before: 1000 * now.elapsed, since: now.runs ? Date.now() : null });
  draw();
});

// The plan, slide by slide, and what the clock says to it.

const minutes = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

const titleOf = (slide) => slide.querySelector("h1, h2, h3")?.textContent ?? "";

function readSlides(reveal) {
  let section = "";
  let end = 0;
  return reveal.getSlides().map((slide) => {
    const begin = end;
    const { dataset } = slide;
    section = dataset.section ?? section;
    end += Number(dataset.timing ?? 0);
    return { title: titleOf(slide), section, begin, end, skip: "skip" in dataset };
  });
}

// Less than 0: ahead of the plan.
function lateness(slide, seconds) {
  return seconds - Math.min(Math.max(seconds, slide.begin), slide.end);
}

// The clock, and what it says to the plan once the slides are there.
function drawClock(slides, number) {
  const seconds = elapsed();
  say("#elapsed", minutes(seconds));
  say("#start", timer.since ? "Pause" : "Start");
  if (!slides.length) return;
  const late = lateness(slides[number], seconds);
  const pace = late ? `${minutes(Math.abs(late))} ${late > 0 ? "behind" : "ahead"}` : "on time";
  say("#pace", timer.since || seconds ? pace : "");
  $("#pace").className = late > 0 ? "behind" : "";
  say("#warning", seconds ? warning(slides, number, seconds) : "");
}

function warning(slides, number, seconds) {
  const left = slides.at(-1).end - seconds;
  const late = lateness(slides[number], seconds);
  const said = [];
  if (left <= 0) said.push("The time is up.");
  else if (left <= 60) said.push("1 minute left.");
  else if (left <= 300) said.push(`${Math.ceil(left / 60)} minutes left.`);
  const skip = [];
  let saved = 0;
  for (const { title, begin, end, skip: maySkip } of slides.slice(number + 1)) {
    if (!maySkip || saved >= late) continue;
    saved += end - begin;
    skip.push(`“${title}” (${minutes(end - begin)})`);
  }
  if (late >= 30 && skip.length) said.push(`Skip ${skip.join(" and ")}.`);
  return said.join(" ");
}

// A screen that goes dark would take the projector with it, and in a hand it is no remote.
const stayAwake = () => document.hidden || navigator.wakeLock?.request("screen").catch(() => {});
document.addEventListener("visibilitychange", stayAwake);
stayAwake();
