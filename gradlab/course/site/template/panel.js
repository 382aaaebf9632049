// Panels on a static page. Every picture was drawn in advance: a control chooses among them.
"use strict";

const waiting = new Map(); // file of states: what to call with them

// A file of states calls this. It is a script, so that a page works from file:// too.
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

class Panel {
  constructor(section, states) {
    Object.assign(this, states);
    this.section = section;
    this.layers = [...section.querySelectorAll("svg > g")];
    this.readout = section.querySelector(".readout");
    this.drawn = this.layers.map(() => -1);
    this.positions = this.controls.map((control) => control.start);
    this.inputs = this.controls.map((control, k) => this.made(control, k));
    if (this.controls.some((control) => control.names.length > 1)) {
      const reset = document.createElement("button");
      reset.type = "button";
      reset.textContent = "Reset";
      reset.onclick = () => this.move(this.controls.map((control) => control.start));
      section.querySelector(".controls").append(reset);
    }
    this.fromAddress();
  }

  // The control on the page; one that has a single position here is not shown.
  made(control, k) {
    const label = document.createElement("label");
    const input = document.createElement(control.kind === "menu" ? "select" : "input");
    label.append(control.label, " ", input);
    if (control.kind === "menu") {
      control.names.forEach((name, place) => input.add(new Option(name, place)));
    } else if (control.kind === "switch") {
      input.type = "checkbox";
    } else {
      input.type = "range";
      input.max = control.names.length - 1;
      label.append(document.createElement("output"));
    }
    input.oninput = () => {
      const place = control.kind === "switch" ? Number(input.checked) : Number(input.value);
      this.move(this.positions.with(k, place));
    };
    if (control.names.length > 1) this.section.querySelector(".controls").append(label);
    return input;
  }

  move(positions) {
    this.positions = positions;
    this.inputs.forEach((input, k) => this.place(input, this.controls[k], positions[k]));
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.show());
    history.replaceState(null, "", `#${this.section.id}=${positions.join(".")}`);
  }

  place(input, control, position) {
    const name = control.names[position];
    if (control.kind === "switch") {
      input.checked = Boolean(position);
      return;
    }
    input.value = position;
    if (control.kind === "slider") {
      input.setAttribute("aria-valuetext", name);
      input.nextElementSibling.textContent = name;
    }
  }

  show() {
    const place = this.positions.reduce((sum, k, n) => sum * this.controls[n].names.length + k, 0);
    const state = this.states[place];
    if (!state) {
      this.readout.textContent = "The panel has no such setting: its menus change its sliders.";
      return;
    }
    this.layers.forEach((layer, k) => {
      if (this.drawn[k] === state[k]) return;
      layer.innerHTML = this.parts[k][state[k]];
      this.drawn[k] = state[k];
    });
    this.readout.textContent = this.readouts[state.at(-1)];
  }

  // A link opens a panel where one left it.
  fromAddress() {
    const asked = new RegExp(`^#${this.section.id}=([\\d.]+)$`).exec(location.hash);
    const positions = asked ? asked[1].split(".").map(Number) : [];
    const fits =
      positions.length === this.controls.length &&
      positions.every((k, n) => k < this.controls[n].names.length);
    this.inputs.forEach((input, k) => this.place(input, this.controls[k], this.positions[k]));
    if (!fits) return;
    this.move(positions);
    this.section.scrollIntoView();
  }
}

// Predict, then look: the picture appears once the reader has answered, or skipped.
function asks(section) {
  const form = section.querySelector("form.asked");
  if (!form) return;
  const asked = JSON.parse(form.dataset.asked);
  const open = (verdict) => {
    section.querySelector(".verdict").textContent = verdict;
    section.querySelector(".curtain").classList.add("open");
    form.querySelector(".buttons").remove();
    form.querySelectorAll("input").forEach((input) => (input.disabled = true));
  };
  form.querySelector(".skipped").onclick = () => open("Skipped: move the slider and see.");
  form.onsubmit = (event) => {
    event.preventDefault();
    const field = form.querySelector(asked.choices ? "input:checked" : "input");
    if (!field || field.value === "") {
      section.querySelector(".verdict").textContent = "Not yet: choose an answer.";
      return;
    }
    const said = field.value;
    const right = asked.choices ? said === asked.truth : Number(said) === asked.truth;
    const reply = asked.choices ? asked.choices[said] : "";
    const verdict = right ? `${said}: right.` : `You said ${said}; it is ${asked.truth}.`;
    open([verdict, reply, asked.idea].filter(Boolean).join(" "));
  };
}

// States are fetched when a panel comes near the screen.
const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      statesOf(target.dataset.states).then(
        (states) => (target.panel = new Panel(target, states)),
        (error) => (target.querySelector(".readout").textContent = `${error.message}.`),
      );
    }
  },
  { rootMargin: "600px" },
);

document.querySelectorAll("section.panel").forEach((section) => {
  asks(section);
  near.observe(section);
});
