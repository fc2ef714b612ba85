// How the room takes part: questions that are asked and voted up here, and what a poll says of itself.

// The state of each poll, drawn with its bars.

let pollStates = {}; // poll: its state, and how many have voted

function drawPollState(slide) {
  const { state, total } = pollStates[slide.dataset.poll] ?? { state: "open", total: 0 };
  const list = slide.querySelector(".poll");
  let sentence = slide.querySelector(".poll-state");
  if (!sentence) list.after((sentence = make("p", { className: "poll-state", role: "status" })));
  const voted = `${total} ${total === 1 ? "has" : "have"} voted`;
  const text = { open: "", hidden: `${voted}. The result is shown later.`, closed: `Closed: ${voted}.` }[state];
  if (sentence.textContent !== text) sentence.textContent = text;
  // Not disabled: that would take the focus, and dim the result.
  for (const button of all("button", list)) button.setAttribute("aria-disabled", state === "closed");
}

const pollIsClosed = (poll) => pollStates[poll]?.state === "closed";

// The slide for questions: what it says by itself is shown until there is one.

let questions = { shown: [], large: null, waiting: 0 };
const upvoted = new Set();
const own = new Set(); // Nobody votes for a question of their own.

function prepareQuestions(slide) {
  slide.append(make("ol", { className: "questions", hidden: true }));
}

function drawQuestionsSlide() {
  const open = questions.shown.filter(({ state }) => state === "open");
  const large = open.find(({ id }) => id === questions.large);
  for (const list of all("ol.questions")) {
    list.hidden = !open.length;
    list.classList.toggle("large", !!large);
    list.parentElement.classList.toggle("asked", !!open.length);
    list.replaceChildren(
      ...(large ? [large] : open.slice(0, 4)).map(({ text, name, votes }) => {
        const words = make("span", { className: "words" }, make("q", { textContent: text }));
        if (name) words.append(make("span", { className: "name", textContent: name }));
        const heading = make("span", { className: "votes", textContent: votes });
        heading.append(make("span", { className: "unseen", textContent: votes === 1 ? " vote" : " votes" }));
        return make("li", {}, heading, words);
      }),
    );
    const more = questions.waiting - list.children.length;
    if (more > 0 && !large) list.append(make("li", { className: "more", textContent: `and ${more} more` }));
  }
}

// The sheet on a phone: ask, and vote for what others have asked.

const sheet = document.createElement("dialog");
const theirs = document.createElement("ul");
const nobody = document.createElement("p");

function takePart(socket) {
  const askButton = make("button", { type: "button", textContent: "Ask" });
  const room = make("aside", { id: "room", hidden: true }, askButton);
  room.setAttribute("aria-label", "Taking part");
  sheet.id = "sheet";
  sheet.setAttribute("aria-labelledby", "sheet-heading");
  nobody.textContent = "Nobody has asked anything yet.";
  const text = make("textarea", { name: "text", rows: 3, maxLength: 200, required: true });
  const name = make("input", { name: "name", maxLength: 40, autocomplete: "off", value: localStorage.asker ?? "" });
  const send = make("button", { className: "send", textContent: "Ask it" });
  const answer = make("output");
  const form = make("form", {});
  form.append(
    make("label", {}, "Your question", text),
    make("label", {}, "Your name, if you like", name),
    send,
    answer,
  );
  const close = make("button", { type: "button", className: "close", textContent: "Close" });
  const heading = make("h2", { id: "sheet-heading", textContent: "Questions" });
  sheet.append(make("header", {}, heading, close), form, nobody, theirs);
  document.body.append(room, sheet);
  // What is said there is as high as it is.
  const follow = document.querySelector("#follow");
  new ResizeObserver(() => room.style.setProperty("--follow", `${follow.offsetHeight}px`)).observe(follow);

  takeInk(socket);
  askButton.addEventListener("click", () => {
    drawSheet();
    sheet.showModal();
  });
  close.addEventListener("click", () => sheet.close());
  // What is typed here turns no slide.
  sheet.addEventListener("keydown", (event) => event.stopPropagation());
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    answer.value = "";
    send.disabled = true;
    localStorage.asker = name.value;
    try {
      const wrong = await socket.timeout(5000).emitWithAck("ask", text.value, name.value);
      answer.value = wrong || "Asked. The presenter sees it now.";
      if (!wrong) text.value = "";
    } catch {
      answer.value = "No answer: look below before you ask again.";
    }
    send.disabled = false;
  });

  socket.on("hello", ({ leads }) => {
    room.hidden = leads;
    if (leads) sheet.close();
  });
  socket.on("questions", (now) => {
    questions = now;
    if (now.mine) {
      upvoted.clear();
      now.mine.forEach((id) => upvoted.add(id));
      now.own.forEach((id) => own.add(id));
    }
    const open = now.shown.filter(({ state }) => state === "open").length;
    askButton.textContent = open ? `Ask (${now.waiting})` : "Ask";
    drawQuestionsSlide();
    if (sheet.open) drawSheet();
  });
  socket.on("own", (id) => own.add(id));
  theirs.addEventListener("click", ({ target }) => {
    const { id } = target.closest("button")?.dataset ?? {};
    if (!id) return;
    const up = !upvoted.has(id);
    up ? upvoted.add(id) : upvoted.delete(id);
    socket.emit("upvote", id, up);
    target.closest("button").setAttribute("aria-pressed", up); // its count comes from the server
  });
}

// Each question stays the element that it is: who has just put a finger on it hits it.
function drawSheet() {
  const known = new Map([...theirs.children].map((item) => [item.dataset.id, item]));
  const items = questions.shown.map((question) => {
    const item = known.get(question.id) ?? makeQuestion(question);
    const button = item.querySelector("button");
    const open = question.state === "open";
    button.textContent = open ? `▲ ${question.votes}` : "✓";
    const label = own.has(question.id) ? "Your own question" : "I want to know this too";
    button.setAttribute("aria-label", open ? `${label}: ${question.votes}` : "Answered");
    button.setAttribute("aria-pressed", upvoted.has(question.id));
    button.disabled = !open || own.has(question.id);
    return item;
  });
  const order = items.map((item) => item.dataset.id).join();
  if (order !== [...theirs.children].map((item) => item.dataset.id).join()) theirs.replaceChildren(...items);
  nobody.hidden = items.length > 0;
}

function makeQuestion({ id, text, name }) {
  const button = make("button", { type: "button" });
  button.dataset.id = id;
  const words = make("p", { textContent: text });
  if (name) words.append(make("span", { className: "name", textContent: name }));
  const item = make("li", {}, button, words);
  item.dataset.id = id;
  return item;
}
