// What the pages of who leads, and the lessons, are made of: elements, buttons, and what lets a page lead.

const $ = (selector) => document.querySelector(selector);
const say = (where, text) => {
  const element = typeof where === "string" ? $(where) : where;
  if (element.textContent !== text) element.textContent = text;
};

const random = () => crypto.getRandomValues(new Uint32Array(4)).join("-");
const lead = { browser: (localStorage.browser ??= random()), token: sessionStorage.getItem("token") };

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function button(text, click) {
  const made = element("button", { type: "button", textContent: text });
  made.addEventListener("click", click);
  return made;
}

// A button that asks before it does anything: itself, for four seconds. A dialog of the browser would stop the deck.
function confirmed(button, question, act) {
  const label = button.textContent;
  let timeout = 0;
  const calm = () => {
    clearTimeout(timeout);
    timeout = 0;
    button.textContent = label;
  };
  button.addEventListener("click", () => {
    if (timeout) return calm(), act();
    button.textContent = question;
    timeout = setTimeout(calm, 4000);
  });
}

const counted = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;
