// The presenter's phone: next and back under the thumb, the notes, the clock that the presenter's view has.

const frame = $("#deck");
let deck = null;
let slides = [];

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
  say("#state", stateSentence(talk));
  document.body.classList.toggle("leads", talk?.leads === true && talk.connected);
  drawClock(slides, deck?.getSlidePastCount());
}

function stateSentence(talk) {
  if (!talk?.connected) return "No connection to the server: trying again.";
  return talk.leads ? "" : "This phone follows: it has no lead, or it was taken back.";
}

setInterval(draw, 250);

$("#previous").addEventListener("click", () => deck?.prev());
$("#advance").addEventListener("click", () => deck?.next());
