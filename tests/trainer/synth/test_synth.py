"""Rendered files: the same from the same seed, with the rate, size, labels and manifest that they state."""

import hashlib
import subprocess
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

from edge.errors import DatasetError
from trainer import synth
from trainer.clips.manifest import read_manifest
from trainer.synth import ACTION_SHARES, ACTIONS, render_clip, render_dataset, render_scene
from trainer.synth.furnish import overhead_camera, random_room

SHORT_S = 0.6


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """The smallest size, so that rendering takes little time."""
    monkeypatch.setattr(synth, "SIZE_SHARES", (1, 0, 0, 0, 0, 0))
    monkeypatch.setattr(synth, "SCENE_SIZE_PX", (120, 160))


@pytest.fixture
def short(monkeypatch):
    """Clips that end soon, whatever they show."""

    def cut(action):
        def script(rng):
            whole = action(rng)
            whole.seconds = SHORT_S
            whole.segments = [replace(segment, start_s=0.1, end_s=SHORT_S) for segment in whole.segments]
            return whole

        return script

    monkeypatch.setattr(synth, "ACTIONS", {name: cut(action) for name, action in ACTIONS.items()})


def frames(path):
    capture = cv2.VideoCapture(str(path))
    found = []
    while True:
        more, frame = capture.read()
        if not more:
            return found, capture.get(cv2.CAP_PROP_FPS)
        found.append(frame)


def digest(path):
    return hashlib.sha256(np.stack(frames(path)[0]).tobytes()).hexdigest()


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
@pytest.mark.usefixtures("short")
def test_the_same_seed_renders_the_same_frames(tmp_path, suffix):
    """Bit for bit, in one process: pixels are rounded from what the processor's kernels sum."""
    first = render_clip("sit", 5, tmp_path / f"first{suffix}")
    again = render_clip("sit", 5, tmp_path / f"again{suffix}")
    other = render_clip("sit", 6, tmp_path / f"other{suffix}")
    assert digest(first.path) == digest(again.path) != digest(other.path)


def test_a_file_has_the_rate_size_and_length_that_it_states(tmp_path):
    rendered = render_clip("fall", 2, tmp_path / "fall.mp4")
    found, fps = frames(rendered.path)
    assert fps == pytest.approx(rendered.fps)
    assert 12 <= rendered.fps <= 30
    assert len(found) == rendered.frames
    assert found[0].shape[:2] == rendered.size == (240, 320)
    assert rendered.segments[0].end_s == pytest.approx(rendered.frames / rendered.fps, abs=0.1)


def test_most_pixels_of_a_fall_change_within_it(tmp_path):
    rendered = render_clip("fall", 2, tmp_path / "fall.mp4")
    found, fps = frames(rendered.path)
    grey = np.stack([cv2.GaussianBlur(frame, (0, 0), 2)[..., 1] for frame in found]).astype(int)
    moving = (np.abs(np.diff(grey, axis=0)) > 12).mean((1, 2))
    start = int(rendered.segments[0].start_s * fps)
    assert start <= moving.argmax() <= start + 1.2 * fps
    assert moving[start : start + int(1.2 * fps)].mean() > 2 * moving[start + int(2 * fps) :].mean()


def test_nothing_moves_in_an_empty_room_but_light_and_noise(tmp_path):
    found, _ = frames(render_clip("empty", 3, tmp_path / "empty.mp4").path)
    grey = np.stack([cv2.GaussianBlur(frame, (0, 0), 3)[..., 1] for frame in found]).astype(int)
    assert (np.abs(np.diff(grey, axis=0)) > 12).mean() < 0.001


@pytest.mark.usefixtures("short")
def test_a_data_set_has_a_manifest_that_annotates_both_labels(tmp_path):
    heard = []
    clips = render_dataset(tmp_path, 6, 4, heard.append)
    assert read_manifest(tmp_path / "manifest.csv") == clips
    assert [rendered.path for rendered in heard] == [clip.path for clip in clips]
    assert len({clip.group for clip in clips}) == 6
    for clip in clips:
        assert clip.annotates == {"fall", "violence"}
        action = clip.path.stem.split("-", 3)[3]
        assert clip.label == {"fall": "fall", "fight": "violence"}.get(action, "normal")


@pytest.mark.usefixtures("short")
def test_a_clip_does_not_depend_on_how_many_are_rendered(tmp_path):
    [alone] = render_dataset(tmp_path / "one", 1, 9)
    first, _ = render_dataset(tmp_path / "two", 2, 9)
    assert alone.path.name == first.path.name
    assert digest(alone.path) == digest(first.path)


def test_half_of_a_data_set_holds_nothing_that_alerts():
    actions = synth._actions(200, 1)
    assert set(actions) == set(ACTIONS) == set(ACTION_SHARES)
    assert sum(action in {"fall", "fight"} for action in actions) == 100


def test_a_scene_is_cut_to_the_seconds_asked_for(tmp_path):
    path = tmp_path / "scene.mp4"
    assert render_scene(1, path, seconds=0.5) == ()
    assert len(frames(path)[0]) == 10


@pytest.mark.parametrize(
    ("action", "name", "said"),
    [("juggle", "x.mp4", "unknown action 'juggle'"), ("walk", "x.mkv", "not '.mkv'")],
)
def test_what_cannot_be_rendered_is_refused(tmp_path, action, name, said):
    with pytest.raises(DatasetError, match=said):
        render_clip(action, 1, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_data_set_of_nothing_is_refused(tmp_path):
    with pytest.raises(DatasetError, match="at least one"):
        render_dataset(tmp_path, 0, 1)


def test_rendering_needs_no_training_stack():
    heavy = "{'tensorflow', 'keras', 'sklearn', 'matplotlib', 'tqdm', 'litert_quantizer'}"
    script = (
        f"import sys, trainer.synth; sys.exit(str({heavy} & set(sys.modules)) if {heavy} & set(sys.modules) else 0)"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def test_from_the_ceiling_the_head_of_who_stands_is_before_the_feet():
    rng = np.random.default_rng(4)
    room, target = random_room(rng), np.array([0.3, 2.0, 0.0])
    camera = overhead_camera(rng, room, (240, 320), target)
    feet, head = camera.project(np.array([[*target[:2], 0.05], [*target[:2], 1.7]]))
    assert head[2] < feet[2] - 1.5
    assert np.all((feet[:2] > 0) & (feet[:2] < [320, 240]))
    assert np.abs(head[:2] - feet[:2]).max() < 120
