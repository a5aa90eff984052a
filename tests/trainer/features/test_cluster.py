"""A real Dask cluster of several worker processes on loopback, one of which is killed with clips in hand."""

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from edge.bundle import InputSpec
from edge.errors import ConfigurationError, DatasetError, EdgewatchError
from edge.inference.tflite import open_interpreter
from trainer.cli import main
from trainer.clips.datasets import read_dataset
from trainer.features.backbone import RANDOM, Weights
from trainer.features.backbones import POOLED
from trainer.features.cache import Cache
from trainer.features.features import extract, features_of, read_features

distributed = pytest.importorskip("distributed", reason="the extra dask is not installed")

from proofs.models.cluster import cluster  # noqa: E402
from trainer.features.cluster import environment, open_cluster, work  # noqa: E402

SPEC = InputSpec(height_px=32, width_px=32, stream="rgb+motion", rate_hz=10)
NO_WEIGHTS = Weights(RANDOM, RANDOM)
N_WORKERS = 3
PIXELS = partial(features_of, spec=SPEC, dtype="uint8", choice="")
WITHOUT = "import sys; sys.modules['trainer'] = None; from dask.__main__ import main; main()"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with cluster(tmp_path_factory.mktemp("dask"), N_WORKERS) as (found, _):
        yield found


@pytest.fixture(scope="module")
def films(tmp_path_factory: pytest.TempPathFactory, write_clip) -> list[Path]:
    """Clips long enough that each takes some tenths of a second."""
    folder = tmp_path_factory.mktemp("films")
    return [write_clip(folder / f"{number}.avi", frames=300, lively=True, seed=number) for number in range(10)]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The backbone, exported once."""
    exported = POOLED.export(SPEC, NO_WEIGHTS, 5, tmp_path_factory.mktemp("model"))
    assert exported is not None
    return exported


def own_cache(folder: Path, model: Path, scheduler: str | None = None) -> Cache:
    """An empty cache that has the backbone."""
    folder.mkdir()
    shutil.copy(model, folder)
    return Cache(folder, scheduler)


def test_features_are_those_of_one_process_though_a_worker_is_killed(tmp_path, films, model):
    """Bit for bit, since all of them run on this machine."""
    compute = partial(features_of, spec=SPEC, dtype="float32", choice="")
    interpreter = open_interpreter(model.read_bytes())
    with cluster(tmp_path / "dask", N_WORKERS) as (address, workers), open_cluster(address) as mine:
        results = mine.compute(compute, films, "features", model)
        found = dict([next(results)])
        with distributed.Client(address, set_as_default=False) as client:
            pids = client.run(os.getpid)
            os.kill(pids[min(pids)], signal.SIGSTOP)  # it can finish nothing any more
            in_hand = client.processing()[min(pids)]
            os.kill(pids[min(pids)], signal.SIGKILL)
        assert in_hand
        assert pids[min(pids)] in {worker.pid for worker in workers}
        found |= dict(results)
    assert set(found) == set(films)
    for path in films:
        alone = compute(interpreter, path)
        assert np.array_equal(found[path]["features"], alone["features"])
        assert np.array_equal(found[path]["times_s"], alone["times_s"])


def test_entries_are_written_here_and_not_made_twice(tmp_path, fights, address, model):
    clips = read_dataset(fights)
    alone = extract(clips, SPEC, NO_WEIGHTS, own_cache(tmp_path / "alone", model), workers=1, seed=5)
    cache = own_cache(tmp_path / "together", model, address)
    together = extract(clips, SPEC, NO_WEIGHTS, cache, workers=1, seed=5)
    assert [entry.relative_to(cache.folder) for entry in together] == [
        entry.relative_to(tmp_path / "alone") for entry in alone
    ]
    for one, two in zip(alone, together, strict=True):
        assert one.read_bytes()[-22:] == two.read_bytes()[-22:]  # whole archives
        assert np.array_equal(read_features(one).values, read_features(two).values)
    before = [entry.stat().st_mtime_ns for entry in together]
    nobody = Cache(cache.folder, "tcp://127.0.0.1:1")  # which is not asked: everything is there
    assert extract(clips, SPEC, NO_WEIGHTS, nobody, workers=1, seed=5) == together
    assert [entry.stat().st_mtime_ns for entry in together] == before


def test_nothing_of_a_command_stays_with_the_workers(address, films):
    with open_cluster(address) as mine:
        assert len(dict(mine.compute(PIXELS, films[:2], "pixels", None))) == 2
    with distributed.Client(address, set_as_default=False) as client:
        plugins = client.run(lambda dask_worker: list(dask_worker.plugins))
    assert not [name for names in plugins.values() for name in names if name.startswith("edgewatch")]


def one_line(error: pytest.ExceptionInfo[EdgewatchError]) -> str:
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_worker_that_does_not_see_the_data(address, tmp_path):
    with open_cluster(address) as mine, pytest.raises(DatasetError) as error:
        list(mine.compute(PIXELS, [tmp_path / "elsewhere.avi"], "pixels", None))
    assert f"{tmp_path / 'elsewhere.avi'}: worker tcp://127.0.0.1" in one_line(error)
    assert "does not see it; mount the data there at the same path" in str(error.value)


def test_a_broken_clip_is_named(address, tmp_path):
    (tmp_path / "broken.avi").write_bytes(b"no video")
    with open_cluster(address) as mine, pytest.raises(DatasetError) as error:
        list(mine.compute(PIXELS, [tmp_path / "broken.avi"], "pixels", None))
    assert "broken.avi" in one_line(error)


def test_a_worker_of_another_version(address, films):
    wanted = environment() | {"numpy": "1.0"}
    with distributed.Client(address, set_as_default=False) as client:
        future = client.submit(work, "none", str(films[0]), wanted)
        with pytest.raises(ConfigurationError) as error:
            future.result()
    assert f"has numpy {environment()['numpy']}, this machine 1.0" in one_line(error)


def test_a_worker_without_the_package(tmp_path, films):
    with cluster(tmp_path, 0) as (address, _):
        command = [sys.executable, "-c", WITHOUT, "worker", address, "--no-nanny", "--no-dashboard"]
        command += ["--host", "127.0.0.1", "--local-directory", str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as worker:
            try:
                with distributed.Client(address, set_as_default=False) as client:
                    client.wait_for_workers(1, timeout=120)
                with open_cluster(address) as mine, pytest.raises(ConfigurationError) as error:
                    list(mine.compute(PIXELS, films[:1], "pixels", None))
            finally:
                worker.terminate()
    assert "lack a package" in one_line(error)
    assert "install edgewatch[trainer,dask]" in str(error.value)


def test_a_scheduler_that_ends_midway(tmp_path, films):
    from dask import config

    quickly = config.set({"distributed.comm.timeouts.connect": "1s"})
    with quickly, cluster(tmp_path, 1) as (address, _), open_cluster(address) as mine:
        results = mine.compute(PIXELS, films, "pixels", None)
        next(results)
        with distributed.Client(address, set_as_default=False) as client:
            client.shutdown()
        with pytest.raises(EdgewatchError) as error:
            list(results)
    assert f"--dask {address}: " in one_line(error)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "scheduler", "tcp://scheduler.invalid:8786"])
def test_no_scheduler_is_one_line(tmp_path, fights, capsys, monkeypatch, address):
    monkeypatch.setattr("trainer.features.cluster.CONNECT_TIMEOUT_S", 1)
    command = ["train", "--recipe", "lrcn", "--data", str(fights), "--out", str(tmp_path / "run"), "--dask", address]
    assert main([*command, "--cache", str(tmp_path / "cache")]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1, said
    assert f"--dask {address}: no scheduler answers; start one with `dask scheduler`" in said
    assert not (tmp_path / "run").exists()
