"""The choice between backends through the whole program: what it says, and what stands in its stats."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from edge.bundle import Bundle
from edge.inference.model import open_model


def edge(*arguments: object) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "edge", *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=300, env=dict(os.environ))


@pytest.fixture
def run(mosquitto, make_clip, make_bundle, until) -> Callable[..., tuple[dict, str]]:
    """`run(*arguments)`: the stats and standard error of `edge run` over a clip."""

    def run(*arguments: object) -> tuple[dict, str]:
        subscriber = mosquitto.subscribe()
        clip = make_clip("clip.mp4", ("grey", 1.0))
        done = edge("run", "--source", clip, "--bundle", make_bundle(), "--broker", mosquitto.url, *arguments)
        assert done.returncode == 0, done.stderr
        assert "INFO" not in done.stdout
        until(lambda: subscriber.payloads("/stats"), "stats")
        return json.loads(subscriber.payloads("/stats")[-1]), done.stderr

    return run


@pytest.mark.usefixtures("software_gpu")
def test_a_gpu_that_is_there_is_used(run):
    stats, said = run("--backends", "gpu")
    assert stats["backend"] == "gpu"
    assert stats["backends"] == {"scene": {"in_use": "gpu", "wanted": ["gpu", "cpu"], "refused": {}}}
    assert "goes on with" not in said


def test_without_a_gpu_the_box_watches_all_the_same_and_says_so(run, monkeypatch):
    monkeypatch.setenv("VK_DRIVER_FILES", "/nonexistent.json")
    stats, said = run("--backends", "edgetpu,gpu,cpu")
    assert stats["backend"] == "cpu"
    assert list(stats["backends"]["scene"]["refused"]) == ["edgetpu", "gpu"]
    assert "backend edgetpu: tiny has no file for the Edge TPU" in said
    assert "backend gpu: " in said
    assert "; goes on with cpu\n" in said


def test_stats_say_what_was_wanted_where_there_is_no_choice_too(run):
    stats, _ = run()
    assert stats["backend"] == "cpu"
    assert stats["backends"] == {"scene": {"in_use": "cpu", "wanted": ["cpu"], "refused": {}}}


def test_check_tells_what_is_used_and_why(make_bundle, tmp_path: Path, monkeypatch):
    monkeypatch.setenv("VK_DRIVER_FILES", "/nonexistent.json")
    settings = tmp_path / "edgewatch.toml"
    settings.write_text(f'bundle = "{make_bundle()}"\nbackends = ["gpu"]\n')
    done = edge("check", "--config", settings)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("bundle: ")]
    assert line.startswith("bundle: ok: tiny, float32")
    assert ", on cpu; backend gpu: " in line


@pytest.mark.usefixtures("software_gpu")
def test_answers_far_from_the_processors_are_not_used(make_bundle, monkeypatch):
    monkeypatch.setattr("edge.inference.opening.MAX_DIFFERENCE", {"float32": 0.0})
    lines: list[str] = []
    model = open_model(Bundle.load(make_bundle()), backends=("gpu",), report=lines.append)
    assert model.network.backend == "cpu"
    assert "its answers differ from the processor's by" in lines[0]
