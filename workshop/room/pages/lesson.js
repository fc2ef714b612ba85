// A lesson: what is shown beside it, or in its place where there is no room for both; the diff in two ways.

const $$ = (selector) => document.querySelectorAll(selector);
const narrow = matchMedia("(max-width: 60rem)");
const panels = [...$$(".panel")];

// Each lesson is where its reader left it, in this window.
let tab = sessionStorage.tab;

function showTab(chosen) {
  tab = chosen;
  sessionStorage.tab = chosen;
  drawTabs();
}

function drawTabs() {
  const usable = [...$$("[data-tab]")].filter((button) => !button.hidden).map((button) => button.dataset.tab);
  const shown = usable.includes(tab) && (narrow.matches || tab !== "lesson") ? tab : narrow.matches ? "lesson" : "diff";
  for (const panel of panels) {
    panel.hidden = panel.id !== shown && (narrow.matches || panel.id !== "lesson");
  }
  for (const button of $$("[data-tab]")) button.setAttribute("aria-pressed", button.dataset.tab === shown);
}

for (const button of $$("[data-tab]")) {
  button.addEventListener("click", () => {
    showTab(button.dataset.tab);
    if (narrow.matches) scrollTo(0, 0);
  });
}
if (panels.length) {
  narrow.addEventListener("change", drawTabs);
  drawTabs();
}

// The diff, one below the other or side by side: what is the same then stands on both sides.

function showDiff(way) {
  if (way === "split" && !$(".other")) {
    for (const line of $$(".hunk span.line")) {
      const copy = line.cloneNode(true);
      copy.classList.add("other");
      copy.setAttribute("aria-hidden", true);
      line.after(copy);
    }
  }
  document.documentElement.dataset.diff = way;
  for (const button of $$("[data-diff]:is(button)")) button.setAttribute("aria-pressed", button.dataset.diff === way);
}

for (const button of $$("button[data-diff]")) {
  button.addEventListener("click", () => showDiff((localStorage.diff = button.dataset.diff)));
}
showDiff(localStorage.diff ?? "unified");
