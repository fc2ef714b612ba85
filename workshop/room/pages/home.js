// What is live in a lesson: buttons that do a command, the running step, the ticks and hints of check.

let since = 0; // how far this page has been told
let caughtUp = false;
const step = Number(document.body.dataset.step);
const token = sessionStorage.getItem("token");

if (token) connect(io("/home", {
  transports: ["websocket", "polling"],
  tryAllTransports: true,
  reconnectionDelayMax: 3000,
  timeout: 5000,
  auth: (tell) => tell({ token, step, since }),
}));

function take(entries) {
  for (const [id, topic, kind, data] of entries) {
    if (id <= since) continue; // It was told before.
    since = id;
    topic === "points" ? points[kind]?.(data) : outputs[kind]?.(topic, data);
  }
}

function connect(home) {
  home.on("connect", () => {
    for (const button of $$("[data-tab]")) button.hidden = false;
    if (panels.length) drawTabs();
  });
  home.on("disconnect", lost);
  home.on("connect_error", ({ message }) => (home.active ? lost() : say($("#state"), message)));

  function lost() {
    caughtUp = false;
    say($("#state"), "No connection: type the command again, python3 -m workshop home.");
    for (const button of $$("[data-do]")) button.disabled = true;
  }

  home.on("state", drawState);
  if (!step) return;

  home.on("commands", (commands) => {
    for (const [name, command] of Object.entries(commands)) say($(`[data-command="${name}"] code`), command);
  });
  home.on("past", (entries) => {
    caughtUp = true;
    take(entries);
  });
  // Until then what is new is in the past, too, and what is before it is yet to come.
  home.on("entries", (entries) => caughtUp && take(entries));
  for (const button of $$("[data-do]")) {
    button.addEventListener("click", async () => {
      const name = button.dataset.do;
      const topic = name === "run" || name === "check" ? name : "begin";
      button.disabled = true;
      const stops = button.textContent === "Stop";
      const asked = stops ? home.timeout(10000).emitWithAck("stop", name) : home.timeout(10000).emitWithAck("do", name, step);
      say($(`[data-answer="${topic}"]`), await asked.catch(() => "No answer: look below before you try again."));
      button.disabled = false;
    });
  }
}

// The folder, and what is done to it.

let shown = null; // the address of the running step

function drawState({ folder, step: built, doing, board }) {
  const here = built === step ? "this step" : `step ${built}`;
  say($("#state"), built ? `${folder} is to be ${here}.` : `There is no ${folder} yet.`);
  if (!step) return;
  for (const button of $$("[data-do]")) {
    const name = button.dataset.do;
    const can = { run: "Run", check: "Check", start: "Start", jump: "Jump" }[name];
    const isDoing = doing.includes(name);
    say(button, isDoing ? "Stop" : can);
    button.disabled = doing.includes("begin") && can !== "Run" && can !== "Check";
  }
  const other = $("#other");
  other.hidden = !built || built === step;
  say(other, `${folder} is to be step ${built}: its points are in that lesson.`);
  $("#nothing").hidden = !!board;
  $("#running").hidden = !board;
  if (board === shown) return;
  shown = board;
  $("#frame").replaceChildren();
  if (!board) return $("#address").removeAttribute("href");
  Object.assign($("#address"), { href: board, textContent: board });
  loadBoard();
}

// It may not lead this page elsewhere. Another port is another origin: nothing of this page is open to it.
function loadBoard() {
  const frame = element("iframe", { title: "The running step", src: shown });
  frame.sandbox = "allow-scripts allow-same-origin allow-forms";
  $("#frame").replaceChildren(frame);
}

$("#reload")?.addEventListener("click", loadBoard);

// What the commands print.

const LONGEST = 200_000; // letters of a log that are kept

const outputs = {
  began(topic, { command }) {
    say($(`[data-output="${topic}"]`), `$ ${command}\n`);
    say($(`[data-ended="${topic}"]`), "");
    if (topic === "check") for (const each of ["output", "ended"]) say($(`[data-${each}="begin"]`), "");
  },
  output(topic, { text }) {
    const log = $(`[data-output="${topic}"]`);
    const follows = log.scrollTop + log.clientHeight > log.scrollHeight - 30;
    log.append(text);
    if (log.textContent.length > LONGEST) log.textContent = log.textContent.slice(-LONGEST / 2);
    if (follows && topic !== "begin") log.scrollTop = log.scrollHeight;
  },
  ended(topic, { text }) {
    say($(`[data-ended="${topic}"]`), text);
    if (topic === "check") nothingIsTried();
  },
};

// What was told while the log was not shown has not moved it.
$("[data-tab=board]")?.addEventListener("click", () => {
  const log = $('[data-output="run"]');
  log.scrollTop = log.scrollHeight;
});

// The points of the lesson, as check finds them.

let mine = false; // The last check was of this very step.
let hint = null;
let level = 1;

const pointNamed = (name) => [...$("#points").children].find((item) => item.textContent === name);

const nothingIsTried = () => $$("#points .tried").forEach((item) => item.classList.remove("tried"));

const points = {
  began({ step: built, points }) {
    mine = built === step;
    if (!mine) return;
    drawHint(null);
    say($("#done"), "");
    $("#bar").hidden = true;
    $("#points").replaceChildren(...points.map((name) => element("li", { textContent: name })));
  },
  tick({ mark, what }) {
    if (!mine) return;
    nothingIsTried();
    const item = pointNamed(what);
    item?.classList.add({ "✓": "works", "–": "skipped" }[mark] ?? "tried");
  },
  outcome({ total, passed, skipped, hint, level, tried }) {
    if (!mine) return;
    nothingIsTried();
    for (const name of passed) pointNamed(name)?.classList.add("works");
    for (const name of skipped) pointNamed(name)?.classList.add("skipped");
    const done = passed.length + skipped.length;
    Object.assign($("#bar progress"), { max: total, value: done });
    say($("#bar span"), `${done} of ${total}${tried || !done ? "" : " the last time"}`);
    $("#bar").hidden = false;
    say($("#done"), hint ? "" : `All done: step ${step} works.`);
    drawHint(hint, level);
  },
};

// The hint: more of it at each press of a button, or of h and l, as in the terminal.

function drawHint(found, shown = 1) {
  hint = found;
  level = shown;
  $("#hint").hidden = !hint;
  if (!hint) return;
  say($("#hint h2"), hint.name);
  const rows = [["Expected", hint.expected], ["Happened", hint.happened]];
  if (hint.code) rows.push(["", element("pre", { textContent: hint.code })]);
  rows.push(["Look at", element("span", {}, hint.place, element("br"), readme(hint.lesson))]);
  if (hint.symptom) rows.push(["Why", element("code", { textContent: hint.symptom })]);
  if (level > 1) rows.push(["Hint", more(hint.more)]);
  $("#hint dl").replaceChildren(...rows.flatMap(([name, text]) => [element("dt", { textContent: name }), element("dd", {}, text)]));
  const { title, lines } = hint.difference;
  $("#difference").replaceChildren(...(level > 2 ? [element("h3", { textContent: title }), coloured(lines)] : []));
  $("#better").hidden = level >= Math.min(2, hint.levels);
  $("#lines").hidden = level >= hint.levels || hint.levels < 3;
}

function readme({ step: number, name, section }) {
  const text = number === step ? `“${section}”` : `“${section}” in step ${number}`;
  const heading = [...$$("#lesson :is(h2, h3)")].find((each) => each.textContent === section);
  const link = element("a", { textContent: text, href: `${document.body.dataset.up}steps/${name}/README.md` });
  if (number === step && heading) {
    link.href = `#${heading.id}`;
    link.addEventListener("click", () => narrow.matches && showTab("lesson"));
  }
  return link;
}

function more(text) {
  return element("div", {}, ...text.split("\n").map((line) => {
    if (!line.startsWith("$ ")) return element("p", { textContent: line });
    return element("pre", { textContent: line.slice(2) });
  }));
}

function coloured(all) {
  return element("pre", {}, ...all.map((line) => {
    const className = { "+": "plus", "-": "minus" }[line[0]] ?? "";
    return element("span", { className, textContent: className ? line : `${line}\n` });
  }));
}

function show(wanted) {
  if (hint) drawHint(hint, Math.min(wanted, hint.levels));
}

$("#better")?.addEventListener("click", () => show(level + 1));
$("#lines")?.addEventListener("click", () => show(3));
addEventListener("keydown", ({ key, ctrlKey, metaKey, altKey }) => {
  if (ctrlKey || metaKey || altKey || $("#check")?.hidden !== false) return;
  if (key === "h") show(level + 1);
  if (key === "l") show(3);
});
