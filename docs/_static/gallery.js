"use strict";
// Switches and filter of the gallery, sorting and filtering of tables. Without this script all
// blocks and rows are there, in their order.
(() => {
  const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);
  const plural = (n, what) => `${n} ${what}${n === 1 ? "" : "s"}`;

  // What the switches of a block show is in a file of its own, read when one is first turned.
  const known = {};
  function callsOf(card) {
    const name = card.dataset.block;
    return (known[name] ??= new Promise((done, failed) => {
      const script = document.createElement("script");
      script.src = card.dataset.calls;
      script.onload = () => done(window.calls[name]);
      script.onerror = failed;
      document.head.append(script);
    }));
  }

  // A block is the last of its text, after the blocks and layers that it needs: show it first.
  function toBlock(code) {
    const lines = (text) => text.split("\n").length, all = code.textContent;
    const above = all.slice(0, all.lastIndexOf("\n\n\n") + 1);
    const pre = code.parentElement;
    pre.scrollTop = above ? (pre.scrollHeight * (lines(above) + 1)) / lines(all) : 0;
  }

  function switching(form) {
    const card = form.closest("[data-block]"), said = form.querySelector(".said");
    const choices = [...form.querySelectorAll("select")];
    const part = (name) => card.querySelector(`[data-part="${name}"]`);
    function key() {
      const chosen = choices.filter((c) => c.value).map((c) => [c.name, c.value]);
      return JSON.stringify(Object.fromEntries(chosen.sort()));
    }
    function show(call, needs) {
      card.classList.toggle("refused", "refused" in call);
      said.textContent = call.refused ? `Refused: ${call.refused}` : "";
      if (call.refused) return;
      for (const name of ["facts", "picture", "own", "summary"]) part(name).innerHTML = call[name];
      part("needs").innerHTML = needs[call.needs];
      toBlock(part("own"));
      card.querySelector(".beside").classList.toggle("wide", Boolean(call.wide));
    }
    form.addEventListener("change", async (event) => {
      const { calls, needs } = await callsOf(card);
      const missing = !(key() in calls);
      if (missing) for (const c of choices) if (c !== event.target) c.value = "";
      show(calls[key()], needs);
      if (missing) said.textContent = "Of this block there are two options at a time: the others are at their defaults.";
    });
    form.addEventListener("submit", (event) => event.preventDefault());
    form.reset();
    form.hidden = false;
  }

  function gallery(filters) {
    const cards = [...document.querySelectorAll("[data-block]")];
    const input = filters.querySelector("input"), found = filters.querySelector(".found");
    const buttons = [...filters.querySelectorAll("button")];
    const shown = (card, family, sought) =>
      (!family || card.dataset.family === family) &&
      sought.every((word) => card.dataset.words.toLowerCase().includes(word));
    function apply() {
      const pressed = buttons.find((b) => b.getAttribute("aria-pressed") === "true");
      const sought = words(input.value);
      for (const card of cards) {
        card.closest("section").hidden = !shown(card, pressed?.dataset.family, sought);
      }
      const left = cards.filter((card) => !card.closest("section").hidden);
      const families = new Set(cards.map((card) => card.closest("section").parentElement));
      for (const family of families) {
        family.hidden = !left.some((card) => family.contains(card));
      }
      const letters = document.getElementById("the-letters");
      if (letters) letters.hidden = left.length < cards.length;
      found.textContent = `${left.length} of ${plural(cards.length, "block")}`;
    }
    for (const button of buttons) {
      button.addEventListener("click", () => {
        const on = button.getAttribute("aria-pressed") !== "true";
        for (const b of buttons) b.setAttribute("aria-pressed", String(on && b === button));
        apply();
      });
    }
    input.addEventListener("input", apply);
    window.addEventListener("hashchange", () => {  // a link leads to a block that is filtered out
      const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
      if (!target?.closest("[hidden]")) return;
      input.value = "";
      for (const b of buttons) b.setAttribute("aria-pressed", "false");
      apply();
      target.scrollIntoView();
    });
    filters.hidden = false;
    apply();
  }

  // The number a cell begins with: 60,965,224; < 25M; 3e-06 timm; 1.72B / 2, counted twice; or NaN.
  function number(text) {
    const parts = text.match(/^[≈<>~\s]*([+-]?[\d,]*\.?\d+(?:e[+-]?\d+)?)\s?([KMB](?!\w))?( \/ 2)?/);
    if (!parts) return NaN;
    const unit = { K: 1e3, M: 1e6, B: 1e9 }[parts[2]] ?? 1;
    return (parseFloat(parts[1].replaceAll(",", "")) * unit) / (parts[3] ? 2 : 1);
  }

  const textOf = (row, i) => row.cells[i].textContent.trim();
  const empty = (text) => text === "" || text === "–";
  const alphabet = new Intl.Collator("en", { numeric: true });

  function sorted(rows, i, down) {
    const filled = rows.filter((row) => !empty(textOf(row, i)));
    const numbers = filled.filter((row) => !isNaN(number(textOf(row, i))));
    const numeric = numbers.length > filled.length / 2;
    const first = numeric ? numbers : filled;
    const by = (a, b) =>
      numeric ? number(a) - number(b) : alphabet.compare(a, b);
    first.sort((a, b) => (down ? -1 : 1) * by(textOf(a, i), textOf(b, i)));
    return [...first, ...rows.filter((row) => !first.includes(row))];
  }

  function sortable(table) {
    const body = table.tBodies[0], heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, i) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        for (const other of heads) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        body.append(...sorted([...body.rows], i, down));
      });
    });
  }

  function searchable(table) {
    const rows = [...table.tBodies[0].rows];
    const box = document.createElement("div"), label = document.createElement("label");
    const input = document.createElement("input"), found = document.createElement("span");
    box.className = "filters table-filter";
    input.type = "search";
    label.append("Filter rows ", input);
    found.setAttribute("role", "status");
    box.append(label, " ", found);
    const frame = table.closest(".pst-scrollable-table-container") ?? table;
    frame.before(box);
    frame.classList.add("tall");
    input.addEventListener("input", () => {
      const sought = words(input.value);
      for (const row of rows) {
        const text = `${row.textContent} ${row.dataset.words ?? ""}`.toLowerCase();
        row.hidden = !sought.every((word) => text.includes(word));
      }
      const left = rows.filter((row) => !row.hidden).length;
      found.textContent = sought.length ? `${left} of ${plural(rows.length, "row")}` : "";
    });
  }

  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("form.switches").forEach(switching);
    document.querySelectorAll('[data-part="own"]').forEach(toBlock);
    document.querySelectorAll(".filters").forEach(gallery);
    for (const tree of document.querySelectorAll(".tree")) {  // on a phone: begin at the root
      tree.scrollLeft = (tree.scrollWidth - tree.clientWidth) / 2;
    }
    for (const table of document.querySelectorAll("article table")) {
      const rows = table.tBodies[0]?.rows.length ?? 0;
      if (!table.tHead || rows < 8 || table.closest(".cell_output, details, form, .highlighttable")) continue;
      sortable(table);
      if (rows >= 24) searchable(table);
    }
  });
})();
