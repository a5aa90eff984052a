// Puts the parts together: what comes is drawn once a frame, however much it is.

import * as dialogs from "./dialogs.js";
import { find, mark, say } from "./dom.js";
import { connect } from "./link.js";
import { model } from "./model.js";
import * as overview from "./overview.js";
import * as signals from "./signals.js";
import * as timeline from "./timeline.js";

const LINKS = {
  live: "Live",
  broker: "No broker: what you see is old. Trying again",
  lost: "No connection to the dashboard. Trying again",
  waiting: "Connecting",
};
const AGES_INTERVAL_MS = 10_000;

let isDue = false;

function drawSoon() {
  if (isDue) return;
  isDue = true;
  const draw = () => {
    isDue = false;
    overview.draw();
  };
  if (document.hidden) setTimeout(draw, 200);
  else requestAnimationFrame(draw);
}

function tell(link, message, state) {
  say(find("link"), LINKS[link]);
  mark(find("link"), "link", link);
  document.documentElement.dataset.link = link;
  if (state) {
    overview.forget();
    find("logout").hidden = !state.password;
    timeline.offer();
  }
  if (message?.events) {
    const begun = message.events.filter((event) => event.is_new);
    if (begun.length) signals.call(begun.at(-1));
    timeline.update(message.events, message.skipped);
    timeline.offer();
  }
  const active = [...model.alarms.values()].filter((event) => event.type !== "ended").length;
  const wanted = active ? `(${active}) edgewatch` : "edgewatch";
  if (document.title !== wanted) document.title = wanted;
  if (message || state) dialogs.update(message);
  drawSoon();
}

signals.prepare();
dialogs.prepare();
overview.prepare(dialogs.showCamera, dialogs.showEvent, dialogs.answerEvent);
timeline.prepare(dialogs.showEvent);
connect(tell, () => timeline.load());
setInterval(drawSoon, AGES_INTERVAL_MS);
