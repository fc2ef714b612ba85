// The presenter's phone: next and back under the thumb, the notes, the clock that the presenter's view has.

const $ = (selector) => document.querySelector(selector);
const say = (selector, text) => {
  if ($(selector).textContent !== text) $(selector).textContent = text;
};
const frame = $("#deck");
const timer = { before: 0, since: null };
const elapsed = () => (timer.before + (timer.since ? Date.now() - timer.since : 0)) / 1000;
let deck = null;
let slides = [];

function set(changes) {
  Object.assign(timer, changes);
  tellClock();
  draw();
}

const start = () => set({ since: Date.now() });
$("#start").addEventListener("click", () => {
  if (timer.since) set({ since: null, before: 1000 * elapsed() });
  else start();
});

frame.addEventListener("load", ready);
if (frame.contentDocument?.readyState === "complete") ready();

function ready() {
  const { Reveal } = frame.contentWindow;
  if (!Reveal) return; // not loaded yet, or the server is away
  if (!Reveal.isReady()) return Reveal.on("ready", ready);
  deck = Reveal;
  slides = readSlides(deck);
  for (const event of ["slidechanged", "fragmentshown", "fragmenthidden"]) deck.on(event, () => queueMicrotask(moved));
  show();
}

function moved() {
  // As in the presenter's view, the first move starts the clock.
  if (!elapsed() && !deck.isFirstSlide()) start();
  show();
}

function show() {
  const number = deck.getSlidePastCount();
  const next = slides[number + 1]?.title;
  say("#number", frame.contentWindow.numberOf(deck.getCurrentSlide()).join(" ").replace("/", "of"));
  say("#title", slides[number].title);
  say("#coming", next ? `Next slide: ${next}` : "The last slide.");
  const notes = deck.getSlideNotes() || "<p>No notes.</p>";
  if (notes !== show.notes) {
    $("#notes").innerHTML = show.notes = notes;
    $("main").scrollTop = 0;
  }
  draw();
}

function draw() {
  const talk = frame.contentWindow?.talk;
  const seconds = elapsed();
  say("#elapsed", minutes(seconds));
  say("#start", timer.since ? "Pause" : "Start");
  say("#state", stateSentence(talk));
  document.body.classList.toggle("leads", talk?.leads === true && talk.connected);
  if (!deck) return;
  const number = deck.getSlidePastCount();
  const late = lateness(slides[number], seconds);
  const pace = late > 0 ? "behind" : late < 0 ? "ahead" : "on";
  say("#pace", seconds ? (late ? `${minutes(Math.abs(late))} ${pace}` : "on time") : "");
  $("#pace").className = pace;
  say("#warning", seconds ? warning(slides, number, seconds) : "");
}

function stateSentence(talk) {
  if (!talk?.connected) return "No connection to the server: trying again.";
  return talk.leads ? "" : "This phone follows: it has no lead, or it was taken back.";
}

setInterval(draw, 250);

$("#previous").addEventListener("click", () => deck?.prev());
$("#advance").addEventListener("click", () => deck?.next());

// A phone that goes dark in a hand is no remote.
const stayAwake = () => document.hidden || navigator.wakeLock?.request("screen").catch(() => {});
document.addEventListener("visibilitychange", stayAwake);
stayAwake();
