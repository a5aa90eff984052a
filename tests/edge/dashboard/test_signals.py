"""What calls somebody who looks elsewhere, heard and seen in the browser; and the colours."""

import pytest

EARS = """
globalThis.heard = { tones: 0, now: 0, loudest: 0 };
const ears = new Map();
const { connect } = AudioNode.prototype;
AudioNode.prototype.connect = function (target, ...places) {
  if (target instanceof AudioDestinationNode) {
    if (!ears.has(target)) ears.set(target, new AnalyserNode(target.context, { fftSize: 16384 }));
    connect.call(this, ears.get(target));
  }
  return connect.call(this, target, ...places);
};
const { start } = AudioScheduledSourceNode.prototype;
AudioScheduledSourceNode.prototype.start = function (...when) {
  heard.tones += 1;
  return start.apply(this, when);
};
setInterval(() => {
  for (const ear of ears.values()) {
    const samples = new Float32Array(ear.fftSize);
    ear.getFloatTimeDomainData(samples);
    heard.now = samples.reduce((loudest, sample) => Math.max(loudest, Math.abs(sample)), 0);
    heard.loudest = Math.max(heard.loudest, heard.now);
  }
}, 50);
"""
"""Listens to what goes to the loudspeaker."""
EYES = """
globalThis.made = 0;
globalThis.shown = [];
globalThis.Notification = class extends Notification {
  constructor(title, options) {
    super(title, options);
    made += 1;
    this.addEventListener("show", () => shown.push([title, options.body, options.tag]));
  }
};
"""
"""Looks at the notifications that the browser has really shown."""
LATER = "{ const { now } = Date; Date.now = () => now() + 2000; }"
"""Alarms within 1.5 s of each other ring once."""
A_RING = 4
"""Tones."""
LOUD, SILENT = "heard.loudest > 0.25", "heard.now < 0.001"
BACKGROUNDS = {"light": "rgb(245, 246, 243)", "dark": "rgb(17, 22, 20)"}


@pytest.fixture
def prepared_page(mosquitto, boxes, start_dashboard, open_page):
    """`prepared_page(script)`: a page with one camera, and a script that runs before its own."""

    def prepare(script: str, **settings):
        boxes.appear("ward-a", ("hall",))
        page = open_page(start_dashboard(mosquitto.url).url, **settings)
        page.add_init_script(script)
        page.reload()
        page.wait_for_selector("[data-link=live]")
        return page

    return prepare


def test_an_alarm_is_heard_when_the_sound_is_on_and_only_then(prepared_page, boxes, patience) -> None:
    page = prepared_page(EARS)

    def tones_after_alarm(label: str) -> int:
        boxes.event("ward-a", "hall", label)
        patience(lambda: page.inner_text("#announce"), f"{label.title()}: hall, ward-a")
        return page.evaluate("heard.tones")

    assert tones_after_alarm("fall") == 0
    page.click("#sound")
    patience(lambda: page.get_attribute("#sound", "aria-pressed"), "true")
    for rings in (1, 2):  # one when it is switched on, one for an alarm
        patience(lambda: page.evaluate(LOUD), True)
        assert page.evaluate("heard.tones") == rings * A_RING
        patience(lambda: page.evaluate(SILENT), True)
        page.evaluate("heard.loudest = 0")
        page.evaluate(LATER)
        if rings == 1:
            assert tones_after_alarm("violence") == 2 * A_RING
            assert tones_after_alarm("fall") == 2 * A_RING, "alarms in quick succession ring once"
    page.click("#sound")
    patience(lambda: page.get_attribute("#sound", "aria-pressed"), "false")
    assert tones_after_alarm("violence") == 2 * A_RING
    assert page.evaluate(SILENT)


def test_an_alarm_is_shown_as_a_notification_when_they_are_on_and_only_then(prepared_page, boxes, patience) -> None:
    page = prepared_page(EYES, permissions=["notifications"])
    boxes.event("ward-a", "hall")
    patience(lambda: page.inner_text("#announce"), "Fall: hall, ward-a")
    page.click("#notify")
    patience(lambda: page.get_attribute("#notify", "aria-pressed"), "true")
    page.reload()
    page.wait_for_selector("[data-link=live]")
    assert page.get_attribute("#notify", "aria-pressed") == "true", "it is remembered"
    event = boxes.event("ward-a", "hall", "violence", test=True)
    patience(lambda: page.evaluate("shown"), [["edgewatch", "Test: Violence: hall, ward-a", event["id"]]])
    page.click("#notify")
    page.reload()
    page.wait_for_selector("[data-link=live]")
    boxes.event("ward-a", "hall")
    patience(lambda: page.inner_text("#announce"), "Fall: hall, ward-a")
    assert page.evaluate("made") == 0


def test_a_browser_that_refuses_notifications_is_told_of(prepared_page, patience) -> None:
    page = prepared_page("Notification.requestPermission = async () => 'denied'")
    page.click("#notify")
    patience(lambda: page.inner_text("#announce"), "This browser does not allow notifications of this page.")
    assert page.get_attribute("#notify", "aria-pressed") == "false"


def test_the_theme_is_the_system_s_or_the_chosen_one(prepared_page, patience) -> None:
    page = prepared_page("")

    def background() -> str:
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    for theme in ("system", "light", "dark", "system", "light"):
        assert page.inner_text("#theme") == f"Theme: {theme}"
        for system in ("light", "dark"):
            page.emulate_media(color_scheme=system)
            patience(background, BACKGROUNDS[system if theme == "system" else theme])
        page.click("#theme")
    page.emulate_media(color_scheme="light")
    page.reload()
    patience(lambda: page.inner_text("#theme"), "Theme: dark")
    patience(background, BACKGROUNDS["dark"])
