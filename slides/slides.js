// The deck: reveal.js, and what makes it live: running steps, polls, a box to publish from, a room that follows.

const query = new URLSearchParams(location.search);
const printing = query.get("view") === "print";
// Without the server, in print and in another window's preview, all is still: pictures, lists, no connection.
const live = "live" in document.body.dataset && !printing && !query.has("preview") && !query.has("receiver");
const portrait = matchMedia("(orientation: portrait)");
const phone = matchMedia("(orientation: portrait), (pointer: coarse)");
const onThisMachine = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
const inView = window !== window.top; // in the presenter's view: the demos run on the projector
const calm = matchMedia("(prefers-reduced-motion: reduce)");

const all = (selector, where = document) => [...where.querySelectorAll(selector)];

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

// What a slide of deck.md becomes before reveal.js lays it out.

function prepare(slide) {
  const blocks = all("pre", slide);
  const code = blocks.map((block) => block.querySelector("code"));
  for (const each of code) each.textContent = dedent(each.textContent);
  measure(slide);
  // Of several blocks only the one that is spoken of is lit: each begins when the one before it is done.
  const inTurn = !printing && blocks.length > 1 && code.every((each) => each.dataset.lineNumbers);
  slide.classList.toggle("in-turn", inTurn);
  blocks.forEach((block, number) => {
    // Blocks of the same name move line by line from slide to slide.
    if (slide.hasAttribute("data-auto-animate")) block.dataset.id ??= number ? `code-${number + 1}` : "code";
    const lines = code[number].dataset;
    if (inTurn && number) lines.lineNumbers = `0|${lines.lineNumbers}`; // First of all no line of it.
    lines.lineNumbers = (!printing && lines.lineNumbers) || ""; // On paper nobody steps from line to line.
  });
  all("img", slide).forEach(look.preparePicture);
  if ("poll" in slide.dataset && live) preparePoll(slide);
  if ("publish" in slide.dataset && live) preparePublish(slide);
  if ("stacks" in slide.dataset && live) prepareStacks(slide);
  if ("join" in slide.dataset) prepareJoin(slide);
  if ("title" in slide.dataset) prepareTitle(slide);
  if ("thanks" in slide.dataset) prepareThanks(slide);
  if ("questions" in slide.dataset && live) prepareQuestions(slide);
}

// slides.css makes the letters as large as these allow, all of a slide alike.
function measure(slide) {
  const blocks = all("pre", slide);
  const lines = blocks.flatMap((block) => block.querySelector("code").textContent.split("\n"));
  const [rows, columns] = look.measure(lines);
  slide.style.setProperty("--rows", rows + blocks.length); // and what is around each
  slide.style.setProperty("--columns", columns);
  const text = look.linesOfText(slide);
  slide.style.setProperty("--text-lines", text);
  slide.classList.toggle("roomy", rows + 1.3 * text < 9);
  slide.classList.toggle("few", text < 6);
}

// A method is shown without the margin that it has in its class.
function dedent(text) {
  const lines = text.trimEnd().split("\n");
  const margins = lines.filter((line) => line.trim()).map((line) => line.search(/\S/));
  return lines.map((line) => line.slice(Math.min(...margins))).join("\n");
}

// As in 3/40: what comes after the talk is not counted among the 40. It is +1, +2 and so on.
function numberOf(slide) {
  const slides = Reveal.getSlides();
  const appendix = slides.findIndex((each) => "appendix" in each.dataset);
  const count = appendix < 0 ? slides.length : appendix;
  const number = slides.indexOf(slide) + 1;
  return number > count ? [`+${number - count}`] : [number, "/", count];
}

// On a phone a slide is as high as the phone is, within reason.
const tall = () => Math.round(Math.min(1180, Math.max(960, (540 * innerHeight) / innerWidth)));
const size = () => (portrait.matches && !printing ? { width: 540, height: tall() } : { width: 1280, height: 720 });
const motion = () => ({ transition: calm.matches ? "none" : "slide", autoAnimate: !calm.matches });

function isForReveal({ key, target }) {
  if (key === " " && target.closest("button, a")) return false; // It presses the button that has the focus.
  return !["?", "/"].includes(key); // reveal.js takes both for black, on every screen.
}

const started = Reveal.initialize({
  ...size(),
  ...motion(),
  margin: 0,
  minScale: 0.1,
  maxScale: 4,
  center: false,
  hash: true,
  hashOneBasedIndex: !query.has("receiver"), // The notes' window of reveal.js counts from zero.
  slideNumber: numberOf,
  controlsTutorial: false,
  controlsBackArrows: "visible",
  scrollActivationWidth: null, // A phone that scrolls can't follow.
  transitionSpeed: "fast",
  backgroundTransition: "none",
  autoAnimateDuration: 0.7,
  pdfSeparateFragments: false,
  pdfMaxPagesPerSlide: 1,
  preventIframeAutoFocus: true,
  keyboardCondition: isForReveal,
  plugins: [
    RevealMarkdown,
    { id: "prepare", init: (reveal) => all("section", reveal.getRevealElement()).forEach(prepare) },
    RevealHighlight,
    look.hang,
    RevealNotes,
  ],
});

started.then(() => {
  // reveal.js says "application", which keeps screen readers from reading a slide as the page that it is.
  Reveal.getRevealElement().removeAttribute("role");
  for (const media of [portrait, calm]) {
    media.addEventListener("change", () => Reveal.configure({ ...size(), ...motion() }));
  }
  document.addEventListener("keydown", ({ key, target }) => {
    if (["?", "/"].includes(key) && !target.closest("input, textarea")) Reveal.toggleHelp();
  });
  Reveal.registerKeyboardShortcut("?", "These keys");
  Reveal.addKeyBinding({ keyCode: 86, key: "V", description: "The recording of a demo" }, () => play());
  Reveal.on("slidechanged", () => play(false, false));
  Reveal.on("slidechanged", show);
  Reveal.on("slidechanged", look.turned);
  Reveal.addKeyBinding({ keyCode: 76, key: "L", description: "Light or dark" }, look.toggleTheme);
  Reveal.on("resize", markScrolling);
  show();
  if (live) follow();
});

function show() {
  const heading = (slide) => slide.querySelector("h1, h2, h3")?.textContent ?? "";
  const titles = [heading(Reveal.getCurrentSlide()), heading(Reveal.getSlide(0))];
  document.title = [...new Set(titles)].filter(Boolean).join(" · ");
  markScrolling();
  showSteps();
}

// Code that does not fit can be scrolled by keys and by a finger; all other code is no stop for the Tab key.
function markScrolling() {
  for (const block of all("pre", Reveal.getCurrentSlide())) {
    const scrolls = block.scrollWidth > block.clientWidth + 1;
    scrolls ? block.setAttribute("tabindex", 0) : block.removeAttribute("tabindex");
    block.toggleAttribute("data-prevent-swipe", scrolls);
  }
}

// Running steps in place of their pictures, on the slide that is shown.

let steps = {}; // that answer, and their ports

function showSteps() {
  const slide = Reveal.getCurrentSlide();
  for (const frames of all(".live")) {
    if (slide.contains(frames)) continue;
    frames.previousElementSibling.hidden = false;
    frames.remove();
  }
  if (live) all("[data-live]", slide).forEach(showStep);
}

function showStep(place) {
  const picture = place.closest("p");
  if (picture.nextElementSibling?.matches(".live") || recording) return;
  const { live: number, windows = 1, path = "/" } = place.dataset;
  // Until step 3 nothing comes to a phone by itself, and Django's own server can't hold a room.
  if (inView || (number < 3 && (!onThisMachine || (phone.matches && !leads)))) return;
  let sentence = picture.nextElementSibling;
  if (!sentence?.matches(".not-running")) {
    sentence = make("p", { className: "not-running", role: "status" });
    picture.after(sentence);
  }
  const port = steps[number];
  sentence.hidden = port !== undefined;
  if (!port) return (sentence.textContent = `Step ${number} is not running: this is a picture of it.`);
  const frames = make("div", { className: "live" });
  const [first, second = first] = path.split("|");
  const address = (path) => `http://${location.hostname}:${port}${path}`;
  if (second === "/slow/" && !portrait.matches) {
    slow = makeSlow(address(second));
    frames.append(make("iframe", { title: `Step ${number}`, src: address(first) }), slow.pane);
  } else if (windows > 1 && !portrait.matches) {
    const one = make("iframe", { title: `Step ${number}, first window`, src: address(first) });
    const two = make("iframe", { title: `Step ${number}, second window` });
    // Of two that come at once without a cookie each gets its own, and Django refuses what the first one posts.
    one.addEventListener("load", () => (two.src = address(second)), { once: true });
    frames.append(one, two);
  } else {
    frames.append(make("iframe", { title: `Step ${number}`, src: address(first) }));
  }
  const leave = make("button", { type: "button", textContent: "Back to the slides" });
  // What is typed in a frame belongs to the frame: this takes the keys back.
  leave.addEventListener("click", () => {
    leave.blur();
    window.focus();
  });
  frames.append(leave);
  picture.after(frames);
  picture.hidden = true;
}

// A page that is slow on purpose: asked for by a click, again and again, with a clock for the last row.

let slow = null; // what is on the slide
let asking = false;

function makeSlow(address) {
  const answer = make("iframe", { title: "The answer of /slow/" });
  const button = make("button", { type: "button", className: "ask" });
  const clock = make("p", { className: "clock" });
  const said = make("p", { className: "said", role: "status" });
  const pane = make("div", { className: "slow" }, button, clock, said, answer);
  let since = 0; // when it asked, while it waits
  let answers = 0;
  const seconds = () => Math.floor((Date.now() - since) / 1000);
  const tick = () => (clock.textContent = `${seconds()} s`);
  const ask = () => {
    if (!asking || since || !pane.isConnected) return;
    since = Date.now();
    said.textContent = "Waiting for the answer";
    answer.src = `${address}?${since}`;
    tick();
    const timer = setInterval(() => (since && pane.isConnected ? tick() : clearInterval(timer)), 100);
  };
  answer.addEventListener("load", () => {
    if (!since) return; // the empty frame
    const took = seconds();
    tick();
    since = 0;
    answers += 1;
    pane.classList.add("answered");
    said.textContent = took < 4 ? "No answer: is step 2 running?" : `Answer ${answers}:`;
    setTimeout(ask, 2000);
  });
  const draw = () => {
    button.textContent = asking ? "Ask no more" : "Ask for /slow/";
    pane.classList.toggle("asking", asking);
    ask();
  };
  button.addEventListener("click", () => toggleSlow());
  draw();
  return { pane, draw };
}

function toggleSlow(on = !asking, tell = leads) {
  asking = on;
  slow?.draw();
  if (tell) socket.emit("demo", "slow", on);
}

// The stacks of a running step, in place of those in deck.md.

function prepareStacks(slide) {
  const button = make("button", { type: "button", textContent: "Ask step 2 now" });
  button.addEventListener("click", () => socket.emit("stacks"));
  slide.querySelector("pre").append(make("span", { className: "stacks" }, make("output"), button));
}

function drawStacks({ said, problem }) {
  const at = new Date().toLocaleTimeString("en-GB");
  for (const slide of all("[data-stacks]")) {
    slide.querySelector("output").value = problem ?? `Live from step 2, ${at}`;
    if (!said) continue;
    all("pre code", slide).at(-1).textContent = said;
    measure(slide);
  }
}

function beginDemo() {
  const slide = Reveal.getCurrentSlide();
  if (!leads) return;
  if ("stacks" in slide.dataset) socket.emit("stacks");
  if (slide.querySelector("[data-path$='/slow/']")) toggleSlow();
}

// A recording, in place of a demo that fails.

let recording = null; // what is played, and what is hidden meanwhile

function play(on = !recording, tell = leads) {
  const place = Reveal.getCurrentSlide().querySelector("[data-recording]");
  if (on === Boolean(recording) || (on && !place)) return;
  if (on) {
    const picture = place.closest("p");
    const { alt } = picture.querySelector("img");
    const hidden = all(":scope > :is(.live, .not-running)", picture.parentElement).concat(picture);
    recording = { hidden: hidden.filter((each) => !each.hidden) };
    // The number has it begin at its beginning; four hundred phones fetch it once, and then look on.
    const src = `pictures/${place.dataset.recording}.webp${leads ? `?${Date.now()}` : ""}`;
    recording.film = make("p", { className: "film" }, make("img", { src, alt: `A recording. Its end: ${alt}` }));
    picture.before(recording.film);
  } else {
    recording.film.remove();
  }
  for (const each of recording.hidden) each.hidden = on;
  if (!on) {
    recording = null;
    showSteps(); // It may have come back meanwhile.
  }
  if (tell) socket.emit("demo", "recording", on);
}

// A poll: its list becomes buttons with bars.

let mine = {}; // poll: the answer that this browser has given
let votes = {}; // poll: how many each answer has

function preparePoll(slide) {
  const list = slide.querySelector("ul, ol");
  const poll = slide.dataset.poll;
  list.classList.add("poll");
  [...list.children].forEach((item, choice) => {
    const answer = make("span", { className: "answer" }, ...item.childNodes);
    const button = make("button", { type: "button" }, answer, make("span", { className: "count" }));
    button.addEventListener("click", () => {
      if (pollIsClosed(poll)) return;
      mine[poll] = choice;
      socket.emit("vote", poll, choice);
      drawPolls();
    });
    item.append(button);
  });
}

function drawPolls() {
  for (const slide of all("[data-poll]")) {
    const counts = votes[slide.dataset.poll] ?? [];
    const total = counts.reduce((sum, count) => sum + count, 0);
    all(".poll button", slide).forEach((button, choice) => {
      const count = counts[choice] ?? 0;
      const percent = total ? Math.round((100 * count) / total) : 0;
      button.setAttribute("aria-pressed", mine[slide.dataset.poll] === choice);
      button.style.setProperty("--share", `${percent}%`);
      button.querySelector(".count").textContent = total ? `${count} · ${percent} %` : "";
    });
    drawPollState(slide);
  }
}

// The box to publish from, for the presenter.

function preparePublish(slide) {
  const text = make("input", { name: "text", maxLength: 280, autocomplete: "off", required: true });
  const answer = make("output");
  const form = make("form", { className: "publish" });
  form.append(make("label", {}, "Publish ", text), make("button", { textContent: "Publish" }), answer);
  slide.append(form);
  text.addEventListener("keydown", (event) => {
    // The clicker works from here too: reveal.js takes these keys once the box has lost the focus.
    if (["PageUp", "PageDown", "Escape"].includes(event.key)) text.blur();
    if (event.key === "Escape") event.stopPropagation();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    answer.value = "";
    try {
      const heard = await socket.timeout(5000).emitWithAck("publish", text.value);
      const servers = { 0: "Nobody", 1: "1 server" }[heard] ?? `${heard} servers`;
      answer.value = typeof heard === "string" ? heard : `Published. ${servers} heard it.`;
      if (heard > 0) {
        text.value = "";
        text.blur(); // The keys move the slides again.
      }
    } catch {
      answer.value = "No answer: look at the board before you publish it again.";
    }
  });
}

function toPublishBox() {
  const box = leads && Reveal.getCurrentSlide().querySelector(".publish input");
  box ? box.focus() : Reveal.prev();
}

// The slide that invites the room.

function prepareJoin(slide) {
  const { room } = document.body.dataset;
  const join = make("div", { className: "join" });
  if (live && room) {
    const code = make("img", { src: "qr.svg", alt: `QR code of ${room}` });
    const address = make("p", { className: "address", textContent: room });
    join.append(code, address, make("p", { className: "followers" }));
  } else {
    // Nobody can follow, and the audience is told what is true all the same.
    slide.querySelector("p")?.remove();
    const home = "All that you will see is in a repository: run it, break it, and type it yourself, at home.";
    join.append(make("p", {}, home));
  }
  slide.append(join);
  if (!room) prepareAddress(slide);
}

// Who speaks, and where to find it all: settings of the command, in print and in the exported site too.

function prepareTitle(slide) {
  const { speaker } = document.body.dataset;
  if (speaker) slide.append(make("p", { className: "speaker", textContent: speaker }));
}

function prepareThanks(slide) {
  prepareTitle(slide);
  prepareAddress(slide);
}

function prepareAddress(slide) {
  const { address, qr } = document.body.dataset;
  if (!address) return;
  const code = make("img", { src: qr, alt: `QR code of ${address}` });
  slide.append(make("div", { className: "join" }, code, make("p", { className: "address", textContent: address })));
}

function drawRoom(room) {
  talk.followers = room.followers;
  votes = room.votes;
  pollStates = room.polls;
  drawPolls();
  const sentence = room.followers ? `${room.followers} ${room.followers === 1 ? "follows" : "follow"}.` : "";
  all(".followers").forEach((element) => (element.textContent = sentence));
}

// Following: a window that leads says where it is, all others go there.

// For the presenter's view
const talk = (window.talk = { leads: false, connected: false, followers: 0, lights: [], boards: {}, askBoard });
let socket;
let leads = false;
let alone = live && sessionStorage.getItem("alone") !== null;
let state = null; // where the presenter is
let here = ""; // where this window is
let unheard = 0; // moves of this window that the server has not acknowledged

const back = document.querySelector("#back");
const lost = document.querySelector("#lost");

function position() {
  const { indexh, indexv, indexf = -1, paused, overview } = Reveal.getState();
  return { indexh, indexv, indexf, paused, overview };
}

function follow() {
  here = JSON.stringify(position());
  const events = "slidechanged fragmentshown fragmenthidden overviewshown overviewhidden paused resumed";
  // One step may fire several of these; what counts is where it ends.
  for (const event of events.split(" ")) Reveal.on(event, () => queueMicrotask(moved));
  back.addEventListener("click", comeBack);
  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea");
    if (/^r$/i.test(event.key) && !typing && !event.ctrlKey && !event.metaKey && !event.altKey) comeBack();
  });
  Reveal.registerKeyboardShortcut("R", "Back to the presenter");
  Reveal.addKeyBinding({ keyCode: 80, key: "P", description: "The box to publish from" }, toPublishBox);
  Reveal.addKeyBinding({ keyCode: 68, key: "D", description: "Begin the demo, or end it" }, beginDemo);
  Reveal.on("slidechanged", () => toggleSlow(false, false));
  const view = () => (leads ? window.open("presenter.html", "presenter") : Reveal.getPlugin("notes").open());
  Reveal.addKeyBinding({ keyCode: 83, key: "S", description: "The presenter's view" }, view);

  const random = () => crypto.getRandomValues(new Uint32Array(4)).join("-");
  const browser = (localStorage.browser ??= random()); // one vote for each
  const token = sessionStorage.getItem("token");
  socket = io("/slides", { transports: ["websocket", "polling"], tryAllTransports: true, auth: { browser, token } });
  takePart(socket);
  socket.on("hello", (hello) => {
    leads = talk.leads = hello.leads;
    talk.connected = true;
    lost.hidden = true;
    document.documentElement.classList.toggle("leads", leads);
    renew(hello.version);
    steps = hello.up;
    mine = hello.mine;
    showSteps();
    drawRoom(hello);
    setAlone(alone && !leads);
    state = hello.state;
    if (leads && (unheard || !state)) {
      unheard = 0;
      say();
    } else if (state && !alone) {
      go();
    }
  });
  socket.on("state", (now) => {
    if (unheard) return; // The server will hear of ours later than of this one: ours it is.
    state = now;
    if (!alone) go();
  });
  socket.on("room", drawRoom);
  socket.on("stacks", drawStacks);
  socket.on("demo", (name, on) => (name === "slow" ? toggleSlow(on, false) : play(on, false)));
  socket.on("lights", (lights) => (talk.lights = lights));
  socket.on("boards", (boards) => (talk.boards = boards));
  socket.on("version", renew);
  socket.on("up", (now) => {
    steps = now;
    showSteps();
  });
  socket.on("disconnect", lose);
  socket.on("connect_error", lose);
}

// For the presenter's view: have a board do something; what is returned is wrong with it.
async function askBoard(step, what) {
  try {
    return await socket.timeout(8000).emitWithAck("board", step, what);
  } catch {
    return "No answer: try again.";
  }
}

function moved() {
  const now = JSON.stringify(position());
  if (now === here) return;
  here = now;
  if (leads) say();
  else if (state) setAlone(true);
}

function say() {
  unheard += 1;
  if (socket.connected) socket.emit("state", (state = position()), () => (unheard -= 1));
}

function go() {
  Reveal.setState(state);
  here = JSON.stringify(position());
}

function comeBack() {
  if (!alone) return;
  setAlone(false);
  if (state) go();
}

function setAlone(now) {
  alone = now;
  back.hidden = !alone;
  document.documentElement.classList.toggle("alone", alone);
  alone ? sessionStorage.setItem("alone", "") : sessionStorage.removeItem("alone");
}

function lose() {
  talk.connected = false;
  lost.hidden = false;
  const next = socket.active ? "trying again" : "reload the page"; // socket.io-client may give up
  lost.textContent = `No connection to the presenter: ${next}.`;
}

// Somebody has saved the deck. In the presenter's view the whole view is loaded again.
function renew(version) {
  if (version === document.body.dataset.version) return;
  history.replaceState(null, "", `#${Reveal.getSlidePath()}`);
  window.top.location.reload();
}
