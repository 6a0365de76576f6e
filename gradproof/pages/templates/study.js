"use strict";
document.documentElement.classList.add("on-js");
const all = (selector, within = document) => [...within.querySelectorAll(selector)];

// The graph: a line, what it follows from, and what follows from it.
const graph = document.querySelector(".graph");
const trace = id => {
  graph.classList.toggle("lit", Boolean(id));
  const on = new Set([id]);
  for (const edge of all(".edge", graph)) {
    const touches = edge.dataset.from === id || edge.dataset.to === id;
    edge.classList.toggle("on", touches);
    if (touches) on.add(edge.dataset.from).add(edge.dataset.to);
  }
  for (const node of all(".node", graph)) node.classList.toggle("on", on.has(node.dataset.id));
};
for (const node of all(".node", graph)) {
  for (const event of ["mouseenter", "focus"]) node.addEventListener(event, () => trace(node.dataset.id));
  for (const event of ["mouseleave", "blur"]) node.addEventListener(event, () => trace(""));
}

// For print, everything is open.
addEventListener("beforeprint", () => all("details").forEach(one => { one.open = true; }));

const network = document.querySelector("section#network");  // an article may have any id
if (network) {
  const data = JSON.parse(document.getElementById("data").textContent);
  const steps = all("[data-step]", network.querySelector(".steps")).map(button => button.dataset.step);
  let step = 0, slip = null;

  const number = name => (slip && name in slip.values ? slip.values[name] : data.values[name]);
  const wrong = name => Boolean(slip && name in slip.values);

  const draw = () => {
    const name = steps[step];
    for (const button of all(".steps button", network)) button.setAttribute("aria-pressed", String(button.dataset.step === name));
    for (const part of all(".step", network)) {
      part.classList.toggle("current", part.dataset.step === name);
      part.classList.toggle("faulty", Boolean(slip && slip.equations.includes(part.dataset.step)));
    }
    for (const text of all("[data-names]", network)) {
      const names = JSON.parse(text.dataset.names)[name];
      const shown = Array.isArray(names) ? names[names.length - 1] : names;
      text.dataset.of = shown;
      if (text.classList.contains("what")) text.textContent = shown;
    }
    for (const span of all(".n[data-of]", network)) {
      span.textContent = number(span.dataset.of);
      span.classList.toggle("bad", wrong(span.dataset.of));
    }
    for (const cell of all("[data-off]", network)) {
      cell.textContent = (wrong(cell.dataset.off) ? slip : data).differences[cell.dataset.off];
      cell.classList.toggle("bad", wrong(cell.dataset.off));
    }
    const judge = document.getElementById("judge");
    judge.className = "js judge " + (slip ? "wrong" : "holds");
    judge.textContent = slip ? "The judge: " + slip.said : "No mistake: all numbers are within their bounds.";
  };
  const go = (to, scroll) => {
    step = Math.max(0, Math.min(steps.length - 1, to));
    draw();
    if (scroll) network.querySelector(".controls").scrollIntoView({ block: "nearest" });
  };
  for (const button of all(".steps button", network)) button.addEventListener("click", () => go(steps.indexOf(button.dataset.step)));
  document.getElementById("slip").addEventListener("change", event => {
    slip = event.target.value === "" ? null : data.slips[Number(event.target.value)];
    draw();
  });
  addEventListener("keydown", event => {
    if (event.altKey || event.ctrlKey || event.metaKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    const box = network.getBoundingClientRect();
    if (box.bottom < 0 || box.top > innerHeight) return;
    if (event.key === "ArrowRight") go(step + 1);
    else if (event.key === "ArrowLeft") go(step - 1);
    else return;
    event.preventDefault();
  });

  // A number and those it was made of.
  const light = name => {
    const names = new Set(name ? [name] : []);
    const row = name && network.querySelector(`tr[data-row="${CSS.escape(name)}"]`);
    if (row) for (const part of all(".formula .n", row)) names.add(part.dataset.of);
    for (const span of all(".n[data-of]", network)) span.classList.toggle("lit", names.has(span.dataset.of));
  };
  for (const [on, off] of [["mouseover", "mouseout"], ["focusin", "focusout"]]) {
    network.addEventListener(on, event => { if (event.target.matches(".n[data-of]")) light(event.target.dataset.of); });
    network.addEventListener(off, () => light(""));
  }
  draw();
}
