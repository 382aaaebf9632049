// Panels on a static page. Every picture was drawn in advance: a control chooses among them.
"use strict";

// A panel's states come in a script, so that a page works from file:// too; the script calls this.
const waiting = new Map(); // file of states: what to do with them
async function gradlabStates(file, packed) {
  const bytes = Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  waiting.get(file)(JSON.parse(await new Response(stream).text()));
}
globalThis.gradlabStates = gradlabStates;

function statesOf(file) {
  return new Promise((resolve, reject) => {
    waiting.set(file, resolve);
    const script = document.createElement("script");
    script.src = file;
    script.onerror = () => reject(new Error(`${file} cannot be read`));
    document.head.append(script);
  });
}

// Three significant digits, as the panels write them.
function number(value) {
  const tiny = value !== 0 && Math.abs(value) < 1e-4;
  const text = tiny ? value.toExponential(2) : value.toPrecision(3);
  return text.replace(/e([+-])(\d)$/, (_, sign, digit) => `e${sign}0${digit}`);
}

class Panel {
  constructor(section, states) {
    Object.assign(this, states);
    this.section = section;
    this.layers = [...section.querySelectorAll("svg > g")];
    this.readout = section.querySelector(".readout");
    this.drawn = [...this.states[this.start]];
    this.controls.forEach((control, k) => {
      control.input = section.querySelector(`[data-control="${k}"]`); // none: it has one position
      if (control.input) control.input.oninput = () => this.turned(control);
    });
    this.menus = this.controls.filter((control) => control.kind !== "slider");
    this.sliders = this.controls.filter((control) => control.kind === "slider");
    const reset = section.querySelector(".reset");
    if (reset) {
      reset.onclick = () => {
        this.reset();
        this.rested();
      };
    }
    this.line = section.querySelector(".line code");
    if (this.line) section.querySelector(".copy").onclick = (event) => copy(this.line, event.target);
    this.reset(fromAddress(section.id));
  }

  // To the start; or to a setting, where it fits: what it says of each label.
  reset(setting = new Map()) {
    this.choice = undefined; // or sliders would stay on their numbers
    this.choose(this.choices[0]);
    const asked = ({ label, names, at }) => (setting.has(label) ? names.indexOf(setting.get(label)) : at);
    this.choose(this.choiceOf(this.menus.map(asked)));
    this.sliders.forEach((slider, k) => {
      const place = this.scaleOf(k)?.indexOf(setting.get(slider.label)) ?? -1;
      if (place >= 0) slider.at = place;
    });
    this.move();
    this.write();
  }

  // The way in which the menus can stand that is nearest to some positions; one menu was moved.
  choiceOf(menus, moved) {
    const same = (choice) =>
      menus.filter((at, k) => choice.menus[k] === at).length +
      (choice.menus[moved] === menus[moved] ? menus.length : 0);
    return this.choices.reduce((best, each) => (same(each) > same(best) ? each : best));
  }

  // A slider stays on its number where the new scale has it.
  choose(choice) {
    const names = this.sliders.map((slider, k) => this.scaleOf(k)?.[slider.at]);
    this.choice = choice;
    this.menus.forEach((menu, k) => (menu.at = choice.menus[k]));
    this.sliders.forEach((slider, k) => {
      const place = this.scaleOf(k)?.indexOf(names[k]) ?? -1;
      slider.at = place < 0 ? choice.sliders[k]?.[1] : place;
    });
  }

  scaleOf(k) {
    return this.scales[this.choice?.sliders[k]?.[0]];
  }

  turned(control) {
    const place = control.kind === "switch" ? Number(control.input.checked) : Number(control.input.value);
    const moved = this.menus.indexOf(control);
    if (moved < 0) control.at = place;
    else this.choose(this.choiceOf(this.menus.map((menu, k) => (k === moved ? place : menu.at)), moved));
    this.move();
    clearTimeout(this.resting);
    this.resting = setTimeout(() => this.rested(), 300);
  }

  rested() {
    toAddress(this.section.id, this.setting);
    this.write();
  }

  // Labels of the controls that can be seen, each with the name of its position.
  get setting() {
    const menus = this.menus.filter((_, k) => !this.choice.hidden.includes(k));
    const sliders = this.sliders.map(({ label, at }, k) => [label, this.scaleOf(k)?.[at]]);
    return [...menus.map(({ label, names, at }) => [label, names[at]]), ...sliders.filter(([, name]) => name)];
  }

  // The line of Python that puts a panel of a notebook to this setting.
  write() {
    if (!this.line) return;
    const pairs = this.setting.map((pair) => pair.map((word) => JSON.stringify(word)).join(": "));
    this.line.textContent = `_.put({${pairs.join(", ")}})`;
  }

  move() {
    this.menus.forEach((menu, k) => place(menu, !this.choice.hidden.includes(k)));
    this.sliders.forEach((slider, k) => place(slider, Boolean(this.scaleOf(k)), this.scaleOf(k)));
    this.show();
  }

  show() {
    let number = 0;
    this.sliders.forEach((slider, k) => {
      const scale = this.scaleOf(k);
      if (scale) number = number * scale.length + slider.at;
    });
    const state = this.states[this.choice.first + number];
    if (!state) {
      this.say("The panel has no such setting.");
      return;
    }
    this.layers.forEach((layer, k) => {
      if (this.drawn[k] === state[k]) return;
      layer.innerHTML = this.parts[k][state[k]];
      this.drawn[k] = state[k];
    });
    this.say(this.readouts[state.at(-1)]);
  }

  say(words) {
    if (this.readout.textContent !== words) this.readout.textContent = words;
  }
}

// Put a control of the page to where it stands.
function place({ input, kind, at }, visible, scale) {
  if (!input) return;
  input.closest(".control").hidden = !visible;
  if (!visible) return;
  if (kind === "switch") input.checked = Boolean(at);
  if (kind === "slider") {
    input.max = scale.length - 1;
    input.setAttribute("aria-valuetext", scale[at]);
    input.parentElement.nextElementSibling.textContent = scale[at];
  }
  input.value = at;
}

// A curve that the reader draws: the points are the reader's, and no picture of them was made.
class Curve extends Panel {
  show() {
    const { first, across, up, colour, curve } = this.points;
    const places = [first, ...this.sliders.map(({ at }, k) => [across[k], up[at]])];
    const dots = places.map(([x, y]) => `<circle cx="${x}" cy="${y}" r="3"/>`).join("");
    const line = `<polyline points="${places.join(" ")}" fill="none" stroke="${colour}" stroke-width="1.5"/>`;
    const [drawn, truth] = this.layers.slice(-2);
    drawn.innerHTML = `<g fill="${colour}">${line}${dots}</g>`;
    truth.innerHTML = this.told ? curve : "";
    const said = this.sliders.map(({ label, at }, k) => `${this.scaleOf(k)[at]} ${label}`);
    this.say(`Your curve: ${said.join(", ")}.`);
  }

  // How far the reader's points are off.
  judged() {
    const { heights, truth } = this.points;
    const said = this.sliders.map(({ at }) => heights[at]);
    const off = said.map((value, n) => Math.max(value / truth[n], truth[n] / value));
    const far = off.indexOf(Math.max(...off));
    const sorted = off.toSorted((a, b) => a - b);
    const middle = (sorted[(off.length - 1) >> 1] + sorted[off.length >> 1]) / 2;
    return (
      `Farthest off ${this.sliders[far].label}: you said ${number(said[far])}, it is ` +
      `${number(truth[far])}, a factor of ${number(off[far])}. The middle one of your ` +
      `points is off by a factor of ${number(middle)}.`
    );
  }
}

// Predict, then look: what is hidden appears once the reader has answered, or skipped.
class Question {
  constructor(section, panel) {
    Object.assign(this, panel.asked);
    this.section = section;
    this.panel = panel;
    this.form = section.querySelector("form.asked");
    this.form.querySelectorAll("button").forEach((button) => (button.disabled = false));
    this.form.querySelector(".skipped").onclick = () => this.tell(this.skipped);
    this.form.onsubmit = (event) => {
      event.preventDefault();
      this.answer();
    };
  }

  answer() {
    if (this.panel instanceof Curve) return this.tell(`${this.panel.judged()} ${this.idea}`);
    const said = this.form.querySelector("input:checked, input[type=number], select")?.value;
    if (!said) return this.say("Not yet: choose an answer.");
    if (!this.choices) return this.tell(`${compared(Number(said), this.truth)} ${this.idea}`);
    const right = said === this.truth;
    if (!this.once) return right ? this.tell(this.choices[said]) : this.say(this.choices[said]);
    const verdict = right ? `${said}: right.` : `You said ${said}; it is ${this.truth}.`;
    this.tell([verdict, this.choices[said], this.idea].filter(Boolean).join(" "));
  }

  say(verdict) {
    this.section.querySelector(".verdict").textContent = verdict;
  }

  tell(verdict) {
    this.say(verdict);
    this.form.querySelectorAll("input, select").forEach((field) => (field.disabled = true));
    this.form.querySelector(".buttons").remove();
    this.section.querySelectorAll(".curtain").forEach((curtain) => curtain.classList.add("open"));
    const next = this.section.nextElementSibling;
    if (next?.matches(".panel.curtain")) next.classList.add("open");
    this.panel.told = true;
    this.panel.show();
  }
}

// How far a number is off: as a ratio where that makes sense, else as a difference.
function compared(said, truth) {
  let off = said === truth ? "exact" : `off by ${number(Math.abs(said - truth))}`;
  if (said > 0 && truth > 0) {
    const ratio = Math.max(said / truth, truth / said);
    off = ratio < 1.05 ? "as good as exact" : `off by a factor of ${number(ratio)}`;
  }
  return `You said ${number(said)}; it is ${number(truth)}: ${off}.`;
}

// A link opens a panel where one left it: #panel-3&threshold=0.5&rule=by+norm.
function toAddress(name, setting) {
  history.replaceState(null, "", `#${name}&${new URLSearchParams(setting)}`);
}

function fromAddress(name) {
  const [asked, ...setting] = location.hash.slice(1).split("&");
  return new URLSearchParams(asked === name ? setting.join("&") : "");
}

function arrive() {
  const section = document.getElementById(location.hash.slice(1).split("&")[0]);
  section?.panel?.reset(fromAddress(section.id));
  section?.scrollIntoView();
}

// To the clipboard; where the browser keeps it shut, the text is marked for the reader's own keys.
async function copy(text, button) {
  getSelection().selectAllChildren(text);
  await navigator.clipboard?.writeText(text.textContent).then(
    () => (button.textContent = "Copied"),
    () => {},
  );
  setTimeout(() => (button.textContent = "Copy"), 2000);
}

// States are fetched when a panel comes near the screen.
const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      statesOf(target.dataset.states).then(
        (states) => {
          target.panel = new (states.points ? Curve : Panel)(target, states);
          if (states.asked) new Question(target, target.panel);
        },
        (error) => (target.querySelector(".readout").textContent = `${error.message}.`),
      );
    }
  },
  { rootMargin: "600px" },
);

document.querySelectorAll("section.panel").forEach((section) => near.observe(section));
addEventListener("hashchange", arrive);
arrive();
