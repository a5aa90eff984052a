"""The page as a person has it: Debian's chromium, a real broker, boxes that speak the contract."""

import os
import signal
from pathlib import Path

import cv2
import pytest

from proofs.messages.flood import BOX, Flood

SHOTS = os.environ.get("EDGEWATCH_SCREENSHOTS")
"""A folder for the README's pictures, as `tests/edge/dashboard/pictures`; without it none are kept."""
HOSTILE = "<img src=x onerror=alert(1)>"
SAMPLE = Path(__file__).parents[3] / "edge" / "samples" / "camera.mp4"


def shoot(page, name: str) -> None:
    if SHOTS:
        page.wait_for_timeout(400)
        page.screenshot(path=Path(SHOTS) / f"{name}.png", animations="disabled")


def snapshot() -> bytes:
    video = cv2.VideoCapture(str(SAMPLE))
    _, picture = video.read()
    video.release()
    return cv2.imencode(".jpg", cv2.GaussianBlur(cv2.resize(picture, (640, 360)), (31, 31), 0))[1].tobytes()


def sentence(page) -> str:
    return page.inner_text("#sentence")


def link(page) -> str | None:
    return page.get_attribute("#link", "data-link")


TILES = ("corridor-1/door", "corridor-2/hall", "day-room/hall", "dining/door", "dining/window", "ward-a/hall")
SCORES_INTERVAL_MS = 25
"""The dashboard reads no more than 50 a second."""


def speak_of_a_house(boxes) -> None:
    """Ten boxes, one of them gone, one with a covered camera, and a night behind them."""
    names = (
        "corridor-1",
        "corridor-2",
        "day-room",
        "dining",
        "garden",
        "kitchen",
        "stairs",
        "ward-a",
        "ward-b",
        "ward-c",
    )
    for number, box in enumerate(names):
        boxes.appear(box, ("door", "window") if number % 3 == 0 else ("hall",))
    boxes.status("kitchen", "hall", "blind", "covered, dark or turned away")
    boxes.say("garden/availability", "offline", retain=True)
    answered = {"acknowledged_at": "2026-01-01T07:12:00.000Z"}
    boxes.event("ward-b", "hall", "fall", ago_s=9 * 3600, type="ended", duration_s=34.0, **answered)
    boxes.event("ward-c", "window", "fall", ago_s=7 * 3600, type="ended", duration_s=9.0, **answered)
    boxes.event("stairs", "window", "violence", ago_s=3 * 3600, type="ended", duration_s=13.0)


@pytest.fixture
def page(mosquitto, boxes, start_dashboard, open_page):
    dashboard = start_dashboard(mosquitto.url)
    speak_of_a_house(boxes)
    page = open_page(dashboard.url)
    page.wait_for_selector("[data-link=live]")
    return page


def test_ten_boxes_are_understood_at_a_glance_and_an_alarm_comes_by_itself(page, boxes, patience) -> None:
    patience(lambda: sentence(page), "2 cameras need a look")
    assert page.locator("#troubles li").all_inner_texts()[0].startswith("garden Box offline since")
    assert page.locator("#troubles button").inner_text() == "hall in kitchen"
    counts = page.locator("#counts strong").all_inner_texts()
    assert counts == ["0", "2", "12", "0"]
    for step in range(50):
        for place, tile in enumerate(TILES):
            fall = max(0.06, (step - 44) * 0.15) if tile == "ward-a/hall" else 0.05 + 0.03 * ((step * place) % 5)
            scores = {"normal": 0.9, "fall": fall, "violence": 0.04 + 0.02 * ((step + place) % 4)}
            boxes.say(f"{tile}/scores", scores, wait=False)
        page.wait_for_timeout(SCORES_INTERVAL_MS)
    page.reload()
    page.wait_for_selector("[data-link=live]")
    page.wait_for_selector(".spark .line[d^=M]", state="attached")
    page.evaluate("globalThis.kept = document.querySelector('.tile')")
    event = boxes.event("ward-a", "hall", "fall")
    patience(lambda: sentence(page), "An alarm, now")
    assert page.inner_text("#announce") == "Fall: hall, ward-a"
    assert page.title() == "(1) edgewatch"
    assert page.locator("#alarms li[data-now]").inner_text().startswith("Fall hall in ward-a")
    assert page.evaluate("kept.isConnected"), "tiles must not be made anew"
    shoot(page, "dashboard")
    boxes.say("ward-a/hall/snapshot", snapshot())
    page.locator("#events button").first.click()
    patience(lambda: page.evaluate("document.querySelector('dialog img')?.naturalWidth"), 640)
    page.locator("dialog [data-answer=false_alarm]").click()
    patience(lambda: boxes.commands, [(f"edgewatch/ward-a/events/{event['id']}/ack", '{"false_alarm": true}')])
    patience(lambda: "The box has not answered" in page.inner_text("dialog"), True)
    boxes.event("ward-a", **event | {"type": "updated", "reason": "unseen"})
    patience(lambda: "Out of sight, may still lie there" in page.inner_text("dialog"), True)
    boxes.event("ward-a", **event | {"type": "ended", "acknowledged_at": event["published_at"]})
    patience(lambda: "The box took note" in page.inner_text("dialog"), True)
    page.set_viewport_size({"width": 560, "height": 900})
    shoot(page, "event")
    page.keyboard.press("Escape")
    patience(lambda: sentence(page), "2 cameras need a look")
    assert "ward-a" not in page.inner_text("#alarms")


def test_filters_find_what_happened(page, boxes, patience) -> None:
    for number in range(60):
        boxes.event("corridor-2", "hall", "violence", ago_s=60 * number, type="ended", test=number == 0)
    # A page that is open says of a flood how many it does not list: this one is opened when all are there.
    patience(lambda: page.evaluate("fetch('/api/events').then((answer) => answer.json())")["count"], 63)
    page.reload()
    patience(lambda: page.inner_text("#found"), "63 events")
    rows = page.locator("#events li:not(.day)")
    page.select_option("[name=label]", "fall")
    patience(lambda: (page.inner_text("#found"), rows.count()), ("2 events", 2))
    page.select_option("[name=box]", "ward-c")
    patience(lambda: ["ward-c" in row for row in rows.all_inner_texts()], [True])
    page.locator("#filters [type=reset]").click()
    patience(rows.count, 50)
    page.locator("#earlier").click()
    patience(rows.count, 63)
    page.fill("[name=day]", "2021-01-01")
    patience(lambda: page.is_visible("#no-events"), True)
    page.fill("[name=day]", "")
    page.check("[name=open]")
    patience(lambda: page.inner_text("#found"), "60 events")
    page.locator("#counts [data-mood=trouble]").click()
    assert page.locator(".tile").count() == 2
    page.locator("#counts [data-mood=trouble]").click()
    page.fill("#search", "WARD")
    patience(lambda: page.locator(".box h3").all_inner_texts(), ["ward-a", "ward-b", "ward-c"])


def test_switches_and_thresholds_show_what_is_asked_until_it_is_in_force(page, boxes, patience) -> None:
    page.locator(".tile", has_text="hall").first.click()
    box = page.locator("#dialog-title .where bdi").inner_text()
    slider = page.locator("dialog [type=range]").first
    slider.fill("0.6")
    patience(lambda: boxes.commands, [(f"edgewatch/{box}/hall/fall/threshold/set", "0.6")])
    force = page.locator("dialog .control .quiet").nth(1)
    patience(force.inner_text, "80 % is in force, 60 % is asked for")
    boxes.say(f"{box}/hall/fall/threshold", "0.6", retain=True)
    patience(force.inner_text, "60 % is in force")
    page.locator("dialog [role=switch]").focus()
    page.keyboard.press("Space")
    patience(lambda: boxes.commands[-1], (f"edgewatch/{box}/hall/enabled/set", "OFF"))
    patience(lambda: "off is asked for" in page.inner_text("dialog"), True)
    boxes.say(f"{box}/hall/enabled", "OFF", retain=True)
    patience(lambda: page.locator("dialog .chip").inner_text(), "Switched off")
    assert "51 °C" in page.inner_text("dialog")


def test_hostile_strings_are_shown_as_text(mosquitto, boxes, start_dashboard, open_page, patience) -> None:
    boxes.appear(HOSTILE, (HOSTILE,), labels=(HOSTILE,))
    boxes.status(HOSTILE, HOSTILE, "lost", HOSTILE)
    boxes.event(HOSTILE, HOSTILE, HOSTILE, reason=HOSTILE, model={"name": HOSTILE}, started_at="9999-12-31T23:59:59Z")
    for payload in ("{", "[]", '{"state": {}}', "null", b"\xff\xfe", '{"state": "' + "x" * 100_000 + '"}'):
        boxes.say(f"{HOSTILE}/{HOSTILE}/status", payload)
        boxes.say(f"{HOSTILE}/events", payload)
        boxes.say(f"{HOSTILE}/stats", payload)
    page = open_page(start_dashboard(mosquitto.url).url)
    page.on("dialog", lambda _: pytest.fail("a script ran"))
    patience(lambda: page.locator(".tile .name").all_inner_texts(), [HOSTILE])
    boxes.event(HOSTILE, HOSTILE, HOSTILE, reason=HOSTILE, model={"name": HOSTILE}, started_at="9999-12-31T23:59:59Z")
    page.locator("#events button").first.click()
    patience(page.locator("dialog bdi").first.inner_text, HOSTILE)
    assert "the box's time is impossible" in page.inner_text("dialog")
    page.keyboard.press("Escape")
    page.locator(".tile").click()
    patience(lambda: HOSTILE in page.inner_text("dialog"), True)
    assert page.locator("img").count() == 0


def test_it_comes_back_by_itself_when_broker_server_or_network_were_gone(
    mosquitto, boxes, start_dashboard, open_page, patience
) -> None:
    boxes.appear("corridor-2", ("hall",))
    dashboard = start_dashboard(mosquitto.url, remembers=True)
    page = open_page(dashboard.url)
    page.evaluate("globalThis.unloaded = false")
    patience(lambda: (link(page), sentence(page)), ("live", "All is well"))
    mosquitto.kill()
    patience(lambda: link(page), "broker")
    mosquitto.start()
    patience(lambda: link(page), "live")
    for box in ("corridor-2", "corridor-3"):  # the killed broker has forgotten what it retained
        boxes.appear(box, ("hall",))
    patience(lambda: page.locator(".box").count(), 2)
    assert dashboard.stop() == 0
    patience(lambda: link(page), "lost")
    dashboard.start()
    patience(lambda: (link(page), page.locator(".box").count()), ("live", 2))
    dashboard.signal(signal.SIGSTOP)  # a line that is open and silent, as after a sleep
    patience(lambda: link(page), "lost")
    boxes.event("corridor-2", "hall")
    dashboard.signal(signal.SIGCONT)
    patience(lambda: sentence(page), "An alarm, now")
    assert page.evaluate("globalThis.unloaded") is False, "it must not need a reload"


def test_a_flood_is_counted_to_the_last_message_and_sampled_while_the_page_goes_on(
    start_mosquitto, boxes_at, start_dashboard, open_page, patience
) -> None:
    # As it comes, mosquitto drops what a slow listener has not taken; here the dashboard has to take it all.
    mosquitto = start_mosquitto(lines=("max_inflight_messages 0", "max_queued_messages 0"))
    boxes = boxes_at(mosquitto.port)
    boxes.appear(BOX, ("hall",))
    boxes.appear("corridor-3", ("hall",))
    url = start_dashboard(mosquitto.url).url
    page = open_page(url)
    patience(lambda: (sentence(page), page.locator(".tile").count()), ("All is well", 2))

    def counted() -> dict[str, int]:
        return page.request.get(f"{url}api/state").json()

    before = counted()["received"]
    flood = Flood.begin(mosquitto.port, rate_hz=10_000)
    try:
        patience(lambda: counted()["passed_over"] > 1000, True)
        event = boxes.event("corridor-3", "hall")
        patience(lambda: sentence(page), "An alarm, now")
        page.select_option("[name=box]", "corridor-3")
        patience(lambda: page.inner_text("#found"), "1 event")
        page.locator("#alarms .answers button").first.click()
        patience(lambda: boxes.commands, [(f"edgewatch/corridor-3/events/{event['id']}/ack", "")])
        patience(lambda: "messages too many" in page.locator(".box", has_text=BOX).inner_text(), True)
        assert flood.process.poll() is None, "all this was to be during the flood"
    finally:
        sent, _ = flood.end()
    all_sent = before + sent + 2  # and the alarm, with its state
    while (so_far := counted()["received"]) < all_sent:
        patience(lambda so_far=so_far: counted()["received"] > so_far, True)
    assert so_far == all_sent
    kept = page.request.get(f"{url}api/events?box={BOX}").json()["count"]
    assert 0 < kept < sent / 8, "a quarter of them were events"
    patience(lambda: "passed over because too many came" in page.inner_text("#traffic"), True)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing_and_phone_and_wall_fit(page, boxes, patience, theme) -> None:
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed (extra dev)").Axe()
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    boxes.event("ward-a", "hall")
    for second in range(3):
        boxes.say("ward-a/hall/scores", {"fall": 0.3 * second})
    patience(lambda: sentence(page), "An alarm, now")
    found = []
    for opener in (None, "#events button", ".tile"):
        if opener:
            page.locator(opener).first.click()
            page.wait_for_selector("dialog[open] dl")
        for width, height in ((360, 640), (3840, 2160))[: 1 if theme == "dark" else 2]:
            page.set_viewport_size({"width": width, "height": height})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
            found += axe.run(page).response["violations"]
            if (theme, width, opener) == ("dark", 360, None):
                shoot(page, "phone")
        page.keyboard.press("Escape")
    assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in found] == []


def test_everything_is_reached_by_keyboard(page, boxes, patience) -> None:
    boxes.event("ward-a", "hall")
    patience(lambda: sentence(page), "An alarm, now")
    wanted = page.locator("button:visible, input:visible, select:visible, a.skip").count()
    reached = set()
    for _ in range(wanted + 15):  # a date is several stops
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("[...document.querySelectorAll('button, input, select, a')].indexOf(document.activeElement)")
        )
    assert len(reached - {-1}) >= wanted
    page.locator("#alarms .answers button").first.focus()
    page.keyboard.press("Enter")
    patience(lambda: len(boxes.commands), 1)
    patience(lambda: page.is_visible("#alarms") and "ward-a" in page.inner_text("#alarms"), False)
