// The line to the server: begins anew by itself after a restart, a lost network or a sleep, and says so meanwhile.

import { model, reset, update } from "./model.js";

const SILENCE_MS = 5000; // the server speaks every second
const FIRST_PAUSE_MS = 300, LONGEST_PAUSE_MS = 3000;

let source = null;
let heardMs = 0;
let pauseMs = FIRST_PAUSE_MS;
let timer = null;
let waiting = null; // messages that came while the state was on its way
let listener = null;
let opened = null;

/**
 * Keep connected; `tell(link, message, state)` gets "live", "broker" or "lost", and what came. `whenOpen` is called when
 * changes begin to come: what is asked for from then on misses none.
 */
export function connect(tell, whenOpen) {
  [listener, opened] = [tell, whenOpen];
  open();
  setInterval(watch, 1000);
  for (const [target, name] of [[document, "visibilitychange"], [window, "online"], [window, "pageshow"]]) {
    target.addEventListener(name, watch);
  }
}

function open() {
  clearTimeout(timer);
  timer = null;
  source?.close();
  waiting = [];
  heardMs = Date.now();
  const mine = (source = new EventSource("/api/stream"));
  mine.onmessage = (event) => mine === source && take(JSON.parse(event.data));
  mine.onerror = () => mine === source && lose();
  mine.onopen = () => {
    if (mine !== source) return;
    begin(mine);
    opened();
  };
}

async function begin(mine) {
  try {
    const answer = await fetch("/api/state");
    if (answer.status === 401) location.assign("/login");
    if (!answer.ok) throw new Error(answer.statusText);
    const state = await answer.json();
    if (mine !== source) return;
    reset(state);
    const missed = waiting;
    waiting = null;
    missed.forEach(update);
    pauseMs = FIRST_PAUSE_MS;
    listener(model.fault ? "broker" : "live", null, state);
  } catch {
    if (mine === source) lose();
  }
}

function take(message) {
  heardMs = Date.now();
  if (waiting) {
    waiting.push(message);
    return;
  }
  update(message);
  listener(model.fault ? "broker" : "live", message);
}

function lose() {
  source?.close();
  source = null;
  listener("lost", null);
  timer ??= setTimeout(check, pauseMs);
  pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
}

async function check() {
  timer = null;
  try {
    const answer = await fetch("/api/events?box=-");
    if (answer.status === 401) location.assign("/login");
    open();
  } catch {
    lose();
  }
}

function watch() {
  if (source && Date.now() - heardMs > SILENCE_MS) lose();
  else if (!source && timer === null) lose();
}

/** Send a command; returns why it was refused, or null. */
export async function command(fields) {
  try {
    const answer = await fetch("/api/commands", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(fields),
    });
    if (answer.status === 401) location.assign("/login");
    return answer.ok ? null : (await answer.json()).error;
  } catch {
    return "The dashboard's server does not answer; try again.";
  }
}
