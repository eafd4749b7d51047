"use strict";
// Lays out the sights of a run and draws those in view. Rows of data are as diagram.rs writes them.
const { hosts, sights } = JSON.parse(document.getElementById("data").textContent);
const element = (id) => document.getElementById(id);
const [scroll, chart, view, head, map, controls] =
  ["scroll", "chart", "view", "head", "map", "controls"].map(element);
const GUTTER = 92, LANE_MIN = 150, TOP = 14, BUCKET = 400, LINE = 22, IDLE_US = 50_000;

const seconds = (us) => (us / 1e6).toFixed(6) + " s";
const duration = (us) => (us < 1e6 ? `${Math.round(us / 1e3)} ms` : `${(us / 1e6).toFixed(2)} s`);
const items = sights.map((row, index) => {
  const [what, at, lane] = row;
  if (what !== "message") return { index, what, at, lane, text: row[3], end: at };
  const [, , , end, toLane, family, kind, text, from, to] = row;
  const noise = /Progress/.test(kind) ? "progress" : /Raw|Bulk/.test(kind) ? "bulk" : null;
  const title = `${kind}: ${from} → ${to}\nsent ${seconds(at)}, arrived ${seconds(end)}\n${text}`;
  return { index, what, at, lane, end, toLane, family, kind, noise, title, words: title.toLowerCase() };
});
const count = (what) => items.filter((item) => item.what === what).length;
const counted = (number, thing, things) => `${number.toLocaleString("en")} ${number === 1 ? thing : things}`;
element("counts").textContent = [
  counted(hosts.length, "host", "hosts"), counted(count("message"), "message", "messages"),
  counted(count("fault"), "fault", "faults"), counted(count("violation"), "broken promise", "broken promises"),
  seconds(items.reduce((last, item) => Math.max(last, item.end), 0)),
].join(" · ");

// Everything that depends on what is shown: heights of moments, labels that have room, items by bucket of height.
let plan, drawn = [-1, -1], chosen = null, query = "";

function rise(us) { return us === 0 ? 0 : Math.min(36, 3 + 3.2 * Math.log2(1 + us / 60)); }

function layOut() {
  const wanted = (name) => controls.elements[name].checked;
  const shown = items.filter((item) =>
    item.what !== "message" || (wanted(item.family) && (item.noise === null || wanted(item.noise))));
  const moments = [...new Set(shown.flatMap((item) => [item.at, item.end]))].sort((a, b) => a - b);
  // A moment at which something is said in words gets a line for each.
  const lines = new Map();
  for (const item of shown) {
    if (item.what === "fault" || item.what === "violation") lines.set(item.at, (lines.get(item.at) || 0) + 1);
  }
  const heights = new Map(), times = [], idle = [];
  let y = TOP, last = null, timed = -Infinity;
  for (const at of moments) {
    if (last !== null) {
      const before = y;
      y += Math.max(rise(at - last), LINE * (lines.get(last) || 0));
      if (at - last >= IDLE_US) idle.push([before + 5, y - 5, duration(at - last)]);
    }
    heights.set(at, y);
    if (y - timed >= 13) { times.push([y, seconds(at)]); timed = y; }
    last = at;
  }
  const height = y + LINE * (lines.get(last) || 0) + 30;
  const width = Math.max(scroll.clientWidth, GUTTER + hosts.length * LANE_MIN);
  const step = (width - GUTTER) / Math.max(1, hosts.length);
  const x = (lane) => GUTTER + step * (lane + 0.5);
  plan = { shown, heights, times, idle, height, width, step, x, lives: lives(heights, height), buckets: [] };
  place();
  chart.style.height = height + "px";
  chart.style.width = width + "px";
  view.setAttribute("width", width);
  head.setAttribute("width", width);
  head.innerHTML = hosts.map((host, lane) => `<text class="lane" x="${x(lane)}" y="20">${escape(host)}</text>`).join("");
  search();
}

function lives(heights, height) {
  const open = new Map(), closed = [];
  for (const item of items) {
    if (item.what === "began") open.set(item.lane, heights.get(item.at));
    if (item.what === "ended" && open.has(item.lane)) {
      closed.push({ lane: item.lane, y0: open.get(item.lane), y1: heights.get(item.at) });
      open.delete(item.lane);
    }
  }
  for (const [lane, y0] of open) closed.push({ lane, y0, y1: height });
  return closed;
}

// Gives items their places. Labels go where they cover no other; words for what is rare come before arrows' kinds.
function place() {
  const { shown, heights, x, step, buckets } = plan, taken = new Map(), stacked = new Map();
  const isFree = (left, right, y) => {
    for (let row = Math.floor(y / 12) - 1; row <= Math.floor(y / 12) + 1; row++) {
      for (const [l, r, other] of taken.get(row) || []) {
        if (l < right && left < r && Math.abs(other - y) < 12) return false;
      }
    }
    return true;
  };
  const take = (left, right, y) => {
    const row = Math.floor(y / 12);
    if (!taken.has(row)) taken.set(row, []);
    taken.get(row).push([left, right, y]);
  };
  const order = ["violation", "fault", "ended", "began", "mark", "message"];
  for (const item of [...shown].sort((a, b) => order.indexOf(a.what) - order.indexOf(b.what) || a.at - b.at)) {
    item.y0 = heights.get(item.at);
    item.y1 = heights.get(item.end);
    if (item.what === "fault" || item.what === "violation") {
      const rank = stacked.get(item.at) || 0;
      stacked.set(item.at, rank + 1);
      item.y0 = item.y1 = item.y0 + LINE * rank;
      const left = item.lane === null ? GUTTER : x(item.lane) - step / 2;
      take(left, Math.max(left + step, left + item.text.length * 7 + 24), item.y0 + 9);
    } else if (item.what === "message") {
      const [x0, x1] = [x(item.lane), x(item.toLane)], half = item.kind.length * 3.2 + 3;
      item.label = null;
      for (const part of item.lane === item.toLane ? [] : [0.5, 0.35, 0.65]) {
        const at = [x0 + (x1 - x0) * part, item.y0 + (item.y1 - item.y0) * part - 3];
        if (half * 2 < Math.abs(x1 - x0) && isFree(at[0] - half, at[0] + half, at[1])) {
          take(at[0] - half, at[0] + half, at[1]);
          item.label = at;
          break;
        }
      }
    } else {
      const left = x(item.lane) + 9;
      item.room = Math.floor((Math.min(step, plan.width - x(item.lane)) - 14) / 6.2);
      const right = left + Math.min(item.room, item.text.length) * 6.2;
      item.label = null;
      for (const shift of [4, 14, -8]) {
        if (!isFree(left, right, item.y0 + shift)) continue;
        take(left, right, item.y0 + shift);
        item.label = [left, item.y0 + shift];
        break;
      }
    }
    const first = Math.floor((item.y0 - 20) / BUCKET), end = Math.floor((item.y1 + 20) / BUCKET);
    for (let bucket = Math.max(0, first); bucket <= end; bucket++) (buckets[bucket] ||= []).push(item);
  }
}

const escape = (text) => text.replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);
const cut = (text, room) => (text.length > room ? text.slice(0, Math.max(1, room - 1)) + "…" : text);

// A fault or broken promise covers its host's lane, or all of them.
const bandLeft = (item) => (item.lane === null ? GUTTER : plan.x(item.lane) - plan.step / 2 + 2);
const bandWidth = (item) => (item.lane === null ? plan.width - GUTTER : plan.step - 4);

function faultBand(item) {
  const left = bandLeft(item), width = bandWidth(item);
  return `<rect class="fault" x="${left}" y="${item.y0}" width="${width}" height="16"/>` +
    `<line class="fault" x1="${left}" x2="${left + width}" y1="${item.y0}" y2="${item.y0}"/>`;
}

function drawing(item) {
  const { x, width } = plan, { y0, y1 } = item;
  const title = `<title>${escape(item.title || `${seconds(item.at)}: ${item.text}`)}</title>`;
  const label = (kind, text) =>
    item.label ? `<text class="label ${kind}" x="${item.label[0]}" y="${item.label[1]}">${escape(text)}</text>` : "";
  if (item.what === "message") {
    const [x0, x1] = [x(item.lane), x(item.toLane)];
    const state = (query ? (item.words.includes(query) ? " hit" : " dim") : "") + (item === chosen ? " chosen" : "");
    let shaft, angle = Math.atan2(y1 - y0, x1 - x0);
    if (item.lane === item.toLane) {
      shaft = `M${x0} ${y0}C${x0 + 34} ${y0} ${x0 + 34} ${y1 + 6} ${x0 + 3} ${y1 + 6}`;
      angle = Math.PI;
    } else {
      shaft = `M${x0} ${y0}L${x1} ${y1}`;
    }
    const tip = item.lane === item.toLane ? [x0 + 3, y1 + 6] : [x1 - 2 * Math.cos(angle), y1 - 2 * Math.sin(angle)];
    return `<g class="message ${item.family}${state}" data-item="${item.index}">${title}` +
      `<path class="reach" d="${shaft}"/><path class="shaft" d="${shaft}"/>` +
      `<path class="point" d="M0 0L-9 -4L-9 4Z" transform="translate(${tip}) rotate(${(angle * 180) / Math.PI})"/>` +
      `${label("arrow", item.kind)}</g>`;
  }
  if (item.what === "fault" || item.what === "violation") {
    const sign = item.what === "fault" ? "⚡" : "■", left = bandLeft(item);
    const text = `${sign} ${cut(item.text, Math.floor((width - left) / 6.6) - 3)}`;
    const band = item.what === "violation"
      ? `<rect class="violation" x="${left}" y="${y0}" width="${Math.max(bandWidth(item), text.length * 6.6 + 12)}" height="16"/>` : "";
    return `<g>${title}${band}<text class="${item.what} ${band ? "" : "label"}" x="${left + 5}" y="${y0 + 12}">${escape(text)}</text></g>`;
  }
  const centre = x(item.lane), text = cut(item.text, item.room);
  if (item.what === "ended") {
    return `<g>${title}<path class="cross" d="M${centre - 6} ${y0 - 6}l12 12m0 -12l-12 12"/>${label("fault", text)}</g>`;
  }
  if (item.what === "began") {
    return `<g>${title}<circle class="began" cx="${centre}" cy="${y0}" r="4.5"/>${label("", text)}</g>`;
  }
  return `<g>${title}<path class="mark" d="M${centre} ${y0 - 4.5}l4.5 4.5l-4.5 4.5l-4.5 -4.5z"/>${label("", text)}</g>`;
}

function draw(force) {
  const { height, width, times, idle, x, buckets, lives } = plan, seen = scroll.clientHeight;
  showWindow();
  const y = scroll.scrollTop;
  if (!force && drawn[0] <= y && y + seen <= drawn[1]) return;
  const top = Math.max(0, Math.floor((y - seen) / BUCKET) * BUCKET), end = Math.min(height, y + 2 * seen);
  drawn = [top === 0 ? -1 : top, end === height ? Infinity : end];
  const within = (y0, y1) => y0 <= end && y1 >= top, parts = [];
  for (const [y0, y1, text] of idle) {
    if (!within(y0, y1)) continue;
    parts.push(`<rect class="idle" x="0" width="${width}" y="${y0}" height="${y1 - y0}"/>` +
      `<text class="time idle" x="${GUTTER - 8}" y="${(y0 + y1) / 2 + 4}">⋮ ${text}</text>`);
  }
  for (const [at, text] of times) {
    if (within(at, at)) parts.push(`<text class="time" x="${GUTTER - 8}" y="${at + 4}">${text}</text>`);
  }
  hosts.forEach((_, lane) => parts.push(`<line class="absent" x1="${x(lane)}" x2="${x(lane)}" y1="${top}" y2="${end}"/>`));
  const inView = [...new Set(buckets.slice(Math.floor(top / BUCKET), Math.floor(end / BUCKET) + 1).flat())]
    .filter((item) => item && within(item.y0 - 20, item.y1 + 20));
  // What lies below comes first: bands, lives, arrows, then points on the lines; broken promises cover all.
  const layer = (...whats) => parts.push(...inView.filter((item) => whats.includes(item.what)).map(drawing));
  parts.push(...inView.filter((item) => item.what === "fault").map(faultBand));
  for (const { lane, y0, y1 } of lives) {
    if (within(y0, y1)) {
      parts.push(`<line class="life" x1="${x(lane)}" x2="${x(lane)}" y1="${Math.max(y0, top)}" y2="${Math.min(y1, end)}"/>`);
    }
  }
  layer("message");
  layer("fault");
  layer("began", "mark", "ended");
  layer("violation");
  view.style.top = top + "px";
  view.setAttribute("height", end - top);
  view.setAttribute("viewBox", `0 ${top} ${width} ${end - top}`);
  view.innerHTML = parts.join("");
}

// The strip beside the diagram: the whole run at once.
function drawMap() {
  const scale = map.clientHeight / plan.height, lines = [];
  for (const item of plan.shown) {
    const isHit = item.what === "message" && query && item.words.includes(query);
    if (!isHit && !["fault", "ended", "violation"].includes(item.what)) continue;
    const y = item.y0 * scale;
    lines.push(`<line class="${isHit ? "hit" : item.what}" x1="0" x2="18" y1="${y}" y2="${y}"/>`);
  }
  map.innerHTML = `<title>The whole run: click to go there</title><rect class="window" x="0" width="18"/>${lines.join("")}`;
  showWindow();
}

function showWindow() {
  const scale = map.clientHeight / plan.height, frame = map.querySelector(".window");
  if (!frame) return;
  frame.setAttribute("y", scroll.scrollTop * scale);
  frame.setAttribute("height", Math.max(3, scroll.clientHeight * scale));
}

let hits = [];
function search() {
  query = controls.elements.search.value.trim().toLowerCase();
  hits = query ? plan.shown.filter((item) => (item.words || item.text.toLowerCase()).includes(query)).sort((a, b) => a.y0 - b.y0) : [];
  element("found").textContent = query ? `${hits.length.toLocaleString("en")} found` : "";
  drawMap();
  draw(true);
}

function goTo(item) {
  const y = item.y0 ?? plan.heights.get(item.at) ?? 0;
  scroll.scrollTop = y - scroll.clientHeight / 3;
  choose(item);
}

function choose(item) {
  chosen = item;
  element("detail").textContent = item.title ? item.title.replaceAll("\n", " · ") : `${seconds(item.at)}: ${item.text}`;
  draw(true);
}

const notable = items.filter((item) => ["fault", "ended", "violation"].includes(item.what));
const signs = { fault: "⚡", ended: "✕", violation: "■" };
element("jump").innerHTML = `<option>Jump to a fault, end or broken promise</option>` +
  notable.map((item) => `<option>${seconds(item.at)} ${signs[item.what]} ${escape(cut(item.text, 60))}</option>`).join("");
element("jump").onchange = (event) => { if (event.target.selectedIndex > 0) goTo(notable[event.target.selectedIndex - 1]); };
for (const item of items.filter((item) => item.what === "violation")) {
  const button = document.createElement("button");
  button.textContent = `■ ${seconds(item.at)}: ${item.text}`;
  button.onclick = () => goTo(item);
  const line = document.createElement("li");
  line.append(button);
  element("violations").append(line);
}
controls.onsubmit = (event) => {
  event.preventDefault();
  if (hits.length > 0) goTo(hits[(hits.indexOf(chosen) + 1) % hits.length]);
};
controls.onchange = (event) => { if (event.target.type === "checkbox") layOut(); };
controls.elements.search.oninput = search;
view.onclick = (event) => {
  const message = event.target.closest(".message");
  if (message) choose(items[message.dataset.item]);
};
map.onclick = (event) => { scroll.scrollTop = (event.offsetY / map.clientHeight) * plan.height - scroll.clientHeight / 2; };
scroll.onscroll = () => draw(false);
window.onresize = layOut;
layOut();
