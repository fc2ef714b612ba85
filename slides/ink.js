// A pointer and a pen that everybody sees: in a window that leads, W takes them up and puts them down.

// Places are said beside what is pointed at, in sizes of it: a phone has the same things elsewhere.

const svg = (tag) => document.createElementNS("http://www.w3.org/2000/svg", tag);
const inkLayer = svg("svg");
const dot = svg("circle");
const OFTEN = 60; // milliseconds between two messages
let lines = []; // the pieces on this slide: what they are on, and their points
let line = null; // the one that is being drawn
let pointer = null; // where the dot is: on what, and where there
let pointed = null; // what is to be told when it is time to
let telling = false;

const things = () =>
  all("*", Reveal.getCurrentSlide()).filter((each) => !each.closest(".live, aside, .questions, .publish, [role=status]"));

function boxOf(on) {
  const slide = Reveal.getCurrentSlide().getBoundingClientRect();
  const box = things()[on]?.getBoundingClientRect();
  return box?.width && box.height ? box : slide;
}

function thingAt({ clientX, clientY }) {
  const known = things();
  const found = document.elementsFromPoint(clientX, clientY).find((each) => known.includes(each));
  return known.indexOf(found);
}

function placeOn(on, { clientX, clientY }) {
  const { left, top, width, height } = boxOf(on);
  return [(clientX - left) / width, (clientY - top) / height].map((value) => Math.round(value * 1e4) / 1e4);
}

function placeOf(on, [x, y]) {
  const { left, top, width, height } = boxOf(on);
  return [left + x * width, top + y * height];
}

function takeInk(socket) {
  inkLayer.id = "ink";
  inkLayer.setAttribute("aria-hidden", "true");
  dot.setAttribute("r", 12);
  dot.style.visibility = "hidden";
  inkLayer.append(dot);
  document.body.append(inkLayer);
  const here = () => Reveal.getIndices().h;

  Reveal.addKeyBinding({ keyCode: 87, key: "W", description: "Pointer and pen" }, () => {
    if (leads) pen(!inkLayer.classList.contains("on"));
  });
  Reveal.on("slidechanged", clear);
  for (const event of ["resize", "slidetransitionend"]) Reveal.on(event, drawAgain);
  socket.on("hello", () => pen(false));
  socket.on("point", (slide, ...place) => movePointer(slide === here() ? place : null));
  socket.on("ink", (slide, on, points) => {
    if (slide !== here()) return; // Who is alone has another slide.
    if (points.length) drawLine({ on, points });
    else clear();
  });

  function pen(on) {
    if (on === inkLayer.classList.contains("on")) return;
    inkLayer.classList.toggle("on", on);
    clear();
    if (on) return;
    socket.emit("point", -1, 0, 0, 0);
    socket.emit("ink", here(), 0, []);
  }

  function tellSoon() {
    if (telling) return;
    telling = true;
    setTimeout(tell, OFTEN);
  }

  function tell() {
    telling = false;
    if (line?.points.length > 1) {
      socket.emit("ink", here(), line.on, line.points);
      line.points = line.points.slice(-1);
    }
    if (pointed) socket.emit("point", here(), ...pointed);
    pointed = null;
  }

  inkLayer.addEventListener("pointerdown", (event) => {
    inkLayer.setPointerCapture(event.pointerId);
    const on = thingAt(event);
    line = { on, points: [placeOn(on, event)] };
  });
  inkLayer.addEventListener("pointermove", (event) => {
    const on = line ? line.on : thingAt(event);
    const place = placeOn(on, event);
    if (line) {
      drawLine({ on, points: [line.points.at(-1), place] });
      line.points.push(place);
      if (line.points.length === 64) tell();
    }
    pointed = [on, ...place];
    movePointer(pointed);
    tellSoon();
  });
  for (const end of ["pointerup", "pointercancel"]) {
    inkLayer.addEventListener(end, () => {
      tell();
      line = null;
    });
  }
}

function movePointer(place) {
  pointer = place;
  dot.style.visibility = place ? "visible" : "hidden";
  if (!place) return;
  const [x, y] = placeOf(place[0], place.slice(1));
  dot.style.transform = `translate(${x}px, ${y}px)`;
}

function drawLine(piece) {
  lines.push(piece);
  const drawn = svg("polyline");
  drawn.setAttribute("points", piece.points.map((point) => placeOf(piece.on, point)).join(" "));
  inkLayer.insertBefore(drawn, dot);
}

function drawAgain() {
  const [known, place] = [lines, pointer];
  const drawing = line;
  clear();
  line = drawing;
  known.forEach(drawLine);
  movePointer(place);
}

function clear() {
  lines = [];
  line = null;
  inkLayer.replaceChildren(dot);
  movePointer(null);
}
