// Puts the figures of one state on the page, as text and never as markup. Counts nothing itself.
const SPOKEN_MS = 15000;
const TICKS = { 10: 2, 15: 5, 20: 5, 30: 5, 50: 10, 100: 20 };

const LEDGER = [
  ...["captured", "scored", "skipped", "lost", "in-flight", "skipped-why", "lost-why"],
  ...["found", "heads", "rejected", "rejected-why"],
];

let spokenAt = -SPOKEN_MS;
let spokenPlace = "";

const at = (id) => document.getElementById(id);

function put(id, value) {
  const text = String(value);
  const element = at(id);
  if (element.textContent !== text) element.textContent = text;
}

function strip(id, text) {
  at(id).hidden = !text;
  put(id, text);
}

const total = (counts) => Object.values(counts).reduce((sum, count) => sum + count, 0);
const fixed = (value, digits) => (value === null ? "--" : value.toFixed(digits));

const clock = (ns) => new Date(ns / 1e6).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });

export function show(state) {
  const { words, sample } = state;
  document.title = sample ? `${words.percent} · ${words.accession} · zpscope` : "zpscope";
  put("accession", words.accession);
  put("sample-state", words.sample_state);
  put("started", sample ? `since ${clock(sample.started_ns)}` : "");
  at("sample-state").classList.toggle("bad", Boolean(sample) && sample.state === "incomplete");
  put("percent", words.percent);
  put("count", words.count);
  put("interval", words.interval);
  put("position", words.position);
  put("verdict", words.verdict);
  strip("demonstration", words.demonstration);
  strip("incomplete", words.incomplete);
  put("notice", state.notice);
  minimum(state);
  bar(state);
  ledger(sample, words);
  machine(state, words);
  speak(words);
}

function minimum(state) {
  const collecting = Boolean(state.sample) && state.sample.position === "collecting";
  at("minimum").hidden = !collecting;
  if (!collecting) return;
  for (const [id, value, most] of [
    ["minimum-heads", state.sample.n, state.minimum_heads],
    ["minimum-fields", state.sample.scored, state.minimum_fields],
  ]) {
    at(id).max = most;
    at(id).value = Math.min(value, most);
  }
}

function bar({ sample, words, threshold_percent: threshold }) {
  const scale = words.scale_percent;
  const left = (percent) => `${Math.min(Math.max((100 * percent) / scale, 0), 100)}%`;
  const counted = Boolean(sample) && sample.percent !== null;
  at("bar-interval").hidden = at("bar-estimate").hidden = !counted;
  at("bar-threshold").style.left = at("bar-label").style.left = left(threshold);
  put("bar-label", `${threshold.toFixed(1)} % threshold`);
  ticks(scale, left);
  let said = `Bar from 0 to ${scale} %, threshold at ${threshold.toFixed(1)} %`;
  if (counted) {
    const [low, high] = sample.interval;
    at("bar-interval").style.left = left(low);
    at("bar-interval").style.width = `${Math.min((100 * (high - low)) / scale, 100)}%`;
    at("bar-estimate").style.left = left(sample.percent);
    said += `; estimate ${words.percent}, ${words.interval}`;
  }
  if (at("bar").getAttribute("aria-label") !== said) at("bar").setAttribute("aria-label", said);
}

function ticks(scale, left) {
  const row = at("bar-ticks");
  if (row.dataset.scale === String(scale)) return;
  row.dataset.scale = scale;
  row.replaceChildren();
  for (let value = 0; value <= scale; value += TICKS[scale] || scale) {
    const tick = document.createElement("span");
    tick.textContent = value === scale ? `${value} %` : value;
    tick.style.left = left(value);
    row.append(tick);
  }
}

// Without a sample there is nothing to count, which is not the same as having counted nothing.
function ledger(sample, words) {
  const lost = sample ? total(sample.lost) : 0;
  const figures = sample && {
    captured: sample.captured,
    scored: sample.scored,
    skipped: total(sample.skipped),
    lost,
    "in-flight": sample.in_flight,
    found: sample.found,
    heads: sample.n,
    rejected: total(sample.rejected),
    "skipped-why": words.skipped || "none",
    "lost-why": words.lost || "none",
    "rejected-why": words.rejected || "none",
  };
  for (const id of LEDGER) put(id, figures ? figures[id] : "--");
  at("lost-cell").classList.toggle("bad", lost > 0);
  at("lost-why").classList.toggle("bad", lost > 0);
}

function machine(state, words) {
  put("heads-rate", fixed(state.heads_per_s, 1));
  put("fields-rate", fixed(state.fields_per_s, 2));
  put("lag", fixed(state.lag_s, 1));
  put("camera", words.camera || "unknown");
  at("camera").classList.toggle("bad", state.camera_connected === false);
  const problem = state.camera ? state.camera.problem : "";
  at("camera-problem-row").hidden = !problem;
  put("camera-problem", problem);
  put("model", words.model || "unknown");
}

// A screen reader hears the figure when its place changes, and otherwise every quarter of a minute at most.
function speak(words) {
  const now = performance.now();
  if (words.position === spokenPlace && now - spokenAt < SPOKEN_MS) return;
  if (/^(collecting|too few)/.test(words.position) && now - spokenAt < SPOKEN_MS) return;
  spokenAt = now;
  spokenPlace = words.position;
  put("spoken", [words.accession, words.percent, words.count, words.position, words.verdict].filter(Boolean).join(", "));
}
