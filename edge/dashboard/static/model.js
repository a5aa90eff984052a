// What the page knows, as the server tells it.

import { STATES } from "./words.js";

const SCORES_KEPT = 60;
const ALARMS_KEPT = 100;
const ALARM_AGE_MS = 12 * 3600 * 1000;
/** Of a camera's scores: how many came, so that a plot knows whether it is old. */
export const COUNT = Symbol("count");
const TROUBLE = new Set(["blind", "stalled", "lost", "slow", "offline"]);

export const model = {
  boxes: new Map(), // name -> record
  cameras: new Map(), // "box/camera" -> record with box, name, key
  scores: new Map(), // "box/camera" -> {label: [score, ...]}
  alarms: new Map(), // "box/id" -> event that nobody has answered
  names: [],
  readOnly: false,
  fault: null,
  clockAhead: 0, // of the server's clock before ours, ms
  received: 0,
  passedOver: 0,
};

export const now = () => Date.now() + model.clockAhead;

/** Begin anew with everything. */
export function reset(state) {
  model.boxes.clear();
  model.cameras.clear();
  model.scores.clear();
  model.alarms.clear();
  model.readOnly = state.read_only;
  model.names = state.names;
  for (const [key, lines] of Object.entries(state.scores)) {
    const scores = Object.entries(lines).map(([label, line]) => [label, line.map((hundredth) => hundredth / 100)]);
    model.scores.set(key, { ...Object.fromEntries(scores), [COUNT]: 0 });
  }
  for (const event of state.alarms) model.alarms.set(`${event.device}/${event.id}`, event);
  update(state);
}

/** Lay a message over what is known. */
export function update(message) {
  model.fault = message.fault;
  model.clockAhead = message.now_ms - Date.now();
  model.received = message.received;
  model.passedOver = message.passed_over;
  for (const [name, box] of Object.entries(message.boxes ?? {})) model.boxes.set(name, box);
  for (const [key, camera] of Object.entries(message.cameras ?? {})) {
    if (!camera) {
      model.cameras.delete(key);
      model.scores.delete(key);
      continue;
    }
    const [box] = key.split("/", 1);
    model.cameras.set(key, { ...camera, key, box, name: key.slice(box.length + 1) });
  }
  if (message.scores && !message.alarms) addScores(message.scores);
  for (const event of message.events ?? []) addEvent(event);
}

function addScores(all) {
  for (const [key, scores] of Object.entries(all)) {
    const kept = model.scores.get(key) ?? { [COUNT]: 0 };
    kept[COUNT] += 1;
    for (const [label, score] of Object.entries(scores)) {
      const line = (kept[label] ??= []);
      line.push(score);
      if (line.length > SCORES_KEPT) line.shift();
    }
    model.scores.set(key, kept);
  }
}

function addEvent(event) {
  const key = `${event.device}/${event.id}`;
  const isOpen = !event.test && !event.answer && !event.acknowledged_at;
  if (isOpen && now() - event.started_ms < ALARM_AGE_MS) model.alarms.set(key, event);
  else model.alarms.delete(key);
  if (model.alarms.size > ALARMS_KEPT) model.alarms.delete(model.alarms.keys().next().value);
  if (!model.names.some(([box, camera, label]) =>
    box === event.device && camera === event.camera && label === event.label)) {
    model.names.push([event.device, event.camera, event.label]);
  }
}

/** How a camera is: its own state, unless its box is gone. */
export function condition(camera) {
  const box = model.boxes.get(camera.box);
  if (box?.online === false) return "offline";
  if (camera.enabled === false) return "disabled";
  if (camera.state === null) return "unknown";
  return camera.state in STATES ? camera.state : "unknown";
}

/** Labels that alarm now. A box that is gone says nothing of now. */
export function activeLabels(camera) {
  if (condition(camera) === "offline") return [];
  return Object.entries(camera.labels).filter(([, label]) => label.on).map(([name]) => name);
}

/** `alarm`, `trouble`, `off` or `fine`. */
export function mood(camera) {
  if (activeLabels(camera).length) return "alarm";
  const state = condition(camera);
  if (TROUBLE.has(state)) return "trouble";
  return state === "ok" ? "fine" : "off";
}
