// What the presenter's view and the remote have in common: a connection that leads, the clock, the time that is left.

const random = () => crypto.getRandomValues(new Uint32Array(4)).join("-");
const leading = io("/slides", {
  transports: ["websocket", "polling"],
  tryAllTransports: true,
  autoConnect: false,
  auth: { browser: (localStorage.browser ??= random()), token: sessionStorage.getItem("token") },
});

// Not before the other scripts are here, which it tells what it hears.
document.addEventListener("DOMContentLoaded", () => leading.connect());

// One clock for all windows that lead. Theirs may be wrong, so that they tell each other how long it has run.

let untold = false; // it was set while there was no connection

function tellClock() {
  untold = !leading.connected;
  if (!untold) leading.emit("clock", elapsed(), timer.since !== null);
}

leading.on("clock", (now) => {
  if (untold || (!now && elapsed())) return tellClock();
  if (!now) return;
  Object.assign(timer, { before: 1000 * now.elapsed, since: now.runs ? Date.now() : null });
  sessionStorage.setItem("timer", JSON.stringify(timer));
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
