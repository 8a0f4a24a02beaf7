// Live updates, keys and selection. Everything else works without scripts.
"use strict";

const live = document.getElementById("live");
let source = null;
let paused = false;

// replace shows new content of a live part, and keeps the focus where it was.
function replace(part, html) {
  const content = document.createElement("template");
  content.innerHTML = html;
  if (content.innerHTML === part.innerHTML) {
    return; // the first event has what the page has
  }
  const selection = document.getSelection();
  if (selection && !selection.isCollapsed && part.contains(selection.anchorNode)) {
    return; // a person copies text; the next event replaces it
  }
  const focused = part.contains(document.activeElement) ? document.activeElement : null;
  const href = focused && focused.getAttribute("href");
  const checked = [...part.querySelectorAll("input:checked")].map((box) => box.name);
  part.innerHTML = html;
  for (const name of checked) {
    for (const box of part.querySelectorAll("input[type=checkbox]")) {
      box.checked = box.checked || box.name === name;
    }
  }
  if (focused) {
    const same = [...part.querySelectorAll(focused.tagName)];
    const next = href ? same.find((e) => e.getAttribute("href") === href) : same[0];
    if (next) next.focus({ preventScroll: true });
  }
  localTimes(part);
}

// localTimes adds the local time to the UTC time that a title shows.
function localTimes(root) {
  for (const time of root.querySelectorAll("time[datetime]")) {
    time.title += " · local " + new Date(time.dateTime).toLocaleString();
  }
}

function show(state, label) {
  live.dataset.state = state;
  live.textContent = label;
  live.setAttribute("aria-pressed", String(paused));
}

function open() {
  if (source || paused || document.hidden) return;
  source = new EventSource(location.href);
  source.onopen = () => show("live", "Live · pause");
  source.onerror = () => {
    show("lost", "Connecting…");
    if (source && source.readyState === EventSource.CLOSED) { // the server denied it
      close();
      setTimeout(open, 5000);
    }
  };
  source.onmessage = (event) => {
    const parts = JSON.parse(event.data);
    for (const part of document.querySelectorAll("[data-live]")) {
      if (part.dataset.live in parts) replace(part, parts[part.dataset.live]);
    }
    document.documentElement.dataset.events = Number(document.documentElement.dataset.events || 0) + 1;
  };
}

function close() {
  if (source) source.close();
  source = null;
}

if (live) {
  live.hidden = false;
  show("", "Connecting…");
  live.addEventListener("click", () => {
    paused = !paused;
    if (paused) {
      close();
      show("", "Paused · resume");
    } else {
      show("", "Connecting…");
      open();
    }
  });
  // A browser has few connections to a server: a page that nobody sees needs none.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  addEventListener("pageshow", open);
  open();
}

// Selection of rows.
const boxes = () => [...document.querySelectorAll("input[name=letter][type=checkbox]")];
const all = document.getElementById("all");

function selectionChanged() {
  const n = boxes().filter((box) => box.checked).length;
  for (const button of document.querySelectorAll("[data-selected]")) {
    button.dataset.label = button.dataset.label || button.textContent;
    button.disabled = n === 0;
    button.textContent = button.dataset.label + (n > 0 ? " (" + n + ")" : "");
  }
  if (all) {
    all.checked = n > 0 && n === boxes().length;
    all.indeterminate = n > 0 && n < boxes().length;
  }
}

if (all) {
  all.hidden = false;
  all.addEventListener("change", () => {
    for (const box of boxes()) box.checked = all.checked;
    selectionChanged();
  });
  document.addEventListener("change", selectionChanged);
  addEventListener("pageshow", selectionChanged); // a browser restores forms
  selectionChanged();
}

// Keys.
for (const keys of document.querySelectorAll(".keys")) keys.hidden = false;

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.closest("input:not([type=checkbox]), select, textarea");
  if (typing) {
    if (event.key === "Escape") typing.blur();
    return;
  }
  const rows = [...document.querySelectorAll("[data-row]")];
  const current = rows.findIndex((row) => row.closest("tr").contains(document.activeElement));
  switch (event.key) {
    case "/": {
      const search = document.querySelector("[data-search]");
      if (!search) return;
      search.focus();
      search.select();
      break;
    }
    case "j":
    case "k": {
      const next = rows[event.key === "j" ? current + 1 : Math.max(current, 1) - 1];
      if (!next) return;
      next.focus();
      break;
    }
    case "x": {
      const box = current >= 0 && rows[current].closest("tr").querySelector("input[name=letter]");
      if (!box) return;
      box.checked = !box.checked;
      selectionChanged();
      break;
    }
    default:
      return;
  }
  event.preventDefault();
});

localTimes(document);
