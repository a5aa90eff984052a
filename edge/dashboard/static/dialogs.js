// The closer look: one event, or one camera with its box.

import { find, make, mark, name, order, say } from "./dom.js";
import { command } from "./link.js";
import { activeLabels, condition, model, mood, now } from "./model.js";
import { sparkline, traceplot } from "./plot.js";
import { STATES, ago, duration, fullTime, outcome, percent, reason, time, title } from "./words.js";

let shown = null; // {redraw, event}: what is open
const dialog = find("dialog");

export function prepare() {
  dialog.addEventListener("close", () => {
    shown = null;
    dialog.replaceChildren();
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

function open(heading, ...content) {
  dialog.replaceChildren(
    make("header", {}, make("h2", { id: "dialog-title" }, ...heading),
      make("button", { type: "button", class: "plain", onclick: () => dialog.close() }, "Close")),
    ...content);
  if (!dialog.open) dialog.showModal();
}

const fact = (term, ...value) => make("div", {}, make("dt", {}, term), make("dd", {}, ...value));

/** Draw again what lives, and an event that changed. */
export function update(message) {
  shown?.redraw?.();
  if (shown?.event && message?.events?.some(({ device, id }) => device === shown.event[0] && id === shown.event[1])) {
    showEvent(...shown.event);
  }
}

export async function answerEvent(box, id, answer) {
  const refusal = await command({ box, id, answer });
  if (refusal) say(find("announce"), refusal);
  return refusal;
}

export async function showEvent(box, id) {
  const path = `/api/events/${encodeURIComponent(box)}/${encodeURIComponent(id)}`;
  const answer = await fetch(path).catch(() => null);
  if (!answer?.ok) return;
  const event = await answer.json();
  const [focused, scrolled] = [document.activeElement?.dataset.answer, dialog.scrollTop];
  shown = { event: [box, id] };
  const threshold = model.cameras.get(`${box}/${event.camera}`)?.labels[event.label]?.threshold;
  open([title(event.label), " ", make("span", { class: "where" }, name(event.camera), " in ", name(box))],
    make("p", { class: "chipline" }, chip(event)),
    ...pictures(event, path),
    event.trace.length > 1 ? make("figure", {}, traceplot(event.trace, event, threshold),
      make("figcaption", {}, "Score over time; the band is the event, the dashed line the threshold in force")) : null,
    make("dl", { class: "facts" }, ...facts(event)),
    model.readOnly || event.test ? null : answers(event));
  if (focused) dialog.querySelector(`[data-answer="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
  dialog.scrollTop = scrolled;
}

function chip(event) {
  const { kind, words } = outcome(event);
  return make("span", { class: "chip", "data-outcome": kind }, words);
}

function pictures(event, path) {
  return event.pictures.map((kind) => kind === "clip"
    ? make("video", { src: `${path}/clip`, controls: true, loop: true, muted: true, preload: "metadata", "aria-label": "Clip of the event" })
    : make("img", { src: `${path}/snapshot`, alt: `Snapshot of ${event.camera} when it began`, loading: "lazy" }));
}

function facts(event) {
  const asked = event.answered_ms
    ? `${event.answer === "false_alarm" ? "False alarm" : "Seen"}, said here at ${fullTime(event.answered_ms)}` : null;
  const confirmed = event.acknowledged_at && Date.parse(event.acknowledged_at)
    ? `The box took note at ${fullTime(Date.parse(event.acknowledged_at))}`
    : asked ? "The box has not answered" : null;
  return [
    fact("Began", fullTime(event.started_ms)),
    event.type === "ended" ? fact("Ended", `${fullTime(event.ended_ms)}, after ${duration(event.duration_s)}`) : null,
    fact("Score", `${percent(event.score)}, highest ${percent(event.peak)}`),
    event.reason ? fact("Reason", name(reason(event.reason))) : null,
    event.delayed ? fact("Delivery", "late: it waited on the box for the broker") : null,
    event.clock_wrong ? fact("Clock", "the box's time is impossible; this is when it arrived") : null,
    asked ? fact("Answer", asked) : null,
    confirmed ? fact("Box", confirmed) : null,
    event.model ? fact("Model", name(event.model)) : null,
    fact("Number", name(event.id)),
  ].filter(Boolean);
}

function answers(event) {
  const button = (answer, words, style) => make("button", {
    type: "button", class: style, "data-answer": answer, "aria-pressed": String(event.answer === answer),
    onclick: () => answerEvent(event.device, event.id, answer),
  }, words);
  return make("div", { class: "answers" }, button("seen", "Seen", "strong"), button("false_alarm", "False alarm", ""));
}

export function showCamera(key) {
  const camera = model.cameras.get(key);
  if (!camera) return;
  const state = make("p", { class: "chipline" });
  const plot = sparkline();
  plot.svg.classList.add("large");
  const scores = make("p", { class: "scores" });
  const facts = make("dl", { class: "facts" });
  const health = make("dl", { class: "facts" });
  const note = make("p", { class: "quiet", role: "status" });
  const controls = [switchOf(camera, note), ...Object.keys(camera.labels).map((label) => thresholdOf(camera, label, note))];
  open([name(camera.name), " ", make("span", { class: "where" }, "in ", name(camera.box))],
    state, plot.svg, scores, facts,
    make("section", { class: "controls" }, make("h3", {}, "Switch and thresholds"), ...controls.map(({ row }) => row), note),
    make("section", {}, make("h3", {}, "Box ", name(camera.box)), health));
  const redraw = () => {
    const current = model.cameras.get(key);
    if (!current) return;
    const box = model.boxes.get(current.box);
    order(state, [cameraChip(current)]);
    const lines = model.scores.get(key);
    plot.svg.toggleAttribute("hidden", !lines);
    plot.draw(lines, current.labels);
    order(scores, Object.keys(current.labels).map((label, index) => lines?.[label]
      ? make("span", { "data-tone": String(index % 4) }, `${title(label)} ${percent(lines[label].at(-1))}`) : null).filter(Boolean));
    order(facts, cameraFacts(current));
    order(health, healthFacts(box));
    for (const { draw } of controls) draw(current, mayCommand(box));
  };
  shown = { redraw };
  redraw();
}

const mayCommand = (box) => !model.readOnly && box?.online !== false && box?.stats.commands !== false;

function whyNot(box) {
  if (model.readOnly) return "This page is read only";
  return box?.online === false ? "The box is offline" : "The box takes no commands: its configuration does not allow them";
}

function cameraChip(camera) {
  const active = activeLabels(camera);
  return make("span", { class: "chip", "data-mood": mood(camera) },
    active.length ? `${active.map(title).join(", ")} now` : STATES[condition(camera)]);
}

function cameraFacts(camera) {
  const since = Date.parse(camera.since);
  return [
    since ? fact("Since", fullTime(since)) : null,
    camera.reason ? fact("Reason", name(camera.reason)) : null,
    camera.fps !== null ? fact("Rate", `${camera.fps.toFixed(1)} pictures a second`) : null,
    camera.last ? fact("Last event", `${title(camera.last.label)}, ${ago(camera.last.started_ms, now())}`) : null,
  ].filter(Boolean);
}

function healthFacts(box) {
  if (!box) return [];
  const stats = box.stats;
  const known = (value) => value !== null && value !== undefined;
  return [
    fact("Connection", box.online === null ? "not heard yet" : `${box.online ? "online" : "offline"}${box.changed_ms ? `, seen since ${time(box.changed_ms)}` : ""}`),
    known(stats.temperature_c) ? fact("Temperature", `${stats.temperature_c.toFixed(0)} °C`) : null,
    known(stats.throttled) ? fact("Throttling", stats.throttled.length ? name(stats.throttled.join(", ")) : "none") : null,
    known(stats.waiting) ? fact("Outbox", `${stats.waiting} waiting, ${stats.dropped ?? 0} dropped`) : null,
    stats.disk_fault ? fact("Disk", name(stats.disk_fault)) : null,
    known(stats.memory_mb) ? fact("Memory", `${stats.memory_mb.toFixed(0)} MB`) : null,
    known(stats.uptime_s) ? fact("Running for", duration(stats.uptime_s)) : null,
    stats.version ? fact("Version", name(stats.version)) : null,
    stats.model ? fact("Model", name(stats.model)) : null,
    stats.backend ? fact("Backend", name(stats.backend)) : null,
    box.unreadable ? fact("Unreadable", `${box.unreadable.toLocaleString()} messages`) : null,
    box.passed_over ? fact("Passed over", `${box.passed_over.toLocaleString()} messages, too many to read`) : null,
  ].filter(Boolean);
}

async function ask(note, fields) {
  say(note, (await command(fields)) ?? "Asked. The box answers in a moment.");
}

function switchOf(camera, note) {
  const input = make("input", { type: "checkbox", role: "switch" });
  const inForce = make("span", { class: "quiet" });
  input.addEventListener("change", () => ask(note, { box: camera.box, camera: camera.name, enabled: input.checked }));
  const draw = (current, may) => {
    input.disabled = !may;
    if (document.activeElement !== input) input.checked = current.asked ?? current.enabled ?? true;
    say(inForce, `${current.enabled === false ? "off" : "on"} is in force${current.asked !== null ? `, ${current.asked ? "on" : "off"} is asked for` : ""}`
      + (may ? "" : `. ${whyNot(model.boxes.get(current.box))}`));
  };
  return { row: make("label", { class: "control" }, input, make("span", {}, "Watch this camera"), inForce), draw };
}

function thresholdOf(camera, label, note) {
  const input = make("input", { type: "range", min: "0.05", max: "1", step: "0.01" });
  const value = make("output", {});
  const inForce = make("span", { class: "quiet" });
  let touched = false;
  input.addEventListener("input", () => {
    touched = true;
    say(value, percent(input.valueAsNumber));
  });
  input.addEventListener("change", async () => {
    await ask(note, { box: camera.box, camera: camera.name, label, threshold: input.valueAsNumber });
    touched = false;
  });
  const draw = (current, may) => {
    const { threshold, asked } = current.labels[label] ?? { threshold: null, asked: null };
    input.disabled = !may || threshold === null;
    if (!touched) {
      input.value = asked ?? threshold ?? 0.5;
      say(value, threshold === null ? "" : percent(input.valueAsNumber));
    }
    say(inForce, threshold === null ? "not known"
      : `${percent(threshold)} is in force${asked !== null ? `, ${percent(asked)} is asked for` : ""}`);
    mark(inForce, "asked", asked);
  };
  return { row: make("label", { class: "control" }, make("span", {}, `${title(label)} from`), input, value, inForce), draw };
}
