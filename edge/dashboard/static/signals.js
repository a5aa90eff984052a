// What calls somebody who looks elsewhere: a sound, the browser's notification, words for screen readers; and the theme.

import { find, say } from "./dom.js";
import { title } from "./words.js";

const QUIET_BETWEEN_MS = 1500;
const DARK = { system: "(prefers-color-scheme: dark)", light: "not all", dark: "all" }; // when which theme is
const THEMES = Object.keys(DARK);

let audio = null;
let soundedMs = 0;
let notifies = false;

export function prepare() {
  find("sound").addEventListener("click", toggleSound);
  find("notify").addEventListener("click", toggleNotifications);
  find("theme").addEventListener("click", () => {
    const chosen = localStorage.getItem("theme") ?? "system";
    show(THEMES[(THEMES.indexOf(chosen) + 1) % THEMES.length]);
  });
  show(localStorage.getItem("theme") ?? "system");
  if (localStorage.getItem("notify") === "1" && globalThis.Notification?.permission === "granted") press("notify", (notifies = true));
}

function show(theme) {
  localStorage.setItem("theme", theme);
  find("dark").media = DARK[theme];
  say(find("theme"), `Theme: ${theme}`);
}

function press(id, on) {
  find(id).setAttribute("aria-pressed", String(on));
}

async function toggleSound() {
  if (audio) {
    await audio.close();
    audio = null;
  } else {
    audio = new AudioContext(); // browsers allow sound only after a click
    ring();
  }
  press("sound", audio !== null);
}

async function toggleNotifications() {
  if (!notifies && globalThis.Notification && (await Notification.requestPermission()) !== "granted") {
    say(find("announce"), "This browser does not allow notifications of this page.");
    return;
  }
  notifies = !notifies && Boolean(globalThis.Notification);
  localStorage.setItem("notify", notifies ? "1" : "0");
  press("notify", notifies);
}

/** Two tones, twice. */
function ring() {
  soundedMs = Date.now();
  for (const [index, pitch] of [660, 880, 660, 880].entries()) {
    const start = audio.currentTime + index * 0.22;
    const tone = new OscillatorNode(audio, { type: "sine", frequency: pitch });
    const volume = new GainNode(audio, { gain: 0 });
    volume.gain.setValueAtTime(0, start);
    volume.gain.linearRampToValueAtTime(0.3, start + 0.02);
    volume.gain.linearRampToValueAtTime(0, start + 0.2);
    tone.connect(volume).connect(audio.destination);
    tone.start(start);
    tone.stop(start + 0.21);
  }
}

/** Call somebody for an event that has just begun. */
export function call(event) {
  const words = `${event.test ? "Test: " : ""}${title(event.label)}: ${event.camera}, ${event.device}`;
  say(find("announce"), words);
  if (Date.now() - soundedMs < QUIET_BETWEEN_MS) return;
  if (audio) ring();
  else soundedMs = Date.now();
  if (notifies) {
    try {
      new Notification("edgewatch", { body: words, tag: event.id });
    } catch {
      press("notify", (notifies = false)); // phones want a service worker
    }
  }
}
