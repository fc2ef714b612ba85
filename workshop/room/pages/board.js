// The presenter's board: how far the room is, who is stuck and at what, whose hand is up; and what is said to them.

const STUCK = 120; // seconds at the same hint
const room = io("/room", { transports: ["websocket", "polling"], tryAllTransports: true, auth: lead });
let board = null;
let received = 0; // when
let chosen = null; // a step, by its tab; otherwise the one with most people

// How the connection is. The server sends all of it to whoever comes, and again after each change.

room.on("board", (sent) => {
  board = sent;
  received = Date.now();
  draw();
});
room.on("connect", () => say("#state", ""));
room.on("disconnect", () => say("#state", "No connection to the server: trying again."));
room.on("connect_error", () => {
  const refused = "This page has no lead: open the address that the command printed.";
  say("#state", room.active ? "No connection to the server: trying again." : refused);
});

// Ask the server for something; return what is wrong, or nothing.
async function ask(...event) {
  // It would be kept, and said when it is no longer meant.
  if (!room.connected) return "No connection: try again.";
  return room
    .timeout(5000)
    .emitWithAck(...event)
    .catch(() => "No answer: look below whether it was said.");
}

// What is drawn

// One item for each thing, as long as it is there: what is typed into it stays.
function drawList(list, things, keyOf, make, update) {
  list.items ??= new Map();
  const keys = things.map(keyOf);
  for (const [key, item] of list.items) {
    if (keys.includes(key)) continue;
    item.remove();
    list.items.delete(key);
  }
  things.forEach((thing, number) => {
    const key = keys[number];
    if (!list.items.has(key)) list.items.set(key, list.appendChild(make(thing)));
    update(list.items.get(key), thing);
  });
  // Nothing changes its place under a mouse that is about to press.
  const aiming = matchMedia("(hover: hover)").matches && list.matches(":hover");
  const inOrder = keys.every((key, number) => list.children[number] === list.items.get(key));
  if (!inOrder && !aiming && !list.matches(":focus-within")) list.append(...keys.map((key) => list.items.get(key)));
}

const set = (item, selector, text) => say(item.querySelector(selector), text);

const lasting = (seconds) => seconds + (Date.now() - received) / 1000;
const spoken = (seconds) => (seconds < 60 ? "under a minute" : `${Math.floor(seconds / 60)} min`);
const list = (people) => people.map((each) => `${each.name} (${spoken(lasting(each.for))})`).join(", ");

function draw() {
  if (!board) return;
  const stuck = board.stuck
    .map((group) => ({ ...group, long: group.people.filter((each) => lasting(each.for) >= STUCK) }))
    .filter(({ long }) => long.length);
  say("#here", String(board.here));
  say("#stuck-count", String(stuck.reduce((sum, { long }) => sum + long.length, 0)));
  say("#hands-count", String(board.hands.length));
  say("#hands-word", board.hands.length === 1 ? "hand" : "hands");
  drawStep();
  drawHands();
  drawStuck(stuck);
  drawSaid();
}

// A step: its points as bars of people

function drawStep() {
  const numbers = Object.keys(board.steps);
  const fullest = numbers.reduce((a, b) => (board.steps[b].here > board.steps[a].here ? b : a), numbers[0]);
  const number = numbers.includes(chosen) ? chosen : fullest;
  const choice = (step) => button("", () => ((chosen = step), draw()));
  drawList($("#steps"), numbers, String, choice, (tab, step) => {
    tab.setAttribute("aria-pressed", step === number);
    set(tab.parentElement, `:nth-child(${1 + numbers.indexOf(step)})`, `Step ${step}: ${board.steps[step].here}`);
  });
  $("#steps").hidden = numbers.length < 2;
  $("#legend").hidden = $("#there").hidden = !number;
  if (!number) return say("#step-heading", "Nobody has checked anything yet"), $("#points").replaceChildren();
  const { points, bars, at, done, here, people } = board.steps[number];
  say("#step-heading", `Step ${number}: ${done} of ${board.here} are done`);
  drawList($("#points"), [...points.keys()], (row) => `${number} ${row}`, makePoint, (item, row) => {
    item.style.setProperty("--past", bars[row] / board.here);
    item.style.setProperty("--at", at[row] / board.here);
    item.classList.toggle("now", at[row] > 0);
    set(item, ".name", points[row]);
    set(item, ".past", String(bars[row]));
    set(item, ".of", ` of ${board.here}`);
    set(item, ".unseen", ` are past here, ${at[row]} at it now`);
  });
  set($("#there"), "summary", `Who is at step ${number}: ${here}`);
  drawList($("#people"), people, ({ id }) => id, makePerson, (item, { name }) => set(item, "span", name));
}

function makePoint() {
  return element(
    "li",
    {},
    element("span", { className: "name" }),
    element("span", { className: "number" }, element("span", { className: "past" }), element("span", { className: "of" })),
    element("span", { className: "unseen" }),
  );
}

function makePerson({ id, name }) {
  const forget = element("button", { type: "button", textContent: "Forget" });
  forget.ariaLabel = `Forget ${name}`;
  confirmed(forget, "Really? It can't come back", () => ask("forget", id));
  return element("li", {}, element("span"), forget);
}

// Something to say to some: a sentence of one's own

function sentence(label, to) {
  const field = element("input", { type: "text", maxLength: 500, placeholder: label, autocomplete: "off" });
  const form = element("form", {}, field, element("button", { textContent: "Say" }), element("output"));
  field.ariaLabel = label;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const problem = await ask("say", to, field.value);
    if (!problem) field.value = "";
    set(form, "output", problem || "Said.");
  });
  return form;
}

// Hands, in the order in which they were raised

function drawHands() {
  $("#no-hands").hidden = board.hands.length > 0;
  drawList($("#hands"), board.hands, ({ id }) => id, makeHand, (item, { name, step, hint, since, file }) => {
    const where = [step && `step ${step}`, hint, `up for ${spoken(lasting(since))}`].filter(Boolean);
    set(item, ".name", name);
    set(item, ".where", where.join(", "));
    item.querySelector("details").hidden = file === null;
    set(item, "summary", file ?? "");
  });
}

function makeHand({ id, name }) {
  const problem = element("output");
  const down = button("Hand down", async () => (problem.textContent = await ask("hand_down", id)));
  return element(
    "li",
    {},
    element("p", {}, element("b", { className: "name" }), " ", element("span", { className: "where" })),
    shownFile(id),
    element("div", { className: "answers" }, down, sentence(`A sentence to ${name}`, { who: id }), problem),
  );
}

// A file is fetched when it is looked at: on bad Wi-Fi all of them would keep the board from coming.
function shownFile(id) {
  const text = element("pre", { tabIndex: 0 });
  const shown = element("details", {}, element("summary"), text);
  shown.addEventListener("toggle", async () => {
    if (!shown.open) return;
    const answer = await ask("file", id);
    text.textContent = answer.text ?? answer.problem ?? (typeof answer === "string" ? answer : "It is gone.");
  });
  return shown;
}

// Who is stuck, by hint

function drawStuck(stuck) {
  $("#not-stuck").hidden = stuck.length > 0;
  drawList($("#stuck"), stuck, ({ step, hint }) => `${step} ${hint}`, makeStuck, (item, { step, people, long }) => {
    const others = people.length - long.length;
    const longest = spoken(lasting(long[0].for));
    set(item, ".where", `step ${step}, up to ${longest}${others ? `, and ${others} for a shorter time` : ""}`);
    set(item, ".number", String(long.length));
    set(item, ".names", list(long));
    set(item, ".next", `Next hint to ${people.length === 1 ? "that one" : `all ${people.length}`}`);
  });
}

function makeStuck({ step, hint }) {
  const said = element("output");
  const next = button("", async () => (said.textContent = (await ask("push_hint", step, hint)) || "Sent."));
  next.className = "next";
  return element(
    "li",
    {},
    element("b", { className: "number" }),
    element("p", { className: "name", textContent: hint }),
    element("p", { className: "where" }),
    element("p", { className: "names" }),
    element("div", { className: "answers" }, next, said, sentence("A sentence to them", { step, hint })),
  );
}

// To all, and what was said

$("#five").addEventListener("click", async () => {
  const problem = await ask("say", { all: true }, $("#five").textContent);
  set($("#all"), "output", problem || "Said.");
});
$("#all").append(sentence("A sentence to all", { all: true }));

function drawSaid() {
  $("#not-said").hidden = board.said.length > 0;
  const latest = [...board.said].reverse();
  drawList($("#said"), latest, ({ id }) => id, () => element("li"), (item, { kind, text, to, people, hint, ago }) => {
    const whom = to.all ? `all ${people}` : to.who ? "one" : `${people} at “${to.hint ?? `step ${to.step}`}”`;
    const said = `${kind === "hint" ? "The next hint" : text} (to ${whom}, ${spoken(lasting(ago))} ago)`;
    say(item, said);
  });
}

setInterval(draw, 1000);

// The report

$("#save").addEventListener("click", async () => {
  const report = await ask("report");
  if (typeof report === "string") return say("#saved", report);
  const file = new Blob([JSON.stringify(report, null, 2)], { type: "application/json" });
  const link = element("a", { download: "room-report.json", href: URL.createObjectURL(file) });
  link.click();
  URL.revokeObjectURL(link.href);
  say("#saved", "");
  const steps = Object.entries(report.steps);
  $("#report").replaceChildren(
    ...steps.flatMap(([step, { points, hints }]) => [
      table(`Step ${step}`, ["Point", "People", "Took"], points.map((each) => [each.point, each])),
      ...(hints.length ? [table(`Step ${step}: stuck`, ["Hint", "People", "For"], hints.map((each) => [each.hint, each]))] : []),
    ]),
  );
  if (!steps.length) $("#report").append(element("p", { textContent: "Nobody has got any further yet." }));
});

// The median of each; a point that nobody got has none.
function table(caption, heads, rows) {
  const made = element("table", {}, element("caption", { textContent: caption }));
  const head = made.createTHead().insertRow();
  head.append(...heads.map((textContent) => element("th", { scope: "col", textContent })));
  const body = made.createTBody();
  for (const [name, { people, median }] of rows) {
    const row = body.insertRow();
    row.append(element("th", { scope: "row", textContent: name }));
    row.insertCell().textContent = people;
    row.insertCell().textContent = median === null ? "" : spoken(median);
  }
  return made;
}
