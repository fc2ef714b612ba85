// The deck's looks: light or dark, pictures in the page's own type and colours, code that wraps with a hanging indent.
// In the page's head, before anything is drawn.

const look = (() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const upright = matchMedia("(orientation: portrait)");
  const onPaper = new URLSearchParams(location.search).get("view") === "print";

  // Each browser keeps its own, and asks the system until somebody has pressed the key.
  let kept = {};
  try {
    kept = localStorage;
  } catch {
    // A browser that lets a file keep nothing.
  }

  function setTheme() {
    if (kept.theme && !onPaper) root.dataset.theme = kept.theme;
    else delete root.dataset.theme;
    document.querySelectorAll(".live iframe").forEach(tell);
  }

  // The steps' pages in the slides' frames are another site's: they are told.
  function tell(frame) {
    frame.contentWindow?.postMessage({ theme: root.dataset.theme ?? "" }, "*");
  }

  document.addEventListener("load", (event) => event.target.matches?.(".live iframe") && tell(event.target), true);

  function toggleTheme() {
    const now = kept.theme ?? (dark.matches ? "dark" : "light");
    kept.theme = now === "dark" ? "light" : "dark";
    setTheme();
  }

  // Two windows of one browser are one pair of eyes: projector and presenter's view.
  addEventListener("storage", setTheme);
  setTheme();

  // A drawing becomes a part of the page: in an <img> it would have neither the deck's type nor its theme.
  function drawing(image) {
    const source = document.getElementById(image.getAttribute("src"));
    if (!source || image.closest("[data-live]")) return null;
    const picture = document.createElement("span");
    picture.className = "picture";
    picture.setAttribute("role", "img");
    picture.setAttribute("aria-label", image.alt);
    const inside = picture.attachShadow({ mode: "open" }); // Each has its own styles and ids.
    inside.append(source.content.cloneNode(true));
    inside.firstElementChild.setAttribute("aria-hidden", true);
    return picture;
  }

  function preparePicture(image) {
    const picture = drawing(image) ?? image;
    if (picture !== image) image.replaceWith(picture);
    if (onPaper) return;
    const button = document.createElement("button");
    Object.assign(button, { type: "button", className: "enlarge", textContent: "Larger" });
    button.setAttribute("aria-label", "Show the picture larger");
    button.addEventListener("click", () => enlarge(image));
    picture.addEventListener("click", () => upright.matches && enlarge(image));
    picture.after(button);
  }

  // On a phone: as large as it can be read, to be moved by a finger.
  function enlarge(image) {
    const dialog = document.createElement("dialog");
    dialog.className = "enlarged";
    dialog.setAttribute("aria-label", "The picture, larger");
    const close = document.createElement("button");
    Object.assign(close, { type: "button", textContent: "Close" });
    close.addEventListener("click", () => dialog.close());
    const room = document.createElement("div");
    room.tabIndex = 0; // Keys move it, too.
    room.append(drawing(image) ?? image.cloneNode());
    dialog.append(close, room);
    dialog.addEventListener("keydown", (event) => event.stopPropagation()); // Arrows turn no slide.
    dialog.addEventListener("close", () => dialog.remove());
    document.body.append(dialog);
    dialog.showModal();
  }

  // Whoever is behind it would not see that the talk goes on.
  const turned = () => document.querySelector("dialog.enlarged")?.close();

  const COLUMNS = 60;

  // A long line goes on below, further in than it began: after a space or a bracket, or with a dot.
  const hang = {
    id: "hang",
    init: (reveal) => {
      for (const line of reveal.getRevealElement().querySelectorAll(".hljs-ln-code")) {
        line.style.setProperty("--indent", line.textContent.search(/\S|$/));
        if (line.textContent.length > COLUMNS) texts(line).forEach(letBreak);
      }
    },
  };

  function texts(element) {
    return [...element.childNodes].flatMap((node) => (node.nodeType === Node.TEXT_NODE ? node : texts(node)));
  }

  function letBreak(text) {
    if (text.parentElement.closest(".hljs-string")) return;
    const parts = text.data.split(/(?<=\()|(?=\.(?!\d))/);
    if (text.data.endsWith("(")) parts.push(""); // What follows has a colour of its own.
    text.replaceWith(...parts.flatMap((part, n) => (n ? [document.createElement("wbr"), part] : part)));
  }

  // How many rows some lines of code are, and how wide: slides.css makes the letters as large as these allow.
  function measure(lines) {
    const rows = lines.map((line) => {
      const indented = line.search(/\S|$/) + 4;
      return 1 + Math.ceil(Math.max(0, line.length - COLUMNS) / (COLUMNS - indented));
    });
    return [rows.reduce((sum, each) => sum + each, 0), Math.min(COLUMNS, Math.max(0, ...lines.map((line) => line.length)))];
  }

  // What else is on a slide, in lines of text.
  function linesOfText(slide) {
    const texts = [...slide.querySelectorAll("p, li")].filter((each) => !each.closest("aside"));
    return texts.reduce((sum, each) => sum + Math.ceil(each.textContent.length / 76) + 0.4, 0);
  }

  return { hang, linesOfText, measure, preparePicture, toggleTheme, turned };
})();
