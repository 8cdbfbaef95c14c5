// Shows the current field with every head outlined. Outlines and pixels always belong to the same picture.
const GAP_MS = 480; // nobody looks at more than a few fields a second
const SVG = "http://www.w3.org/2000/svg";
const TICK_PX = 14;

const at = (id) => document.getElementById(id);
const stage = at("stage");
const overlay = at("overlay");
const canvas = at("canvas");

let wanted = null;
let shown = null;
let sampleNow = null;
let busy = false;
let last = -GAP_MS;
let chosen = -1;
let pointer = null;

export function offer(number, sample) {
  wanted = number;
  sampleNow = sample;
  stage.classList.toggle("previous", Boolean(shown && sample && shown.sample !== sample));
  renew();
}

const held = () => at("hold").getAttribute("aria-pressed") === "true";

async function renew() {
  if (busy || wanted === null || held() || (shown && shown.picture === wanted)) return;
  const early = GAP_MS - (performance.now() - last);
  if (early > 0) return;
  busy = true;
  last = performance.now();
  try {
    const header = await (await ask("/api/preview")).json();
    const jpeg = await (await ask(`/api/preview.jpg?picture=${header.picture}`)).blob();
    const bitmap = await createImageBitmap(jpeg);
    if (!held()) draw(header, bitmap);
    bitmap.close();
  } catch {
    // The picture is gone, or the display: the next state brings another.
  } finally {
    busy = false;
  }
}

async function ask(url) {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer;
}

function draw(header, bitmap) {
  shown = header;
  chosen = -1;
  if (canvas.width !== bitmap.width || canvas.height !== bitmap.height) {
    canvas.width = bitmap.width;
    canvas.height = bitmap.height;
  }
  canvas.getContext("2d").drawImage(bitmap, 0, 0);
  canvas.hidden = false;
  at("picture-empty").hidden = true;
  overlay.setAttribute("viewBox", `0 0 ${header.width_px} ${header.height_px}`);
  overlay.dataset.picture = header.picture;
  overlay.replaceChildren(...header.heads.map(outline));
  caption(header);
  stage.classList.toggle("previous", Boolean(sampleNow && header.sample !== sampleNow));
  describe(under(pointer));
}

const kind = (head) => (head.reason ? "rejected" : head.bound ? "bound" : "unbound");

function words(head, index, heads) {
  const which = `Head ${index + 1} of ${heads.length}: `;
  if (head.reason) return `${which}not counted, ${head.reason.replaceAll("_", " ")}`;
  const p = head.p === null ? "" : `, P(ZP-binding) ${head.p.toFixed(2)}`;
  return `${which}${head.bound ? "bound" : "not bound"}${p}`;
}

function element(name, attributes) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function outline(head, index, heads) {
  const group = element("g", { class: `head ${kind(head)}`, "data-index": index });
  const title = element("title", {});
  title.textContent = words(head, index, heads);
  const path = `M${head.outline.map((point) => point.join(" ")).join("L")}Z`;
  group.append(title, element("path", { class: "casing", d: path }), element("path", { class: "line", d: path }));
  const [x, y] = centre(head.outline);
  if (head.reason) {
    const cross = `M${x - 7} ${y - 7}l14 14M${x + 7} ${y - 7}l-14 14`;
    group.append(element("path", { class: "casing", d: cross }), element("path", { class: "cross", d: cross }));
  } else {
    group.append(...anterior(head, x, y));
  }
  return group;
}

function centre(points) {
  const sum = points.reduce(([a, b], [x, y]) => [a + x, b + y], [0, 0]);
  return [sum[0] / Math.max(points.length, 1), sum[1] / Math.max(points.length, 1)];
}

// A tick at the anterior tip; a bound head's ends in a dot, so that it differs in more than colour.
function anterior(head, x, y) {
  const [tipX, tipY] = head.tip;
  const length = Math.hypot(tipX - x, tipY - y) || 1;
  const endX = tipX + (TICK_PX * (tipX - x)) / length;
  const endY = tipY + (TICK_PX * (tipY - y)) / length;
  const tick = element("path", { class: "tick", d: `M${tipX} ${tipY}L${endX} ${endY}` });
  return head.bound ? [tick, element("circle", { class: "end", cx: endX, cy: endY, r: 6 })] : [tick];
}

function caption(header) {
  const counts = { bound: 0, unbound: 0, rejected: 0 };
  for (const head of header.heads) counts[kind(head)] += 1;
  for (const [key, count] of Object.entries(counts)) at(`key-${key}`).textContent = count;
  const skipped = header.skipped && `SKIPPED: ${header.skipped.replaceAll("_", " ")}`;
  const parts = [`number ${header.number}`, header.source, skipped];
  at("picture-caption").textContent = parts.filter(Boolean).join(" · ");
}

function under(point) {
  if (!point) return -1;
  const group = document.elementFromPoint(...point)?.closest?.("#overlay .head");
  return group ? Number(group.dataset.index) : -1;
}

function describe(index) {
  if (overlay.children[chosen]) overlay.children[chosen].classList.remove("chosen");
  chosen = index;
  const group = overlay.children[index];
  if (group) group.classList.add("chosen");
  at("head-detail").textContent = group ? words(shown.heads[index], index, shown.heads) : "";
}

function press(id) {
  const button = at(id);
  button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
  overlay.style.visibility = at("outlines").getAttribute("aria-pressed") === "true" ? "visible" : "hidden";
  renew();
}

at("hold").addEventListener("click", () => press("hold"));
at("outlines").addEventListener("click", () => press("outlines"));
stage.addEventListener("pointermove", (event) => {
  pointer = [event.clientX, event.clientY];
  describe(under(pointer));
});
stage.addEventListener("pointerleave", () => {
  pointer = null;
  if (!held()) describe(-1);
});
stage.addEventListener("click", () => {
  if (chosen >= 0 && !held()) press("hold");
});
stage.addEventListener("keydown", (event) => {
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (!step || !shown || !shown.heads.length) return;
  event.preventDefault();
  if (!held()) press("hold");
  describe((chosen + step + shown.heads.length + (chosen < 0 && step < 0 ? 1 : 0)) % shown.heads.length);
});
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "h" || event.key === "H") press("hold");
  if (event.key === "o" || event.key === "O") press("outlines");
});
