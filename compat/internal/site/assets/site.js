// The search, the filters and the mark in the table of contents. Everything else works
// without this script.
"use strict";

const root = document.currentScript.dataset.root;
const $ = (selector, within = document) => within.querySelector(selector);
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// loadIndex loads the index on first use. It is a script, since a page in a directory
// cannot read other files.
let loading;
function loadIndex() {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = root + "search.js";
    script.onload = () => resolve(window.searchIndex.map((e) => ({ ...e, title: e.t.toLowerCase().replace(/^[0-9]+\. /, ""), text: (e.x ?? "").toLowerCase() })));
    script.onerror = () => reject(new Error("cannot load the index"));
    document.head.append(script);
  });
  return loading;
}

const weight = { requirement: 10, text: 9, schema: 7, script: 5, vector: 1, scenario: 0.5 };

const literal = (text) => text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");

// rank returns how well an entry fits the words: all of them have to be in it, better at the
// beginning of one of its words.
function rank(entry, words, beginnings, query) {
  let sum = weight[entry.k];
  for (const [i, word] of words.entries()) {
    const begins = beginnings[i];
    if (begins.test(entry.title)) sum += entry.title.startsWith(word) ? 12 : 8;
    else if (begins.test(entry.text)) sum += 4;
    else if (entry.title.includes(word)) sum += 2;
    else if (entry.text.includes(word)) sum -= 3;
    else return 0;
  }
  return Math.max(sum, 0.1) + (entry.title === query ? 100 : 0);
}

function marked(text, words) {
  const fragment = document.createDocumentFragment();
  const pattern = new RegExp("(" + words.map(literal).join("|") + ")", "i");
  text.split(pattern).forEach((piece, i) => {
    if (i % 2 === 0) return fragment.append(piece);
    const mark = document.createElement("mark");
    mark.textContent = piece;
    fragment.append(mark);
  });
  return fragment;
}

// excerpt returns the text around the first word.
function excerpt(entry, words) {
  const at = Math.min(...words.map((w) => entry.text.search(new RegExp("(?<![a-z0-9])" + literal(w)))).filter((i) => i >= 0), entry.x.length);
  const from = at < 60 || at === entry.x.length ? 0 : entry.x.lastIndexOf(" ", at - 30) + 1;
  return (from > 0 ? "…" : "") + entry.x.slice(from, from + 160);
}

function search() {
  const box = $(".search");
  const input = $("#search");
  const list = $("#results");
  box.hidden = false;
  let selected = -1;
  const close = () => {
    list.hidden = true;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    selected = -1;
  };
  const select = (i) => {
    const options = all("a", list);
    if (options.length === 0) return;
    selected = (i + options.length) % options.length;
    options.forEach((o, n) => o.setAttribute("aria-selected", n === selected));
    input.setAttribute("aria-activedescendant", options[selected].id);
    options[selected].scrollIntoView({ block: "nearest" });
  };
  const show = async () => {
    const query = input.value.trim().toLowerCase();
    if (query === "") return close();
    const index = await loadIndex();
    if (query !== input.value.trim().toLowerCase()) return;
    const words = query.split(/\s+/);
    const beginnings = words.map((w) => new RegExp("(?<![a-z0-9])" + literal(w)));
    const found = index.map((e) => [rank(e, words, beginnings, query), e]).filter(([r]) => r > 0).sort((a, b) => b[0] - a[0]).slice(0, 30);
    list.replaceChildren(...found.map(([, e], i) => {
      const link = document.createElement("a");
      Object.assign(link, { href: root + e.l, id: "result-" + i, role: "option", tabIndex: -1 });
      const kind = document.createElement("small");
      kind.textContent = e.k === "text" ? e.i : e.k;
      const title = document.createElement("b");
      title.append(marked(e.t, words));
      link.append(kind, title);
      if (e.x) {
        const text = document.createElement("span");
        text.append(marked(excerpt(e, words), words));
        link.append(text);
      }
      return link;
    }));
    if (found.length === 0) {
      const none = document.createElement("p");
      none.textContent = "Nothing found.";
      list.append(none);
    }
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    select(0);
  };
  input.addEventListener("focus", () => loadIndex().catch(() => {}));
  input.addEventListener("input", show);
  input.addEventListener("keydown", (event) => {
    switch (event.key) {
      case "ArrowDown": select(selected + 1); break;
      case "ArrowUp": select(selected - 1); break;
      case "Enter": all("a", list)[selected]?.click(); break;
      case "Escape": close(); input.blur(); break;
      default: return;
    }
    event.preventDefault();
  });
  list.addEventListener("click", (event) => { if (event.target.closest("a")) { close(); input.blur(); } });
  document.addEventListener("click", (event) => { if (!box.contains(event.target)) close(); });
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !event.target.closest("input, select, textarea")) {
      event.preventDefault();
      input.focus();
    }
  });
}

// filters hides what does not have the text and the class of a form.
function filters() {
  for (const form of all(".filter")) {
    const items = all(form.dataset.filter);
    const texts = items.map((item) => item.textContent.toLowerCase());
    const input = $("input", form);
    const choice = $("select", form);
    const update = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      const chosen = choice?.value;
      let shown = 0;
      items.forEach((item, i) => {
        item.hidden = !words.every((w) => texts[i].includes(w)) || Boolean(chosen) && !item.dataset.classes.split("|").some((c) => c === chosen || c.startsWith(chosen + ", if "));
        if (!item.hidden) shown++;
      });
      for (const part of all("main > section")) if ($(form.dataset.filter, part)) part.hidden = all(form.dataset.filter, part).every((item) => item.hidden);
      $("output", form).textContent = shown === items.length ? `${items.length}` : `${shown} of ${items.length}`;
    };
    form.hidden = false;
    form.addEventListener("input", update);
    form.addEventListener("submit", (event) => event.preventDefault());
    // A link to a case that is hidden shows all.
    window.addEventListener("hashchange", () => {
      const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (target?.hidden) {
        input.value = "";
        if (choice) choice.value = "";
        update();
        target.scrollIntoView();
      }
    });
    update();
  }
}

// contents marks the section that is read in the table of contents.
function contents() {
  const links = new Map(all(".toc a").map((a) => [decodeURIComponent(a.hash.slice(1)), a]));
  const headings = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  if (headings.length === 0) return;
  let current;
  const update = () => {
    let now = headings[0];
    for (const h of headings) if (h.getBoundingClientRect().top < 120) now = h;
    if (now === current) return;
    current = now;
    for (const a of links.values()) a.removeAttribute("aria-current");
    const link = links.get(now.id);
    link.setAttribute("aria-current", "true");
    const toc = $(".toc");
    if (link.offsetTop < toc.scrollTop + 40 || link.offsetTop > toc.scrollTop + toc.clientHeight - 60) toc.scrollTop = link.offsetTop - toc.clientHeight / 2;
  };
  document.addEventListener("scroll", update, { passive: true });
  update();
}

search();
filters();
contents();
