/* Arithmetic of convolutions: what docs/arithmetic.md computes as its sliders move. */
"use strict";

const arithmetic = {
  /* Pixels that a kernel reaches over. */
  reach: ({ k, d }) => d * (k - 1) + 1,

  /* Zeros on both sides together: "same" and "valid" as Keras has them, or so many on each. */
  zeros(w, layer) {
    if (layer.p === "valid") return 0;
    if (layer.p !== "same") return 2 * layer.p;
    return Math.max((Math.ceil(w / layer.s) - 1) * layer.s + arithmetic.reach(layer) - w, 0);
  },

  /* Width of the map, 0 where the kernel is wider than the padded input. */
  width: (w, layer) =>
    Math.max(Math.floor((w + arithmetic.zeros(w, layer) - arithmetic.reach(layer)) / layer.s) + 1, 0),

  /* Of a layer of f filters in g groups on c channels, without biases. */
  weights: ({ k, g, c, f }) => k * k * (c / g) * f,
  macs: (w, layer) => arithmetic.weights(layer) * arithmetic.width(w, layer) ** 2,

  /* After each layer: its width, the pixels that one output sees, and from one to the next. */
  stack(w, layers) {
    let sees = 1, step = 1;
    return layers.map((layer) => {
      w = arithmetic.width(w, layer);
      sees += (arithmetic.reach(layer) - 1) * step;
      step *= layer.s;
      return { width: w, sees, step };
    });
  },
};

if (typeof module !== "undefined") module.exports = arithmetic;

if (typeof document !== "undefined") document.addEventListener("DOMContentLoaded", () => {
  const number = (n) => n.toLocaleString("en-GB");
  const padding = (form) => (form.mode.value === "pixels" ? Number(form.p.value) : form.mode.value);
  const values = (form, names) => Object.fromEntries(names.map((n) => [n, Number(form[n].value)]));
  const outputs = (form) => form.querySelectorAll("input[type=range]").forEach((input) => {
    const shown = input.dataset.values ? input.dataset.values.split(" ")[input.value] : input.value;
    input.nextElementSibling.value = shown;
    input.setAttribute("aria-valuetext", shown);
  });
  const say = (form, name, text) => { form.querySelector(`[data-is="${name}"]`).textContent = text; };
  const chosen = (input) => Number(input.dataset.values.split(" ")[input.value]);

  /* A row of the padded input and a row of outputs; marked: what the middle output reads. */
  function drawn(w, layer) {
    const total = w + arithmetic.zeros(w, layer), out = arithmetic.width(w, layer);
    const before = layer.p === "same" ? Math.floor((total - w) / 2) : (total - w) / 2;
    const middle = Math.floor(out / 2);
    const read = new Set(Array.from({ length: layer.k }, (_, i) => middle * layer.s + i * layer.d));
    const side = 100 / Math.max(total, 1), x = (i) => (i * side).toFixed(3);
    const box = (i, y, kind) => `<rect x="${x(i)}" y="${y}" width="${(side * 0.86).toFixed(3)}"
      height="${Math.min(side * 0.86, 6).toFixed(3)}" class="${kind}"/>`;
    const at = (j) => j * layer.s + (arithmetic.reach(layer) - 1) / 2;
    const parts = [];
    for (let i = 0; i < total; i++) {
      const zero = i < before || i >= before + w;
      parts.push(box(i, 0, [zero ? "zero" : "pixel", read.has(i) ? "read" : ""].join(" ")));
    }
    for (let j = 0; j < out; j++) parts.push(box(at(j), 12, j === middle ? "pixel read" : "pixel"));
    if (out) for (const i of read) {
      const to = (at(middle) + 0.43) * side, from = (i + 0.43) * side;
      parts.push(`<line x1="${from}" y1="${Math.min(side * 0.86, 6)}" x2="${to}" y2="12"/>`);
    }
    return `<svg viewBox="-0.5 -0.5 101 19" aria-hidden="true">${parts.join("")}</svg>`;
  }

  function layer(form) {
    const { w, k, s, d } = values(form, ["w", "k", "s", "d"]);
    const [c, f, g] = ["c", "f", "g"].map((name) => chosen(form[name]));
    const one = { k, s, d, c, f, g, p: padding(form) };
    form.p.disabled = form.mode.value !== "pixels";
    const zeros = arithmetic.zeros(w, one), reach = arithmetic.reach(one);
    const width = arithmetic.width(w, one);
    outputs(form);
    say(form, "reach", `${d} × (${k} − 1) + 1 = ${reach}`);
    say(form, "width", width ? `⌊(${w} + ${zeros} − ${reach}) / ${s}⌋ + 1 = ${width}`
      : "none: the kernel is wider than the padded input");
    const fits = c % g === 0 && f % g === 0;
    say(form, "weights", fits ? `${k}² × ${c} / ${g} × ${f} = ${number(arithmetic.weights(one))}`
      : `none: ${g} groups must divide ${c} channels and ${f} filters`);
    say(form, "macs", !fits ? "none" : `${number(arithmetic.weights(one))} × ${width}² = ${
      number(arithmetic.macs(w, one))}`);
    form.querySelector(".drawn").innerHTML = drawn(w, one);
  }

  function stack(form) {
    const rows = [...form.querySelectorAll("tbody tr")].filter((row) => !row.hidden);
    const layers = rows.map((row) => {
      const read = (name) => Number(row.querySelector(`[name=${name}]`).value);
      const one = { k: read("k"), s: read("s"), d: read("d") };
      return { ...one, p: form.mode.value };
    });
    outputs(form);
    arithmetic.stack(Number(form.w.value), layers).forEach((found, i) => {
      const cells = rows[i].querySelectorAll("td > output");
      [found.width || "none", found.sees, found.step].forEach((n, j) => { cells[j].value = n; });
    });
  }

  for (const [kind, update] of [["layer", layer], ["stack", stack]]) {
    for (const form of document.querySelectorAll(`form.arithmetic.${kind}`)) {
      form.hidden = false;
      form.addEventListener("input", () => {
        if (kind === "stack") form.querySelectorAll("tbody tr").forEach((row, i) => {
          row.hidden = i >= Number(form.depth.value);
        });
        update(form);
      });
      form.addEventListener("submit", (event) => event.preventDefault());
      form.dispatchEvent(new Event("input"));
    }
  }
});
