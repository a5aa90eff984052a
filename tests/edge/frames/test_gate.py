"""When the networks run: with whatever moves, at the glance in which it shows, and hardly ever where nothing does."""

import io
from collections.abc import Iterable, Iterator

import cv2
import numpy as np
import pytest

from edge.frames.gate import HOLD_S, LOOK_INTERVAL_S, Gate
from edge.frames.glance import Glance, glance
from edge.sources.file import FileSource
from edge.types import NS_PER_S

RATE_HZ = 10
SIZE = (360, 640)
DAY, DARK = 1.0, 0.1


def picture(y: float | None = None, *, light: float = DAY, tall: float = 0.4, noise: float = 2.0, seed: int = 0):
    """A room, perhaps with a body at a height of the picture, uint8 (height, width, 3)."""
    height, width = SIZE
    room = np.full((height, width), 60.0)
    room[: height // 2, width // 3 :] = 120
    if y is not None:
        size_px = int(0.15 * tall * height), int(0.5 * tall * height)
        cv2.ellipse(room, (width // 4, int(y * height)), size_px, 0, 0, 360, 150.0, -1)
    return seen_in(light, np.repeat(room[..., np.newaxis], 3, 2), noise, seed)


def seen_in(light: float, pixels: np.ndarray, noise: float, seed: int) -> np.ndarray:
    """The same in less light, with a camera's noise."""
    chance = np.random.default_rng(seed).standard_normal(pixels.shape, np.float32)
    return np.clip(np.round(light * pixels + noise * chance), 0, 255).astype(np.uint8)


def looks(pictures: Iterable[np.ndarray], gate: Gate | None = None, *, must_look: bool = False) -> Iterator[Gate]:
    """The gate at each of some pictures, from where it was."""
    gate = gate or Gate()
    for pixels in pictures:
        gate = gate.after(glance(pixels, gate.now_ns + NS_PER_S // RATE_HZ), must_look)
        yield gate


def still(seconds: float, **kind: float) -> list[np.ndarray]:
    return [picture(seed=seed, **kind) for seed in range(round(seconds * RATE_HZ))]


def shut(**kind: float) -> Gate:
    *_, gate = looks(still(HOLD_S + 1, **kind))
    assert gate.is_resting
    return gate


def test_it_is_open_at_first_and_then_once_every_few_seconds():
    gates = list(looks(still(20)))
    opened = [k / RATE_HZ for k, gate in enumerate(gates) if gate.is_open]
    first, later = opened[: round(HOLD_S * RATE_HZ)], opened[round(HOLD_S * RATE_HZ) :]
    assert first == [k / RATE_HZ for k in range(round(HOLD_S * RATE_HZ))]
    assert len(later) == 3
    assert np.diff(later) == pytest.approx([LOOK_INTERVAL_S] * 2)
    assert [gate.is_resting for gate in gates] == [k >= len(first) for k in range(len(gates))]


@pytest.mark.parametrize("light", [DAY, DARK], ids=["by day", "in a tenth of it"])
def test_it_opens_with_the_glance_in_which_somebody_moves_and_shuts_a_while_after(light):
    gate = shut(light=light, y=0.5)
    fall = [picture(0.5 + 0.1 * k, light=light, seed=k) for k in (1, 2, 3)]
    gates = list(looks(fall, gate))
    assert all(gate.is_open and not gate.is_resting for gate in gates)
    after = list(looks(still(8, light=light, y=0.8), gates[-1]))
    n_open = [gate.is_resting for gate in after].index(True)
    assert HOLD_S <= n_open / RATE_HZ <= HOLD_S + 2.2


@pytest.mark.parametrize("light", [DAY, DARK], ids=["by day", "in a tenth of it"])
def test_who_sinks_down_over_ten_seconds_opens_it_and_it_stays_open(light):
    sinking = [picture(0.4 + 0.4 * k / 100, light=light, seed=k) for k in range(100)]
    gates = list(looks(sinking, shut(light=light, y=0.4)))
    first = [gate.is_resting for gate in gates].index(False)
    assert first <= 2 * RATE_HZ
    assert not any(gate.is_resting for gate in gates[first:])


def test_who_is_small_opens_it():
    assert next(looks([picture(0.5, tall=0.06)], shut())).is_open


def test_what_has_to_be_watched_is_though_nothing_moves():
    gates = list(looks(still(12), shut(), must_look=True))
    assert all(gate.is_open and not gate.is_resting for gate in gates)
    assert next(looks(still(0.1), gates[-1])).is_resting


@pytest.mark.parametrize("levels", [40, -30], ids=["on", "off"])
def test_a_light_that_changes_everything_alike_is_no_movement(levels):
    changed = [np.clip(pixels + np.int16(levels), 0, 255).astype(np.uint8) for pixels in still(3)]
    assert all(gate.is_resting for gate in looks(changed, shut()))


@pytest.mark.parametrize("pause_s", [8.0, -1.0], ids=["the camera was away", "time goes back"])
def test_it_begins_anew(pause_s):
    gate = shut()
    later = gate.after(glance(picture(), gate.now_ns + round(pause_s * NS_PER_S)), must_look=False)
    assert later.is_open
    assert not later.is_resting


def test_a_change_of_everything_is_movement():
    gate, chance = shut(), np.random.default_rng(0)
    grey = chance.integers(0, 256, (36, 64)).astype(np.uint8)
    assert gate.after(Glance(grey, 0.0, gate.now_ns + NS_PER_S // RATE_HZ), must_look=False).is_open


CODINGS = {
    "constant quality": {"preset": "medium", "crf": "23"},
    "a camera's rate": {"preset": "veryfast", "tune": "zerolatency", "b": "800000"},
    "a poor camera's": {"preset": "superfast", "tune": "zerolatency", "b": "200000"},
}


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize(("light", "noise"), [(DAY, 2.0), (DAY, 8.0), (DARK, 4.0)])
def test_a_still_scene_keeps_it_shut_through_a_codec(coding, light, noise):
    pictures = [picture(0.6, light=light, noise=noise, seed=seed) for seed in range(12 * RATE_HZ)]
    gates = list(looks(coded(pictures, CODINGS[coding])))[round(HOLD_S * RATE_HZ) :]
    assert all(gate.is_resting for gate in gates)
    assert sum(gate.is_open for gate in gates) <= 2


def coded(pictures: list[np.ndarray], options: dict[str, str]) -> Iterator[np.ndarray]:
    """The same after H.264, with a key frame every 2 s."""
    import av

    film = io.BytesIO()
    with av.open(film, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=RATE_HZ, options=options)
        stream.height, stream.width = SIZE
        stream.pix_fmt, stream.gop_size = "yuv420p", 2 * RATE_HZ
        for pixels in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    film.seek(0)
    with av.open(film, "r") as decoded:
        for frame in decoded.decode(video=0):
            yield frame.to_ndarray(format="rgb24")


@pytest.mark.parametrize("light", [DAY, DARK], ids=["by day", "in a tenth of it"])
def test_it_costs_no_look_at_a_real_fall(data_dir, light):
    for path in sorted((data_dir / "gmdcsa24").glob("*/Fall/*.mp4"))[::5]:
        frames = (frame.pixels() for k, frame in enumerate(FileSource(path).frames()) if k % 3 == 0)
        film = [pixels[::2, ::2] for pixels in frames if pixels is not None]
        before = [seen_in(light, film[0], 2.0, seed) for seed in range(round((HOLD_S + 1) * RATE_HZ))]
        *_, gate = looks(before)
        assert gate.is_resting, path
        gates = list(looks((seen_in(light, pixels, 2.0, k) for k, pixels in enumerate(film)), gate))
        first = [gate.is_resting for gate in gates].index(False)
        assert first <= RATE_HZ, path
        assert not any(gate.is_resting for gate in gates[first : first + 3 * RATE_HZ]), path
