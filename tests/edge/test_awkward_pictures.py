"""Pictures as no data set has them: turned, grey, tiny, huge, bent, cut, covered, crowded. In some the built-in bundle
may find no body; nobody falls who does not, and nothing is no number.

All are made from clips of `gmdcsa24`, which the bundle knows: how well it finds falls is judged elsewhere.
"""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from edge.bundle import BUILTIN, Bundle
from edge.events.falls import FallRules
from edge.inference.model import Model, open_model
from edge.people.tracking import is_somebody
from edge.pipeline import Step, Watcher
from edge.sources.file import FileSource
from edge.types import NS_PER_S, RawFrame

DAILY = "Subject 3/ADL/19.mp4"
"""Somebody bends to the floor, and stands."""
FALLS, LIES_S = "Subject 3/Fall/20.mp4", 4.5
WALKS, EMPTY = "Subject 1/ADL/10.mp4", "Subject 4/Fall/03.mp4"
SQUATS, SQUATTER = "Subject 3/ADL/07.mp4", np.s_[40:720, 540:800]
FALL, NOISE = "fall", 2.0
EVERYWHERE = FallRules(rest_zones=[])
"""Nobody may lie anywhere."""
Seen = tuple[float, np.ndarray]
"""Seconds, and uint8 (height, width, 3) RGB."""


@pytest.fixture(scope="module")
def model() -> Model:
    return open_model(Bundle.load(BUILTIN))


@pytest.fixture
def shown(data_dir: Path) -> Callable[..., Iterator[Seen]]:
    """`shown(name, begin_s, end_s, period_s)`: pictures of a clip of gmdcsa24, from 0 s on."""

    def pictures(name: str, begin_s: float = 0.0, end_s: float = 60.0, period_s: float = 0.1) -> Iterator[Seen]:
        path, due_s = data_dir / "gmdcsa24" / name, begin_s
        if not path.is_file():
            pytest.skip(f"no {path}; set EDGEWATCH_DATA to the folder that holds gmdcsa24")
        for frame in FileSource(path).frames():
            now_s = frame.capture_ns / NS_PER_S
            pixels = frame.pixels() if due_s <= now_s < end_s else None
            if pixels is not None:
                yield now_s - begin_s, pixels
                due_s += period_s

    return pictures


class Film:
    """Pictures with their times."""

    name, live, skipped_frames = "film", False, 0

    def __init__(self, pictures: Iterable[Seen]) -> None:
        self._pictures = pictures

    def frames(self) -> Iterator[RawFrame]:
        for number, (now_s, pixels) in enumerate(self._pictures):
            yield RawFrame.of(pixels, number, round(now_s * NS_PER_S))

    def close(self) -> None:
        pass


def watched(model: Model, pictures: Iterable[Seen], rules: FallRules | None = None) -> list[Step]:
    """What the box makes of pictures, but for the end of the film."""
    steps = [step for step in Watcher(Film(pictures), model, rules=rules).steps() if step.capture_ns is not None]
    said = [value for step in steps for body in step.bodies or () for value in (body.falling, body.lying)]
    scores = [value for step in steps if step.scores is not None for value in step.scores.probabilities]
    assert np.isfinite([*said, *scores]).all()
    return steps


def told(steps: Iterable[Step]) -> list[tuple[str, str | None]]:
    """What is told of falls."""
    return [(event.type, event.reason) for step in steps for event in step.events if event.label == FALL]


def resized(pixels: np.ndarray, width_px: int, height_px: int) -> np.ndarray:
    return np.asarray(cv2.resize(pixels, (width_px, height_px), interpolation=cv2.INTER_AREA), np.uint8)


def grey(pixels: np.ndarray) -> np.ndarray:
    return np.asarray(cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)


def infrared(pixels: np.ndarray) -> np.ndarray:
    """Grey, bright in the middle where the lamp shines, with a night's noise."""
    height, width, _ = pixels.shape
    y, x = np.mgrid[:height, :width]
    lamp = np.exp(-(((x / width - 0.5) / 0.45) ** 2) - ((y / height - 0.5) / 0.55) ** 2)
    noise = np.random.default_rng(int(pixels.sum())).normal(0, 5, lamp.shape)
    lit = 20 + 0.5 * lamp * pixels.mean(2) + noise
    return np.repeat(lit.clip(0, 255).astype(np.uint8)[..., np.newaxis], 3, 2)


def portrait(pixels: np.ndarray) -> np.ndarray:
    """The whole width, and as much again of ceiling and floor."""
    above = 2 * pixels.shape[0] // 3
    return np.asarray(cv2.copyMakeBorder(pixels, above, above, 0, 0, cv2.BORDER_REFLECT), np.uint8)


def fisheye(pixels: np.ndarray, corner_rad: float = 1.2) -> np.ndarray:
    """As a lens sees it whose angles are even, up to so far from its axis."""
    height, width, _ = pixels.shape
    y, x = (np.mgrid[:height, :width].T - [height / 2, width / 2]).T.astype(np.float32)
    reach = np.hypot(height / 2, width / 2)
    out = np.maximum(np.hypot(y, x) / reach, 1e-6)
    scale = np.tan(corner_rad * out) / np.tan(corner_rad) / out
    from_y, from_x = (y * scale + height / 2).astype(np.float32), (x * scale + width / 2).astype(np.float32)
    return np.asarray(cv2.remap(pixels, from_x, from_y, cv2.INTER_LINEAR), np.uint8)


def behind_a_bed(pixels: np.ndarray) -> np.ndarray:
    covered = pixels.copy()
    covered[round(0.65 * len(pixels)) :] = (120, 90, 60)
    return covered


AWKWARD: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "upside down": lambda pixels: pixels[::-1, ::-1].copy(),
    "on its side": lambda pixels: np.rot90(pixels).copy(),
    "grey": grey,
    "infrared": infrared,
    "160x120": lambda pixels: resized(pixels, 160, 120),
    "4K": lambda pixels: pixels.repeat(6, 0).repeat(6, 1),
    "portrait": portrait,
    "fisheye": fisheye,
    "beside a mirror": lambda pixels: np.hstack([pixels[:, ::-1], pixels]),
    "behind a bed": behind_a_bed,
    "without a head": lambda pixels: pixels[len(pixels) // 3 :].copy(),
    "half outside": lambda pixels: pixels[:, round(0.42 * pixels.shape[1]) :].copy(),
}
UNSEEN = {"upside down", "on its side", "behind a bed", "without a head", "half outside"}
"""Falls may be missed."""


@pytest.mark.parametrize("how", AWKWARD)
def test_daily_life_is_no_fall(model, shown, how):
    steps = watched(model, ((at_s, AWKWARD[how](pixels)) for at_s, pixels in shown(DAILY, 0.0, 4.5)), EVERYWHERE)
    assert told(steps) == []


@pytest.mark.parametrize("how", sorted(AWKWARD.keys() - UNSEEN))
def test_a_fall_is_told_once(model, shown, how):
    steps = watched(model, ((at_s, AWKWARD[how](pixels)) for at_s, pixels in shown(FALLS, 1.0, 5.0)))
    assert [one for one in told(steps) if one[0] != "updated"] == [("started", None)]


def test_of_a_crowd_six_are_followed_and_nobody_falls(model, shown):
    alone = [(at_s, pixels[SQUATTER]) for at_s, pixels in shown(SQUATS)]
    crowd = [(at_s, np.tile(pixels, (2, 4, 1))) for at_s, pixels in alone]
    steps = watched(model, crowd, EVERYWHERE)
    assert max(len(step.bodies or ()) for step in steps) == 6
    assert told(steps) == []
    for step in steps:
        slots = [body.track.slot for body in step.bodies or ()]
        assert len(set(slots)) == len(slots)


def noisy(pixels: np.ndarray, number: int) -> np.ndarray:
    grain = pixels + np.random.default_rng(number).normal(0, NOISE, pixels.shape)
    return grain.clip(0, 255).astype(np.uint8)


def hung(room: np.ndarray, picture: np.ndarray, height_px: int) -> np.ndarray:
    """A picture on a wall."""
    width_px = round(height_px * picture.shape[1] / picture.shape[0])
    wall = room.copy()
    wall[40 : 40 + height_px, 20 : 20 + width_px] = resized(picture, width_px, height_px)
    return wall


def test_who_stands_on_a_poster_is_nobody(model, shown):
    (_, room), (_, person) = next(shown(EMPTY)), next(shown(SQUATS))
    wall = hung(room, person[SQUATTER], 300)
    steps = watched(model, ((0.2 * number, noisy(wall, number)) for number in range(150)), EVERYWHERE)
    seen = [body for step in steps for body in step.bodies or ()]
    assert seen, "the poster is not seen at all"
    assert not any(is_somebody(body.track) for body in seen)
    assert told(steps) == []


def test_daily_life_on_a_television_is_no_fall(model, shown):
    _, room = next(shown(EMPTY))
    film = ((at_s, hung(room, pixels, 200)) for at_s, pixels in shown(DAILY, 0.0, 4.5))
    assert told(watched(model, film, EVERYWHERE)) == []


def test_nobody_falls_where_the_picture_jumps_to_who_lies(model, shown):
    stands, lies = list(shown(WALKS, 0.0, 2.0)), list(shown(FALLS, LIES_S, 6.0))
    takes = [resized(pixels, 640, 480) for _, pixels in (*stands, *lies, *lies, *stands)]
    assert told(watched(model, ((0.1 * number, pixels) for number, pixels in enumerate(takes)))) == []


@pytest.mark.parametrize(("name", "expected"), [(DAILY, []), (FALLS, [("started", None)])])
def test_steps_may_come_late(model, shown, name, expected):
    chance, due_s, film = np.random.default_rng(1), 0.0, list[Seen]()
    for at_s, pixels in shown(name):
        if at_s >= due_s:
            due_s = at_s + chance.choice([0.1, 0.1, 0.35, 0.7])
            film.append((at_s, pixels))
    assert max(np.diff([at_s for at_s, _ in film])) >= 0.6
    assert [one for one in told(watched(model, film)) if one[0] != "updated"] == expected


def test_who_fell_stays_down_under_a_blanket(model, shown):
    film = list(shown(FALLS, 1.0, 6.0))
    end_s, lies = film[-1]
    height, width, _ = lies.shape
    y0, x0, y1, x1 = round(0.55 * height), round(0.2 * width), round(0.95 * height), round(0.95 * width)
    for number in range(60):
        covered = lies.copy()
        covered[y0:y1, x0 : x0 + round((x1 - x0) * min(1.0, number / 10))] = (90, 110, 160)
        film.append((end_s + 0.2 * (1 + number), noisy(covered, number)))
    said = told(watched(model, film))
    assert said[0] == ("started", None)
    assert ("updated", "unseen") in said
    assert {kind for kind, _ in said[1:]} == {"updated"}
