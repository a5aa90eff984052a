// Scores as SVG: 400 tiles with two lines of 60 points are lighter this way than as 400 canvases of a plotting library,
// and the axes never change: 0 to 1, and the last minute.

import { makeSvg } from "./dom.js";
import { preciseTime } from "./words.js";

const WIDTH = 120, HEIGHT = 24, POINTS = 60;
const CARD_WIDTH = 480, CARD_HEIGHT = 150, LEFT = 34, BOTTOM = 22, TOP = 8;

const y = (score) => (HEIGHT - 1 - score * (HEIGHT - 2)).toFixed(1);

/** A tile's plot; `draw(scores, thresholds)` changes it. */
export function sparkline() {
  const svg = makeSvg("svg", { class: "spark", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" });
  const lines = new Map();
  const draw = (scores, labels) => {
    for (const [index, label] of Object.keys(labels).entries()) {
      if (!lines.has(label)) {
        const parts = { limit: makeSvg("path", { class: "limit" }), line: makeSvg("path", { class: "line" }) };
        svg.append(parts.limit, parts.line);
        lines.set(label, parts);
      }
      const { line, limit } = lines.get(label);
      const tone = String(index % 4);
      line.dataset.tone = limit.dataset.tone = tone;
      const threshold = labels[label].threshold;
      limit.setAttribute("d", threshold === null || !scores?.[label] ? "" : `M0 ${y(threshold)}H${WIDTH}`);
      line.setAttribute("d", path(scores?.[label] ?? []));
    }
  };
  return { svg, draw };
}

function path(points) {
  const step = WIDTH / (POINTS - 1);
  const first = POINTS - points.length;
  return points.map((score, index) => `${index ? "L" : "M"}${((first + index) * step).toFixed(1)} ${y(score)}`).join("");
}

/** An event's scores over time. `trace` is [[Unix ms, score], ...]. */
export function traceplot(trace, event, threshold) {
  const first = Math.min(trace[0][0], event.started_ms);
  const last = Math.max(trace.at(-1)[0], event.ended_ms ?? 0, first + 1000);
  const x = (ms) => (LEFT + ((ms - first) / (last - first)) * (CARD_WIDTH - LEFT - 6)).toFixed(1);
  const height = (score) => (TOP + (1 - score) * (CARD_HEIGHT - TOP - BOTTOM)).toFixed(1);
  const text = (at, level, words, anchor) => makeSvg("text", { x: at, y: level, "text-anchor": anchor }, words);
  const peak = Math.max(...trace.map(([, score]) => score));
  const svg = makeSvg("svg", {
    class: "trace", viewBox: `0 0 ${CARD_WIDTH} ${CARD_HEIGHT}`, role: "img",
    "aria-label": `Scores over time: highest ${peak.toFixed(2)}, ${trace.length} values`,
  });
  const end = x(event.ended_ms ?? last);
  svg.append(makeSvg("rect", {
    class: "span", x: x(event.started_ms), y: TOP,
    width: Math.max(1, end - x(event.started_ms)), height: CARD_HEIGHT - TOP - BOTTOM,
  }));
  for (const level of [0, 0.5, 1]) {
    svg.append(makeSvg("path", { class: "grid", d: `M${LEFT} ${height(level)}H${CARD_WIDTH - 6}` }));
    svg.append(text(LEFT - 6, Number(height(level)) + 4, level.toFixed(1), "end"));
  }
  if (threshold !== null && threshold !== undefined) {
    svg.append(makeSvg("path", { class: "limit", d: `M${LEFT} ${height(threshold)}H${CARD_WIDTH - 6}` }));
  }
  const points = trace.map(([ms, score], index) => `${index ? "L" : "M"}${x(ms)} ${height(score)}`).join("");
  svg.append(makeSvg("path", { class: "line", "data-tone": "0", d: points }));
  for (const [ms, score] of trace.length < 40 ? trace : []) {
    svg.append(makeSvg("circle", { cx: x(ms), cy: height(score), r: 2.5 }));
  }
  svg.append(text(LEFT, CARD_HEIGHT - 4, preciseTime(first), "start"));
  svg.append(text(CARD_WIDTH - 6, CARD_HEIGHT - 4, preciseTime(last), "end"));
  return svg;
}
