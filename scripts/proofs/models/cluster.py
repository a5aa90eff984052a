"""Features from a Dask cluster, one worker of which is killed in the middle, beside those of one process.

Evidence: digests of every clip's arrays from a single process; the same from a scheduler and four workers on loopback,
each a process; one worker that has clips in hand is killed with SIGKILL when a quarter of the clips is done.
"""

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from edge.bundle import BUILTIN, Bundle, InputSpec
from edge.errors import EdgewatchError
from proofs.frame.proof import Evidence, Figure, Figures, Limit, Proof, Setting, say
from proofs.models import features
from trainer.features.backbone import RANDOM, find_weights
from trainer.features.backbones import POOLED
from trainer.features.cache import read_entry

N_CLIPS, N_CLIPS_SHORT = 120, 24
N_WORKERS = 4
DONE_BEFORE_KILL = 0.25
POLL_S = 0.01
START_TIMEOUT_S = 120

TABLE = (
    Figure("differing", "clips whose features differ from those of one process in any bit", "", Limit("<=", 0)),
    Figure("missing", "clips without features", "", Limit("<=", 0)),
    Figure("clips", "clips"),
    Figure("workers", "worker processes", "", Limit(">=", 4)),
    Figure("killed", "workers killed with clips in hand", "", Limit(">=", 1)),
    Figure("in_hand", "clips that the killed worker had in hand", "", Limit(">=", 1)),
    Figure("seconds_alone", "seconds, one process", "s", None, 1),
    Figure("seconds", "seconds, cluster on this machine's cores", "s", None, 1),
)


def measure(setting: Setting) -> Evidence:
    """A few minutes; the clips are those of the proof `features`, rendered where they are missing."""
    n_clips = N_CLIPS_SHORT if setting.short else N_CLIPS
    beside = setting.work.with_name("features-short" if setting.short else "features")
    clips = features.rendered(Setting(beside, setting.data, setting.weights), n_clips, os.cpu_count() or 1)
    weights = find_weights(str(setting.weights) if setting.weights.is_dir() else RANDOM)
    shutil.rmtree(setting.work, ignore_errors=True)
    alone, together = setting.work / "alone", setting.work / "together"
    for cache in (alone, together):
        POOLED.export(InputSpec(), weights, 0, cache)
    options = {"clips": list(map(str, clips)), "choice": features.CHOICE, "workers": 1}
    options["weights"] = [weights.source, weights.digest]
    by_one = features.child(setting, "extract", options | {"cache": str(alone)}, "extraction by one process")
    with cluster(setting.work, N_WORKERS) as (address, workers):
        said = options | {"cache": str(together), "dask": address}
        process, out = features.start(setting, "extract", said, "together")
        begin_s = time.perf_counter()
        in_hand = kill_one(process, together, address, workers, int(DONE_BEFORE_KILL * n_clips))
        features.answer(process, out)
        seconds = time.perf_counter() - begin_s
    return {
        "bundle_sha256": Bundle.load(BUILTIN).digest,
        "clips": n_clips,
        "workers": N_WORKERS,
        "in_hand": in_hand,
        "seconds": seconds,
        "seconds_alone": by_one["seconds"],
        "alone": digests(alone),
        "together": digests(together),
    }


def figures(evidence: Evidence) -> Figures:
    """Entry by entry."""
    alone, together = evidence["alone"], evidence["together"]
    return {
        "differing": sum(together[name] != alone.get(name) for name in together),
        "missing": len(set(alone) - set(together)) + evidence["clips"] - len(alone),
        "killed": int(evidence["in_hand"] > 0),
        **{key: evidence[key] for key in ("clips", "workers", "in_hand", "seconds_alone", "seconds")},
    }


@contextmanager
def cluster(folder: Path, n_workers: int) -> Generator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A scheduler and workers of one thread each on loopback; ended by their process ids."""
    from distributed import Client  # noqa: PLC0415  (a second to import, which listing proofs need not wait for)

    file = folder / "scheduler.json"
    folder.mkdir(parents=True, exist_ok=True)
    local = ["--host", "127.0.0.1", "--no-dashboard"]
    scheduler = [sys.executable, "-m", "dask", "scheduler", *local, "--port", "0", "--scheduler-file", str(file)]
    worker = [sys.executable, "-m", "dask", "worker", *local, "--scheduler-file", str(file), "--nthreads", "1"]
    worker += ["--no-nanny", "--local-directory", str(folder)]
    started = [_quiet(scheduler)]
    try:
        started += [_quiet([*worker, "--name", str(number)]) for number in range(n_workers)]
        with Client(scheduler_file=str(file), timeout=START_TIMEOUT_S, set_as_default=False) as client:
            if n_workers:
                client.wait_for_workers(n_workers, timeout=START_TIMEOUT_S)
            address = str(client.scheduler_info()["address"])
        yield address, started[1:]
    finally:
        for process in started:  # a worker whose scheduler has gone may take minutes to end by itself
            process.kill()
        for process in started:
            process.wait()


def _quiet(command: list[str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def kill_one(
    process: subprocess.Popen[bytes], cache: Path, address: str, workers: list[subprocess.Popen[bytes]], done: int
) -> int:
    """Kill a worker that has clips in hand, once so many entries are there; how many clips it had.

    Raises:
        EdgewatchError: the extraction ended before.
    """
    from distributed import Client  # noqa: PLC0415

    with Client(address, set_as_default=False) as connected:
        client: Any = connected  # typed as if every call were asynchronous
        while sum(1 for _ in cache.rglob("*.npz")) < done:
            if process.poll() is not None:
                raise EdgewatchError("the extraction ended before a worker could be killed; see above")
            time.sleep(POLL_S)
        pids = client.run(os.getpid)
        in_hand = {worker: len(keys) for worker, keys in client.processing().items()}
        busiest = max(in_hand, key=lambda worker: in_hand[worker])
        say(f"killing {busiest}, which has {in_hand[busiest]} clips in hand")
        assert pids[busiest] in {worker.pid for worker in workers}
        os.kill(pids[busiest], signal.SIGKILL)
        return in_hand[busiest]


def digests(cache: Path) -> dict[str, str]:
    """Of each entry's arrays: their names, types, shapes and bytes."""
    found: dict[str, str] = {}
    for path in sorted(cache.rglob("*.npz")):
        digest = hashlib.sha256()
        for name, values in sorted((read_entry(path) or {}).items()):
            digest.update(f"{name} {values.dtype} {values.shape}".encode() + values.tobytes())
        found[path.stem] = digest.hexdigest()
    return found


PROOF = Proof(
    name="dask",
    summary="features from four Dask workers, one of them killed, bit for bit those of one process",
    table=TABLE,
    measure=measure,
    figures=figures,
)
