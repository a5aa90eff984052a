// What happened: events of the past with filters, the latest first, kept true while new ones come.

import { find, make, mark, name, order, say } from "./dom.js";
import { model, now } from "./model.js";
import { count, day, duration, outcome, time, title } from "./words.js";

const KEPT = 500, FIRST_PAGE = 50;
const CATCH_UP_MS = 1000;
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

let events = []; // as shown, the latest first
let total = null;
let more = false;
let asked = 0; // of several questions only the last one's answer counts
let openEvent = null;
let skipped = 0;
let catching = null;
let missed = null; // changes that came while an answer was on its way
const rows = new Map(); // "box/id" -> {item, event}

export function prepare(whenEvent) {
  openEvent = whenEvent;
  const form = find("filters");
  form.addEventListener("input", () => load());
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(load)); // after the fields are empty
  find("earlier").addEventListener("click", () => load(events.at(-1)));
}

const wanted = () => Object.fromEntries([...new FormData(find("filters"))].filter(([, value]) => value));

/** Ask for events: anew, or those before one. */
export async function load(before = null) {
  const mine = (asked += 1);
  missed = [];
  const query = new URLSearchParams({ ...wanted(), zone });
  if (before) query.set("before", `${before.started_ms}.${before.number}`);
  const answer = await fetch(`/api/events?${query}`).catch(() => null);
  if (!answer?.ok || mine !== asked) return;
  const found = await answer.json();
  if (mine !== asked) return;
  events = before ? [...events, ...found.events] : found.events;
  more = found.more;
  if (!before) {
    total = found.count;
    skipped = 0;
    drawHours(found.hours);
  }
  const changes = missed ?? [];
  missed = null;
  update(changes, 0);
}

/** Lay changed events over those shown. */
export function update(changed, skippedNow) {
  missed?.push(...changed);
  const filters = wanted();
  const dayOf = (ms) => new Date(ms).toLocaleDateString("sv"); // year-month-day, as the field has it
  for (const event of changed) {
    const place = events.findIndex((known) => known.number === event.number);
    const fits = (!filters.box || filters.box === event.device) && (!filters.camera || filters.camera === event.camera)
      && (!filters.label || filters.label === event.label) && (!filters.day || filters.day === dayOf(event.started_ms))
      && (!filters.open || (!event.test && !event.answer && !event.acknowledged_at));
    if (place >= 0 && fits) events[place] = event;
    else if (place >= 0) events.splice(place, 1);
    else if (fits && isNewer(event)) {
      events.push(event);
      if (total !== null) total += 1;
    }
  }
  if (skippedNow) catchUp(skippedNow);
  events.sort((a, b) => b.started_ms - a.started_ms || b.number - a.number);
  if (events.length > KEPT) {
    events.length = KEPT;
    more = true;
  }
  draw();
}

/** More came at once than the server tells one by one: ask, unless that would take away what somebody reads. */
function catchUp(number) {
  if (events.length > FIRST_PAGE) skipped += number;
  else catching ??= setTimeout(() => {
    catching = null;
    load();
  }, CATCH_UP_MS);
}

const isNewer = (event) => !more || !events.length || event.started_ms >= events.at(-1).started_ms;

/** Offer in the filters what there is. */
export function offer() {
  const choices = { box: new Set(), camera: new Set(), label: new Set() };
  for (const [box, camera, label] of model.names) {
    choices.box.add(box);
    choices.camera.add(camera);
    choices.label.add(label);
  }
  for (const [field, values] of Object.entries(choices)) {
    const select = find("filters").elements[field];
    const sorted = [...values].sort();
    if (select.options.length - 1 === sorted.length) continue;
    const chosen = select.value;
    select.replaceChildren(select.options[0], ...sorted.map((value) =>
      make("option", { value }, field === "label" ? title(value) : value)));
    select.value = chosen;
  }
}

function drawHours(hours) {
  const strip = find("hours");
  strip.hidden = !hours;
  if (!hours) return;
  const most = Math.max(1, ...hours);
  strip.replaceChildren(...hours.slice(0, 24).map((number, hour) => {
    const bar = make("span", { title: `${hour}:00, ${number}` });
    bar.style.setProperty("--height", number / most);
    return bar;
  }));
  strip.setAttribute("aria-label", `Events by hour of the day: ${hours.map((number, hour) =>
    (number ? `${number} from ${hour}:00` : null)).filter(Boolean).join(", ") || "none"}`);
}

function draw() {
  const nowMs = now();
  const shown = [];
  let heading = null;
  const used = new Set();
  for (const event of events) {
    const words = day(event.started_ms, nowMs);
    if (words !== heading) {
      heading = words;
      shown.push(drawDay(words));
      used.add(`day ${words}`);
    }
    const key = `${event.device}/${event.id}`;
    used.add(key);
    shown.push(drawRow(key, event));
  }
  for (const key of rows.keys()) if (!used.has(key)) rows.delete(key);
  order(find("events"), shown);
  find("no-events").hidden = events.length > 0;
  find("earlier").hidden = !more;
  say(find("found"), total === null ? "" : count(total, "event", "events")
    + (skipped ? `, and ${skipped.toLocaleString()} newer ones that are not listed` : ""));
}

function drawDay(words) {
  const key = `day ${words}`;
  if (!rows.has(key)) rows.set(key, { item: make("li", { class: "day" }, make("h3", {}, words)) });
  return rows.get(key).item;
}

function drawRow(key, event) {
  let parts = rows.get(key);
  if (!parts) {
    const when = make("span", { class: "when" });
    const chip = make("span", { class: "chip" });
    const lasted = make("span", { class: "lasted" });
    const button = make("button", { type: "button", onclick: () => openEvent(event.device, event.id) },
      when,
      make("span", { class: "what" }, make("strong", {}, title(event.label)), " ",
        make("span", { class: "where" }, name(event.camera), " in ", name(event.device))),
      lasted, chip);
    parts = { item: make("li", { "data-id": event.id }, button), when, chip, lasted, event: null };
    rows.set(key, parts);
  }
  if (parts.event === event) return parts.item;
  parts.event = event;
  const { kind, words } = outcome(event);
  say(parts.when, time(event.started_ms));
  say(parts.chip, words);
  say(parts.lasted, event.type === "ended" ? duration(event.duration_s) : "");
  mark(parts.item, "outcome", kind);
  return parts.item;
}
