"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const R = data.results, size = R.case.length;
  const OUTCOMES = data.outcomes.map((o) => o.name);
  const MARKS = data.outcomes.map((o) => o.mark);
  const word = (o, n) => (n === 1 ? data.outcomes[o].one : data.outcomes[o].many);
  const none = () => OUTCOMES.map(() => 0); // a tally of nothing
  const $ = (selector, within = document) => within.querySelector(selector);
  const $$ = (selector, within = document) => [...within.querySelectorAll(selector)];
  const number = (n) => n.toLocaleString("en-US");
  const list = (n) => (n < 0 ? [] : data.lists[n]);

  // make builds an element. Text only ever becomes a text node.
  function make(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== false && value != null) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child != null));
    return element;
  }
  const mark = (outcome) => make("span", { class: "mark " + OUTCOMES[outcome], role: "img", "aria-label": word(outcome, 1) }, MARKS[outcome]);

  // Cells and links name what they stand for, so that a link works with
  // another run's page too.
  const id = (part) => encodeURIComponent(part || "harness").replace(/[!'()*]/g, (c) => "%" + c.charCodeAt(0).toString(16).toUpperCase());
  const keyOf = (...parts) => parts.map(id).join("/");
  const normal = (hash) => hash.replace(/^#/, "").split("/").map((part) => { try { return id(decodeURIComponent(part)); } catch { return ""; } }).join("/");
  const senders = data.senders.map((p) => id(p.id)), receivers = data.receivers.map((p) => id(p.id));
  const requirements = data.requirements.map(id), implementations = data.implementations.map(id);
  const cases = data.cases.map((c) => id(c.id));

  // The requirements that a result shows.
  const requirementsOf = (i) => (R.requirements[i] < 0 ? data.cases[R.case[i]].requirements : list(R.requirements[i]));

  // groups puts the results that pass the filter into the cells.
  function groups(shown) {
    const tallies = new Map();
    const add = (key, outcome) => {
      let tally = tallies.get(key);
      if (!tally) tallies.set(key, (tally = none()));
      tally[outcome]++;
    };
    for (let i = 0; i < size; i++) {
      if (!shown[i]) continue;
      const outcome = R.outcome[i];
      add("pair/" + senders[R.sender[i]] + "/" + receivers[R.receiver[i]], outcome);
      add("case/" + cases[R.case[i]], outcome);
      for (const requirement of requirementsOf(i))
        for (const implementation of list(R.counts[i])) add("requirement/" + requirements[requirement] + "/" + implementations[implementation], outcome);
    }
    return tallies;
  }

  function spoken(tally) {
    const parts = tally.map((n, o) => (n ? number(n) + " " + word(o, n) : "")).filter(Boolean);
    return parts.join(", ") || "nothing";
  }
  function tallySpans(tally) {
    return tally.flatMap((n, o) => (n ? [make("span", { class: OUTCOMES[o] }, make("i", { "aria-hidden": "true" }, MARKS[o]), number(n), make("span", { class: "sr" }, " " + word(o, n)))] : []));
  }

  // The filter
  const state = { words: [], outcomes: new Set(), server: -1 };
  let shown = new Uint8Array(size).fill(1);
  const lower = (text) => text.toLowerCase();
  const texts = data.texts.map(lower);
  const haystacks = {
    case: data.cases.map((c) => lower([c.id, c.family, c.about, ...c.requirements.map((r) => data.requirements[r])].join(" "))),
    server: data.servers.map(lower),
    sender: data.senders.map((p) => lower(p.id + " " + p.name)),
    receiver: data.receivers.map((p) => lower(p.id + " " + p.name)),
    variant: texts,
    expected: texts,
    observed: texts,
    problems: data.lists.map(() => ""),
    deviation: data.deviations.map((d) => lower(d.join(" "))),
  };
  for (const n of new Set(R.problems)) if (n >= 0) haystacks.problems[n] = list(n).map((t) => texts[t]).join(" ");

  function filter() {
    const matched = new Uint8Array(size);
    matched.fill(1);
    for (const word of state.words) {
      const has = Object.entries(haystacks).map(([column, hay]) => [R[column], hay.map((text) => text.includes(word))]);
      for (let i = 0; i < size; i++) matched[i] &&= has.some(([column, yes]) => yes[column[i]]) ? 1 : 0;
    }
    let n = 0;
    for (let i = 0; i < size; i++) {
      if (state.server >= 0 && R.server[i] !== state.server) matched[i] = 0;
      if (state.outcomes.size && !state.outcomes.has(R.outcome[i])) matched[i] = 0;
      n += matched[i];
    }
    shown = matched;
    const tallies = groups(shown);
    for (const cell of $$("a.cell")) {
      const tally = tallies.get(cell.dataset.key) || none();
      const worst = data.worst.find((o) => tally[o]);
      cell.className = "cell " + (worst === undefined ? "nothing" : OUTCOMES[worst]);
      if (worst === undefined) continue;
      cell.firstChild.textContent = MARKS[worst];
      cell.lastChild.textContent = number(tally[worst]);
      cell.setAttribute("aria-label", cell.dataset.name + ": " + spoken(tally));
    }
    for (const family of $$(".family")) {
      const sum = none();
      for (const link of $$("a.case", family)) {
        const tally = tallies.get(normal(link.hash));
        link.parentElement.hidden = !tally;
        if (!tally) continue;
        tally.forEach((count, o) => (sum[o] += count));
        $(".tally", link).replaceChildren(...tallySpans(tally));
      }
      family.hidden = !sum.some(Boolean);
      $("summary .tally", family).replaceChildren(...tallySpans(sum));
    }
    for (const finding of $$(".finding[data-results]")) finding.hidden = !finding.dataset.results.split(" ").some((i) => shown[i]);
    for (const table of $$("table.matrix")) {
      for (const row of $$("tbody tr", table)) row.hidden = active() && !$$("a.cell:not(.nothing)", row).length;
      rove(table);
    }
    const status = $(".showing");
    status.hidden = !active();
    $("span", status).textContent = `${number(n)} of ${number(size)} results`;
  }
  const active = () => state.words.length > 0 || state.outcomes.size > 0 || state.server >= 0;

  let waiting = 0;
  const soon = () => { clearTimeout(waiting); waiting = setTimeout(filter, 120); };
  const search = $("#search"), server = $("#server");
  search.addEventListener("input", () => { state.words = lower(search.value).split(/\s+/).filter(Boolean); soon(); });
  server?.addEventListener("change", () => { state.server = Number(server.value); filter(); });
  for (const chip of $$(".chips button")) chip.addEventListener("click", () => {
    const outcome = Number(chip.dataset.outcome), on = !state.outcomes.has(outcome);
    if (on) state.outcomes.add(outcome); else state.outcomes.delete(outcome);
    chip.setAttribute("aria-pressed", on);
    filter();
  });
  $("#clear").addEventListener("click", () => {
    search.value = ""; state.words = []; state.outcomes.clear(); state.server = -1;
    if (server) server.value = "-1";
    for (const chip of $$(".chips button")) chip.setAttribute("aria-pressed", false);
    filter();
    search.focus();
  });
  $(".filter").addEventListener("submit", (event) => event.preventDefault());

  // In a matrix one cell is in the order of the Tab key, and arrows move.
  function rove(table) {
    const cells = $$("a.cell:not(.nothing)", table).filter((cell) => !cell.closest("tr").hidden);
    if (!cells.some((cell) => cell.tabIndex === 0)) {
      for (const cell of $$("a.cell", table)) cell.tabIndex = -1;
      if (cells[0]) cells[0].tabIndex = 0;
    }
  }
  const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  for (const table of $$("table.matrix")) {
    const rows = $$("tbody tr", table).map((row) => [...row.cells].map((cell) => $("a.cell", cell)));
    for (const cell of $$("a.cell", table)) {
      cell.dataset.key = normal(cell.hash);
      cell.dataset.name = cell.getAttribute("aria-label").replace(/: [^:]*$/, "");
      cell.tabIndex = -1;
    }
    rove(table);
    table.addEventListener("keydown", (event) => {
      const move = MOVES[event.key], from = event.target.closest("a.cell");
      if (!move || !from || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      let y = rows.findIndex((row) => row.includes(from)), x = rows[y].indexOf(from);
      for (;;) {
        y += move[0]; x += move[1];
        if (!rows[y] || x < 0 || x >= rows[y].length) return;
        const to = rows[y][x];
        if (!to || to.classList.contains("nothing") || to.closest("tr").hidden) continue;
        from.tabIndex = -1; to.tabIndex = 0;
        to.focus();
        return;
      }
    });
  }

  // Bytes
  const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}\ufffe\uffff]/u;
  const SHORT = { "\n": "\\n", "\r": "\\r", "\t": "\\t" };
  const bytesOf = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const hex = (n, width) => n.toString(16).padStart(width, "0");

  // textOf shows bytes as text, and marks what is escaped.
  function textOf(bytes) {
    const fragment = document.createDocumentFragment(), decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
    let plain = "";
    const escaped = (text) => {
      if (plain) fragment.append(plain);
      plain = "";
      fragment.append(make("span", { class: "esc" }, text));
    };
    for (let i = 0; i < bytes.length;) {
      const b = bytes[i], width = b < 0x80 ? 1 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : 4;
      let character;
      try { character = decoder.decode(bytes.subarray(i, i + width)); } catch { character = null; }
      if (character === null) { escaped("\\x" + hex(b, 2)); i++; continue; }
      if (!HIDDEN.test(character)) plain += character;
      else { const code = character.codePointAt(0); escaped(SHORT[character] || (code > 0xffff ? "\\U" + hex(code, 8) : "\\u" + hex(code, 4))); }
      i += width;
    }
    if (plain) fragment.append(plain);
    return fragment;
  }
  function hexOf(bytes) {
    const fragment = document.createDocumentFragment(), width = matchMedia("(max-width: 40rem)").matches ? 8 : 16;
    for (let i = 0; i < bytes.length; i += width) {
      const row = [...bytes.subarray(i, i + width)];
      fragment.append(make("span", { class: "off" }, hex(i, 4)), "  " + row.map((b) => hex(b, 2)).join(" ").padEnd(3 * width - 1) + "  ",
        make("span", { class: "off" }, row.map((b) => (b > 0x1f && b < 0x7f ? String.fromCharCode(b) : "·")).join("")), "\n");
    }
    return fragment;
  }
  function messageOf(i) {
    if (R.message[i] < 0) return [];
    const bytes = bytesOf(data.messages[R.message[i]]), whole = Math.max(R.bytes[i], bytes.length);
    const pre = make("pre", { tabindex: "0" });
    const buttons = [["Text", textOf], ["Hex", hexOf]].map(([name, show]) => make("button", { type: "button", onclick: () => choose(name, show) }, name));
    const choose = (name, show) => {
      pre.className = lower(name);
      pre.replaceChildren(show(bytes));
      for (const button of buttons) button.setAttribute("aria-pressed", button.textContent === name);
    };
    choose("Text", textOf);
    const length = whole > bytes.length ? `the first ${number(bytes.length)} of ${number(whole)} bytes` : `${number(whole)} bytes`;
    return [make("h4", {}, "Message in Redis", make("small", {}, length), make("span", { class: "switch", role: "group", "aria-label": "Show bytes as" }, ...buttons)), pre];
  }

  const seconds = (micros) => (micros >= 1e6 ? (micros / 1e6).toFixed(2) + " s" : (micros / 1e3).toFixed(1) + " ms");
  function traceOf(i) {
    if (R.trace[i] < 0) return [];
    const steps = data.traces[R.trace[i]], items = [];
    for (let s = 0; s < steps.length; s += 4) {
      const [at, who, what, text] = [steps[s], ...steps.slice(s + 1, s + 4).map((n) => data.texts[n])];
      items.push(make("li", {}, make("span", { class: "at" }, seconds(at)), make("span", { class: "step" }, make("b", {}, what), make("span", {}, who)), text ? make("code", {}, text) : null));
    }
    return [make("h4", {}, "Trace"), make("ol", { class: "trace", role: "list" }, ...items)];
  }

  function whoOf(i) {
    const sender = data.senders[R.sender[i]], receiver = data.receivers[R.receiver[i]];
    const name = (party) => (party.variants ? data.texts[R.variant[i]] : party.name);
    if (R.request[i] >= 0) return `${name(receiver)} ${data.texts[R.request[i]]}s`;
    const receives = name(receiver) + (R.reliable[i] ? " (reliable)" : "");
    if (!sender.id) return receives;
    return receiver.id ? `${name(sender)} → ${receives}` : `${name(sender)} sends`;
  }
  function detailsOf(i) {
    const known = data.deviations[R.deviation[i]], about = data.cases[R.case[i]], rows = [];
    const row = (name, ...values) => rows.push(make("dt", {}, name), ...values.map((value) => make("dd", {}, ...[value].flat())));
    if (about.about) row("Case", about.about);
    row("Expected", make("code", {}, data.texts[R.expected[i]]));
    row("Observed", make("code", { class: R.outcome[i] < OUTCOMES.indexOf("deviates") ? "bad" : "" }, data.texts[R.observed[i]]));
    if (list(R.problems[i]).length) row("Problems", ...list(R.problems[i]).map((n) => make("span", { class: "lines" }, data.texts[n])));
    if (R.first[i] >= 0) row("First try", make("code", {}, data.texts[R.first[i]]));
    if (known) {
      const [pattern, , kind, why, link] = known;
      row("Known", [why + " ", make("span", { class: "kind" }, kind), " ", make("code", {}, pattern), link ? " " : null, link ? make("a", { href: link, rel: "noreferrer" }, "more") : null].filter((x) => x != null));
    }
    if (requirementsOf(i).length) row("Demanded by", requirementsOf(i).map((n) => make("a", { class: "req", href: "#requirement/" + requirements[n] }, data.requirements[n])));
    row("Played by", `${whoOf(i)} on ${data.servers[R.server[i]]}, ${seconds(R.micros[i])}`);
    row("Link", make("a", { href: "#result/" + i }, "this result"));
    return make("div", {}, make("dl", {}, ...rows), ...messageOf(i), ...traceOf(i));
  }

  // The sheet that a cell opens
  const sheet = $("#sheet"), body = $(".body", sheet), PART = 200;
  let opener = null;
  function open(title, found, expand) {
    found.sort((a, b) => R.outcome[a] - R.outcome[b] || a - b);
    const tally = none();
    for (const i of found) tally[R.outcome[i]]++;
    $("#sheet-title").textContent = title;
    $(".tally", sheet).replaceChildren(...tallySpans(tally));
    const item = (i) => {
      const details = make("details", { class: "result" },
        make("summary", {}, mark(R.outcome[i]), make("span", {}, make("code", {}, data.cases[R.case[i]].id), make("span", { class: "who" }, whoOf(i))),
          make("span", { class: "said" }, data.texts[R.observed[i]])));
      details.addEventListener("toggle", () => { if (details.open && details.childElementCount === 1) details.append(detailsOf(i)); });
      if (expand) { details.append(detailsOf(i)); details.open = true; }
      return details;
    };
    let at = 0;
    const more = make("button", { type: "button", class: "more", onclick: () => add() });
    const add = () => {
      more.before(...found.slice(at, at + PART).map(item));
      at = Math.min(at + PART, found.length);
      more.hidden = at === found.length;
      more.textContent = `Show ${number(Math.min(PART, found.length - at))} more of ${number(found.length - at)}`;
    };
    body.replaceChildren(more);
    add();
    if (!found.length) body.prepend(make("p", { class: "note" }, "Nothing here passes the filter."));
    if (!sheet.open) { opener = document.activeElement; sheet.showModal(); }
    body.scrollTop = 0;
    $("#sheet-title").focus();
  }

  const numbers = (test) => { const found = []; for (let i = 0; i < size; i++) if (shown[i] && test(i)) found.push(i); return found; };
  function route() {
    // The id of a case may stand in a link as it is, with its slash.
    const [kind, ...parts] = normal(location.hash).split("/"), [a, b] = kind === "case" ? [parts.join(id("/"))] : parts;
    if (kind === "result" && /^\d+$/.test(a) && Number(a) < size) {
      const i = Number(a);
      return open(data.cases[R.case[i]].id, [i], true);
    }
    if (kind === "case" && cases.includes(a)) {
      const n = cases.indexOf(a), about = data.cases[n];
      return open(about.about ? `${about.id} · ${about.about}` : about.id, numbers((i) => R.case[i] === n));
    }
    if (kind === "pair" && senders.includes(a) && receivers.includes(b)) {
      const s = senders.indexOf(a), r = receivers.indexOf(b);
      return open(`${data.senders[s].name} → ${data.receivers[r].name}`, numbers((i) => R.sender[i] === s && R.receiver[i] === r));
    }
    if (kind === "requirement" && requirements.includes(a)) {
      const n = requirements.indexOf(a);
      const m = implementations.indexOf(b);
      return open(data.requirements[n] + (m < 0 ? "" : " · " + data.implementations[m]), numbers((i) => requirementsOf(i).includes(n) && (m < 0 || list(R.counts[i]).includes(m))));
    }
    if (sheet.open) sheet.close();
  }
  sheet.addEventListener("close", () => {
    if (/^#(pair|requirement|case|result)\//.test(location.hash)) history.pushState(null, "", location.pathname + location.search);
    body.replaceChildren();
    opener?.focus?.({ preventScroll: true });
    opener = null;
  });
  $(".close", sheet).addEventListener("click", () => sheet.close());
  sheet.addEventListener("click", (event) => { if (event.target === sheet) sheet.close(); });
  addEventListener("hashchange", route);
  // A link to where one already is opens again what was closed.
  addEventListener("popstate", route);

  $("fieldset").disabled = false;
  route();
})();
