// The answer to "is all well?": a sentence, what is wrong, alarms that wait for an answer, and a tile for each camera.

import { find, make, mark, name, order, say } from "./dom.js";
import { COUNT, activeLabels, condition, model, mood, now } from "./model.js";
import { sparkline } from "./plot.js";
import { STATES, ago, count, duration, percent, time, title } from "./words.js";

const TROUBLES_SHOWN = 4, ALARMS_SHOWN = 4;
const FLOOD = 100; // messages that were not read before it is worth a word
const MOODS = { alarm: "Alarm", trouble: "Needs a look", fine: "Watching", off: "Off" };

// What nobody sees is not plotted: a large fleet's plots change every second.
const inView = new WeakSet();
const watcher = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) isIntersecting ? inView.add(target) : inView.delete(target);
  draw();
}, { rootMargin: "300px" });

const boxes = new Map(); // name -> parts
const tiles = new Map(); // "box/camera" -> parts
const alarms = new Map(); // "box/id" -> parts
let shownMood = null;
let openCamera = null, openEvent = null, answerEvent = null;

/** `open` functions are given what was chosen. */
export function prepare(whenCamera, whenEvent, whenAnswer) {
  [openCamera, openEvent, answerEvent] = [whenCamera, whenEvent, whenAnswer];
  find("search").addEventListener("input", draw);
  for (const [key, words] of Object.entries(MOODS)) {
    const button = make("button", { type: "button", "aria-pressed": "false", "data-mood": key },
      make("strong", {}, "0"), make("span", {}, words));
    button.addEventListener("click", () => {
      shownMood = shownMood === key ? null : key;
      draw();
    });
    find("counts").append(button);
  }
}

export function forget() {
  watcher.disconnect();
  for (const parts of [boxes, tiles, alarms]) parts.clear();
}

/** Draw what changed. Elements stay where they are, so that nobody loses his place. */
export function draw() {
  const byMood = { alarm: 0, trouble: 0, fine: 0, off: 0 };
  const cameras = [...model.cameras.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
  for (const camera of cameras) byMood[mood(camera)] += 1;
  drawSummary(cameras, byMood);
  drawAlarms();
  drawBoxes(cameras);
  say(find("traffic"), `${count(model.boxes.size, "box", "boxes")}, ${count(cameras.length, "camera", "cameras")}, `
    + `${count(model.received, "message", "messages")} read`
    + (model.passedOver ? `, ${model.passedOver.toLocaleString()} passed over because too many came` : ""));
}

function drawSummary(cameras, byMood) {
  const silent = [...model.boxes].filter(([box, record]) =>
    record.online === false && !cameras.some((camera) => camera.box === box)).length;
  const troubled = byMood.trouble + silent;
  const sentence = find("sentence");
  let words = "All is well";
  let feeling = "fine";
  if (!model.boxes.size) [words, feeling] = [model.fault ? "No broker, so nothing is known" : "No box has been heard yet", "waiting"];
  else if (byMood.alarm) [words, feeling] = [byMood.alarm === 1 ? "An alarm, now" : `Alarms on ${byMood.alarm} cameras, now`, "alarm"];
  else if (troubled) [words, feeling] = [`${count(troubled, "camera needs", "cameras need")} a look`, "trouble"];
  else if (!byMood.fine) [words, feeling] = ["No camera is watching", "trouble"];
  else if (byMood.off) words = "All is well on every camera that is on";
  say(sentence, words);
  mark(sentence, "mood", feeling);
  for (const button of find("counts").children) {
    say(button.firstChild, String(byMood[button.dataset.mood]));
    button.setAttribute("aria-pressed", String(button.dataset.mood === shownMood));
    mark(button, "none", byMood[button.dataset.mood] ? null : "1");
  }
  drawTroubles(cameras);
}

function drawTroubles(cameras) {
  const lines = [];
  for (const [box, record] of model.boxes) {
    if (record.online === false) lines.push([box, null, `${STATES.offline}${record.changed_ms ? ` since ${time(record.changed_ms)}` : ""}`]);
    else if (record.stats.disk_fault) lines.push([box, null, `Disk: ${record.stats.disk_fault}`]);
    else if (record.stats.throttled?.length) lines.push([box, null, `Slowed down: ${record.stats.throttled.join(", ")}`]);
  }
  for (const camera of cameras) {
    const state = condition(camera);
    if (mood(camera) === "trouble" && state !== "offline") {
      const since = Date.parse(camera.since);
      lines.push([camera.box, camera, `${STATES[state]}${since ? ` since ${time(since)}` : ""}${camera.reason ? `: ${camera.reason}` : ""}`]);
    }
  }
  const shown = lines.slice(0, TROUBLES_SHOWN).map(([box, camera, words]) => ({ key: `${box}/${camera?.name ?? ""}/${words}`, box, camera, words }));
  const list = find("troubles");
  const known = new Map([...list.children].map((item) => [item.dataset.key, item]));
  const items = shown.map(({ key, box, camera, words }) => known.get(key) ?? make("li", { "data-key": key },
    camera
      ? make("button", { type: "button", class: "plain", onclick: () => openCamera(camera.key) }, name(camera.name), " in ", name(box))
      : make("strong", {}, name(box)),
    ` ${words}`));
  if (lines.length > TROUBLES_SHOWN) {
    const words = `and ${lines.length - TROUBLES_SHOWN} more`;
    items.push(known.get(words) ?? make("li", { "data-key": words }, words));
  }
  order(list, items);
}

function drawAlarms() {
  const waiting = [...model.alarms.values()].sort((a, b) =>
    (a.type === "ended") - (b.type === "ended") || b.started_ms - a.started_ms);
  find("alarms").hidden = !waiting.length;
  for (const key of alarms.keys()) if (!model.alarms.has(key)) alarms.delete(key);
  order(find("alarm-list"), waiting.slice(0, ALARMS_SHOWN).map(drawAlarm));
  const more = waiting.length - ALARMS_SHOWN;
  find("alarm-more").hidden = more <= 0;
  say(find("alarm-more"), `and ${more} more: see the events, unanswered only`);
}

function drawAlarm(event) {
  const key = `${event.device}/${event.id}`;
  let parts = alarms.get(key);
  if (!parts) {
    const what = make("button", { type: "button", class: "what", onclick: () => openEvent(event.device, event.id) },
      title(event.label), " ", make("span", { class: "where" }, name(event.camera), " in ", name(event.device)));
    const when = make("span", { class: "when" });
    const say_ = (answer, words, style) => make("button", {
      type: "button", class: style, onclick: () => answerEvent(event.device, event.id, answer),
      "aria-label": `${words}: ${title(event.label)}, ${event.camera} in ${event.device}`,
    }, words);
    const answers = make("span", { class: "answers" }, say_("seen", "Seen", "strong"), say_("false_alarm", "False alarm", ""));
    parts = { when, answers, item: make("li", {}, what, when, answers) };
    alarms.set(key, parts);
  }
  const isNow = event.type !== "ended";
  mark(parts.item, "now", isNow ? "1" : null);
  parts.answers.hidden = model.readOnly;
  say(parts.when, isNow ? `now, since ${time(event.started_ms)}`
    : `${time(event.started_ms)}, ${ago(event.started_ms, now())}, lasted ${duration(event.duration_s)}`);
  return parts.item;
}

function drawBoxes(cameras) {
  const wanted = find("search").value.trim().toLowerCase();
  const byBox = new Map([...model.boxes.keys()].sort().map((box) => [box, []]));
  for (const camera of cameras) {
    const fits = (!wanted || camera.key.toLowerCase().includes(wanted)) && (!shownMood || mood(camera) === shownMood);
    if (fits) byBox.get(camera.box)?.push(camera);
  }
  const shown = [...byBox].filter(([box, fitting]) =>
    fitting.length || (!shownMood && !cameras.some((camera) => camera.box === box) && box.toLowerCase().includes(wanted)));
  order(find("boxes"), shown.map(([box, fitting]) => drawBox(box, fitting)));
  find("none").hidden = shown.length > 0 || !model.boxes.size;
}

function drawBox(box, cameras) {
  let parts = boxes.get(box);
  if (!parts) {
    const health = make("p", { class: "health" });
    const list = make("ul", { class: "tiles" });
    parts = { health, list, article: make("article", { class: "box" }, make("header", {}, make("h3", {}, name(box)), health), list) };
    boxes.set(box, parts);
    watcher.observe(parts.article);
  }
  const record = model.boxes.get(box);
  mark(parts.article, "online", record.online);
  say(parts.health, healthLine(record));
  order(parts.list, cameras.map((camera) => drawTile(camera, inView.has(parts.article))));
  return parts.article;
}

function healthLine(record) {
  if (record.online === false) return record.changed_ms ? `offline since ${time(record.changed_ms)}` : "offline";
  const { temperature_c: warmth, waiting, throttled, version } = record.stats;
  return [
    record.online ? "online" : "not heard yet",
    warmth !== null && warmth !== undefined ? `${Math.round(warmth)} °C` : null,
    throttled?.length ? throttled.join(", ") : null,
    waiting ? `${waiting} waiting` : null,
    record.passed_over >= FLOOD ? `${record.passed_over.toLocaleString()} messages too many` : null,
    version ? `v${version}` : null,
  ].filter(Boolean).join(" · ");
}

function drawTile(camera, isSeen) {
  let parts = tiles.get(camera.key);
  if (!parts) {
    const state = make("span", { class: "state" });
    const scores = make("span", { class: "scores" });
    const last = make("span", { class: "last" });
    const plot = sparkline();
    const button = make("button", { type: "button", class: "tile", onclick: () => openCamera(camera.key) },
      make("span", { class: "top" }, make("span", { class: "name" }, name(camera.name)), state), plot.svg, scores, last);
    parts = { item: make("li", {}, button), button, state, scores, last, plot, drawn: null, lines: null };
    tiles.set(camera.key, parts);
  }
  const scores = ["offline", "disabled"].includes(condition(camera)) ? undefined : model.scores.get(camera.key);
  mark(parts.button, "plot", scores ? "1" : null);
  if (isSeen && (parts.drawn !== camera || parts.lines !== scores?.[COUNT])) {
    parts.drawn = camera;
    parts.lines = scores?.[COUNT];
    parts.plot.draw(scores, camera.labels);
    order(parts.scores, scoreWords(camera, scores));
  }
  mark(parts.button, "mood", mood(camera));
  const active = activeLabels(camera);
  say(parts.state, active.length ? `${active.map(title).join(", ")} now` : STATES[condition(camera)]);
  say(parts.last, lastWords(camera));
  return parts.item;
}

function scoreWords(camera, scores) {
  return Object.keys(camera.labels).filter((label) => scores?.[label]).map((label, index) =>
    make("span", { "data-tone": String(index % 4) }, `${title(label)} ${percent(scores[label].at(-1))}`));
}

function lastWords(camera) {
  const rate = camera.fps === null ? "" : `${camera.fps.toFixed(1)} a second · `;
  if (!camera.last) return `${rate}nothing happened yet`;
  const { label, started_ms: startedMs, test } = camera.last;
  return `${rate}${test ? "test" : title(label).toLowerCase()} ${ago(startedMs, now())}`;
}

