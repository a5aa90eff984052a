// What people read.

export const STATES = {
  ok: "Watching",
  slow: "Slow",
  blind: "Sees nothing",
  moving: "Camera moves",
  stalled: "Picture stands still",
  lost: "No picture",
  starting: "Starting",
  disabled: "Switched off",
  offline: "Box offline",
  unknown: "Not heard yet",
};

const MINUTE_S = 60, HOUR_S = 3600, DAY_S = 86400;
const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const precise = new Intl.DateTimeFormat([], {
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});
const dayName = new Intl.DateTimeFormat([], { weekday: "long", day: "numeric", month: "long" });
const full = new Intl.DateTimeFormat([], {
  year: "numeric", month: "short", day: "numeric",
  hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23",
});

export const time = (ms) => clock.format(ms);
export const preciseTime = (ms) => precise.format(ms);
export const fullTime = (ms) => full.format(ms);

export function day(ms, nowMs) {
  const name = dayName.format(ms);
  if (name === dayName.format(nowMs)) return "Today";
  if (name === dayName.format(nowMs - DAY_S * 1000)) return "Yesterday";
  return name;
}

export function duration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < MINUTE_S) return `${Math.round(seconds)} s`;
  if (seconds < HOUR_S) return `${Math.round(seconds / MINUTE_S)} min`;
  if (seconds < 2 * DAY_S) return `${Math.round(seconds / HOUR_S)} h`;
  return `${Math.round(seconds / DAY_S)} days`;
}

export function ago(ms, nowMs) {
  const seconds = Math.max(0, (nowMs - ms) / 1000);
  return seconds < 5 ? "just now" : `${duration(seconds)} ago`;
}

const REASONS = {
  got_up: "Got up",
  left: "Went away",
  unseen: "Out of sight, may still lie there",
  another: "Another fall",
  found_down: "Found lying",
  still_down: "Does not move",
  false_alarm: "False alarm",
};

/** Why an event began, went on or ended. */
export const reason = (word) => (Object.hasOwn(REASONS, word) ? REASONS[word] : title(word));

/** `fall` is `Fall`, `still_down` is `Still down`. */
export function title(label) {
  const words = label.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

export const percent = (score) => `${Math.round(score * 100)} %`;

export const count = (number, one, many) => `${number.toLocaleString()} ${number === 1 ? one : many}`;

/** What became of an event, in a word or two. */
export function outcome(event) {
  if (event.test) return { kind: "test", words: "Test" };
  if (event.type !== "ended") return { kind: "active", words: "Now" };
  if (event.answer === "false_alarm") return { kind: "false", words: "False alarm" };
  if (event.answer || event.acknowledged_at) return { kind: "seen", words: "Seen" };
  return { kind: "open", words: "Unanswered" };
}
