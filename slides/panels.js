// Beside the notes, in the presenter's view: the room's questions, the polls, all slides, and who else leads.

const notesSection = document.querySelector("section.notes");
const tabs = element("nav", { className: "tabs" });
tabs.setAttribute("aria-label", "Beside the notes");
const panels = {};

for (const [name, title] of Object.entries({
  notes: "Notes",
  questions: "Questions",
  polls: "Polls",
  slides: "Slides",
  lead: "Lead",
})) {
  const tab = element("button", { type: "button", textContent: title });
  tab.addEventListener("click", () => choose(name));
  tabs.append(tab);
  if (name !== "notes") notesSection.append((panels[name] = element("div", { className: "panel", id: `panel-${name}` })));
  panels[name] ??= document.querySelector("#notes");
  panels[name].tab = tab;
}
notesSection.prepend(tabs);
choose("notes");

function choose(chosen) {
  for (const [name, panel] of Object.entries(panels)) {
    panel.hidden = name !== chosen;
    panel.tab.setAttribute("aria-pressed", name === chosen);
  }
}

// Who has lost the lead, or never had it, sees the notes.
leading.on("hello", ({ leads }) => {
  tabs.hidden = !leads;
  if (!leads) choose("notes");
});

// Its arrows choose, and turn no slide.
notesSection.addEventListener("keydown", (event) => {
  if (event.target.closest("select")) event.stopPropagation();
});

// Questions. They keep their places while the mouse is over them: what is clicked is what was seen.

const list = element("ul");
const nothing = element("p", { textContent: "No questions yet. Phones have a button for them." });
const hideAll = element("button", { type: "button", textContent: "Hide all that wait" });
confirmed(hideAll, "Really? Each can be opened again", () => leading.emit("hide_all"));
panels.questions.append(nothing, list, hideAll);
const items = new Map();

leading.on("all_questions", ({ all, large }) => {
  const open = all.filter(({ state }) => state === "open").length;
  panels.questions.tab.textContent = open ? `Questions ${open}` : "Questions";
  nothing.hidden = all.length > 0;
  hideAll.hidden = !open;
  for (const question of all) drawQuestion(question, question.id === large);
  for (const [id, item] of items) {
    if (all.some((question) => question.id === id)) continue;
    item.remove();
    items.delete(id);
  }
  if (list.matches(":hover, :focus-within")) return;
  const rank = { open: 0, answered: 1, hidden: 2 };
  const ordered = [...all].sort((one, other) => rank[one.state] - rank[other.state]);
  list.append(...ordered.map(({ id }) => items.get(id)));
});

function drawQuestion({ id, text, name, votes, state }, large) {
  if (!items.has(id)) {
    const words = element("p", { textContent: text });
    if (name) words.append(element("span", { className: "name", textContent: name }));
    const item = element("li", {}, element("span", { className: "votes" }), words, element("p", { className: "buttons" }));
    items.set(id, item);
    list.append(item);
  }
  const item = items.get(id);
  item.querySelector(".votes").textContent = votes;
  if (item.className === state && (item.ariaCurrent === "true") === large) return;
  item.className = state;
  item.ariaCurrent = String(large);
  const to = (text, state) => button(text, () => leading.emit("question", id, state));
  const focused = item.contains(document.activeElement);
  const buttons =
    state === "open"
      ? [
          button(large ? "Show all" : "Show large", () => leading.emit("large", large ? null : id)),
          to("Answered", "answered"),
          to("Hide", "hidden"),
        ]
      : [element("span", { textContent: state === "hidden" ? "Hidden" : "Answered" }), to("Open again", "open")];
  item.querySelector(".buttons").replaceChildren(...buttons);
  if (focused) item.querySelector("button").focus();
}

// Polls

const pollStatesByName = {
  open: "Open, result shown",
  hidden: "Open, result hidden",
  closed: "Closed, result shown",
};

leading.on("counts", (counts) => {
  const names = counts.map(({ poll }) => poll).join();
  if (panels.polls.dataset.names !== names) {
    panels.polls.dataset.names = names;
    panels.polls.replaceChildren(...counts.map(makePoll));
    if (!counts.length) panels.polls.append(element("p", { textContent: "The deck has no polls." }));
  }
  counts.forEach(({ state, answers }, number) => {
    const poll = panels.polls.children[number];
    poll.querySelector("select").value = state;
    answers.forEach(({ votes }, row) => (poll.querySelectorAll("td")[row].textContent = votes));
  });
});

function makePoll({ poll, question, answers }) {
  const state = element("select", {}, ...Object.entries(pollStatesByName).map(([name, text]) => new Option(text, name)));
  state.ariaLabel = `State of “${question}”`;
  state.addEventListener("change", () => leading.emit("poll", poll, state.value));
  const table = element("table");
  for (const { answer } of answers) {
    table.insertRow().append(element("th", { scope: "row", textContent: answer }), element("td"));
  }
  return element("section", {}, element("h3", { textContent: question }), state, table);
}

// All slides, by title: a click goes there. presenter.js calls this when there is a deck, and when it has moved.

function drawSlides() {
  const slides = readSlides(deck);
  const now = deck.getSlidePastCount();
  if (panels.slides.childElementCount !== 1) {
    const all = element("ol");
    slides.forEach(({ title, begin, end, skip }, number) => {
      const go = button(title, () => deck.slide(number, 0, -1));
      const time = [end > begin ? minutes(end - begin) : "", skip ? "may be skipped" : ""].filter(Boolean).join(", ");
      all.append(element("li", {}, go, element("span", { textContent: time })));
    });
    panels.slides.replaceChildren(all);
  }
  panels.slides.querySelectorAll("button").forEach((go, number) => {
    number === now ? go.setAttribute("aria-current", "page") : go.removeAttribute("aria-current");
  });
}

// Who else leads: an address that is good for one other browser, until the lead is taken back.

const invitation = element("div");
const invitations = element("ul");
panels.lead.append(
  element("p", { textContent: "Hand the lead to another device: it leads beside this one, until you take it back." }),
  button("Invite one", invite),
  invitation,
  invitations,
);
let invited = null; // the number of the invitation that is shown

async function invite() {
  const made = await leading.timeout(5000).emitWithAck("invite").catch(() => null);
  if (!made) {
    invitation.replaceChildren(element("p", { textContent: "No invitation: only the presenter invites, ten at most." }));
    return;
  }
  invited = made.number;
  const code = element("img", { alt: "QR code of the invitation", src: `data:image/svg+xml,${encodeURIComponent(made.qr)}` });
  const address = element("p", { className: "address", textContent: made.address });
  invitation.replaceChildren(code, address, element("p", { textContent: "Good once. Not for the projector." }));
}

leading.on("invitations", (all) => {
  // A code that has done its work is gone.
  if (all.find(({ number }) => number === invited)?.used !== false) invitation.replaceChildren();
  invitations.replaceChildren(
    ...all.map(({ number, used, here }) => {
      const state = here ? "leads" : used ? "led, and is not here now" : "nobody has come with it yet";
      const text = element("span", { textContent: `Invitation ${number}: ${state}. ` });
      return element("li", {}, text, button("Take back", () => leading.emit("take_back", number)));
    }),
  );
});

// What the clock says

const warned = element("p", { id: "warning" });
warned.setAttribute("role", "status");
tabs.after(warned); // lead.js says it.

// How many raise a hand: the room has a board of its own.

const room = io("/room", { auth: lead });
room.on("board", ({ hands }) => say("#board", hands.length ? `Room, ${counted(hands.length, "hand")}` : "Room"));
room.connect(); // It shares the connection of lead.js, which waits to be told.
