// The labelling page: one picture on the stage, keys for the classes, the rest in a grid.
"use strict";

const byId = (id) => document.getElementById(id);
const classes = [...document.querySelectorAll(".class")];
const grid = byId("grid");
const POLL_MS = 5000;
const IMPATIENT_MS = 4000;
let queue = Promise.resolve();
let forget = 0;

const cards = () => [...grid.querySelectorAll(".card")];
const selected = () => grid.querySelector(".card[aria-current]");

function say(text) {
  byId("status").textContent = text;
  clearTimeout(forget);
  forget = setTimeout(() => { byId("status").textContent = ""; }, IMPATIENT_MS);
}

function show(counts) {
  for (const name of ["waiting", "pending", "saved"]) byId(name).textContent = counts[name];
  byId("undo").disabled = byId("save").disabled = counts.pending === 0;
  byId("more").hidden = counts.waiting <= cards().length;
  if (counts.waiting > 0 && cards().length === 0) location.reload();
}

function select(card) {
  selected()?.removeAttribute("aria-current");
  byId("stage").hidden = !card;
  byId("empty").hidden = Boolean(card);
  document.querySelector(".all").hidden = !card;
  if (!card) return;
  card.setAttribute("aria-current", "true");
  card.scrollIntoView({ block: "nearest" });
  byId("stage").scrollIntoView({ block: "nearest" });
  byId("picture").src = card.dataset.picture;
  const shares = card.dataset.shares.split(" ").map(Number);
  classes.forEach((button, index) => {
    button.style.setProperty("--share", shares[index]);
    button.querySelector(".share").textContent = `${Math.round(100 * shares[index])} %`;
  });
  const next = card.parentElement.nextElementSibling?.querySelector(".card");
  if (next) new Image().src = next.dataset.picture;
}

// One request at a time, in the order of the keys.
function send(path, body, done) {
  queue = queue.then(async () => {
    const headers = { "Content-Type": "application/json" };
    const answer = await fetch(path, { method: "POST", headers, body });
    const content = await answer.json();
    if (!answer.ok) throw new Error(content.error);
    done(content);
    show(content);
  }).catch((error) => say(error.message));
}

function leave(card) {
  const item = card.parentElement;
  const next = (item.nextElementSibling ?? item.previousElementSibling)?.querySelector(".card");
  item.remove();
  select(next ?? null);
  return item;
}

// Each label changes which others tell most; the picture on the stage stays.
function arrange(names) {
  const items = new Map(cards().map((card) => [card.dataset.name, card.parentElement]));
  grid.prepend(...names.map((name) => items.get(name)).filter(Boolean));
  if (selected()) grid.prepend(selected().parentElement);
}

function label(name) {
  const card = selected();
  if (!card) return;
  leave(card);
  const body = JSON.stringify({ name: card.dataset.name, label: name });
  send("/label", body, ({ result }) => {
    arrange(result);
    say(`${name || "none of these"} ✓`);
  });
}

function skip() {
  const card = selected();
  if (!card || cards().length === 1) return;
  grid.append(leave(card));
  send("/skip", JSON.stringify({ name: card.dataset.name }), () => say("skipped"));
}

// What comes back may have left this page's grid long ago: the server renders it again.
function undo() {
  send("/undo", "{}", (content) => {
    if (content.result === null) return say("nothing to undo");
    sessionStorage.setItem("selected", content.result);
    location.reload();
  });
}

function save() {
  send("/save", "{}", (content) => say(`${content.result} added to the dataset`));
}

function move(step) {
  const all = cards();
  const target = all[all.indexOf(selected()) + step];
  if (target) select(target);
}

const keys = new Map([
  [" ", skip],
  ["0", () => label("")],
  ["backspace", undo],
  ["enter", save],
  ["arrowright", () => move(1)],
  ["arrowleft", () => move(-1)],
]);
for (const button of classes) {
  for (const key of button.dataset.keys) keys.set(key, () => label(button.dataset.label));
  button.addEventListener("click", () => label(button.dataset.label));
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const action = keys.get(event.key.toLowerCase());
  if (!action) return;
  event.preventDefault();
  action();
});
grid.addEventListener("click", (event) => {
  const card = event.target.closest(".card");
  if (card) select(card);
});
byId("none").addEventListener("click", () => label(""));
byId("skip").addEventListener("click", skip);
byId("undo").addEventListener("click", undo);
byId("save").addEventListener("click", save);
byId("more").addEventListener("click", () => location.reload());
byId("import").addEventListener("change", async (event) => {
  const content = await event.target.files[0].text();
  send("/label-studio.json", content, ({ result }) => {
    const told = `${result.taken} labels taken, ${result.unknown} of no picture that waits`;
    sessionStorage.setItem("told", told);
    location.reload();
  });
});

async function poll() {
  const answer = await fetch("/counts").catch(() => null);
  if (answer?.ok) show(await answer.json());
}

const wanted = sessionStorage.getItem("selected");
sessionStorage.removeItem("selected");
say(sessionStorage.getItem("told") ?? "");
sessionStorage.removeItem("told");
select(cards().find((card) => card.dataset.name === wanted) ?? cards()[0] ?? null);
byId("undo").disabled = byId("save").disabled = byId("pending").textContent === "0";
byId("more").hidden = Number(byId("waiting").textContent) <= cards().length;
setInterval(poll, POLL_MS);
