"""Making the cache's missing entries, a clip at a time, by processes of this machine or by a Dask cluster's workers.

Each process decodes and infers on one thread of computing, so as many of them as there are cores keep all busy; frames
are decoded a little ahead of inference. What is finished is on disk at once: a process that is killed loses the clip
that it had in hand. Memory does not grow with the number of clips.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from edge.errors import ConfigurationError
from edge.inference.tflite import Interpreter, open_interpreter
from trainer.clips.manifest import Clip
from trainer.clips.pool import map_clips
from trainer.features.cache import Cache, Compute, is_entry, write_entry


def fill(
    cache: Cache,
    clips: Sequence[Clip],
    settings: str,
    compute: Compute,
    *,
    workers: int,
    description: str,
    backbone: Path | None = None,
) -> list[Path]:
    """Make sure that every clip has its entry under these settings.

    Args:
        cache: where entries lie, and who makes them.
        clips: whose entries; equal files share one.
        settings: everything that decides the entries' content beside the clips' bytes.
        compute: makes an entry.
        workers: processes of this machine.
        description: of the progress bar.
        backbone: TFLite file that `compute` runs.

    Returns:
        Path of each clip's entry.

    Raises:
        DatasetError: a clip cannot be read.
        ConfigurationError: an entry cannot be written, or the cluster cannot be used.
    """
    with ThreadPoolExecutor(workers) as digesters:
        entries = list(digesters.map(lambda clip: cache.path(clip, settings), clips))
    wanted = {entry: clip.path for clip, entry in zip(clips, entries, strict=True)}
    todo = {entry: path for entry, path in wanted.items() if not is_entry(entry)}
    if cache.scheduler is None:
        initargs = (compute, backbone)
        for _ in map_clips(_make, list(todo.items()), workers, description, initializer=_open, initargs=initargs):
            pass
    elif todo:
        _fill_by_cluster(cache.scheduler, todo, compute, description, backbone)
    return entries


def _fill_by_cluster(
    scheduler: str, todo: dict[Path, Path], compute: Compute, description: str, backbone: Path | None
) -> None:
    try:
        from trainer.features.cluster import open_cluster  # noqa: PLC0415  (an extra that few have)
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"--dask needs {error.name}: pip install 'edgewatch[dask]'") from error
    with open_cluster(scheduler) as cluster:
        entry_of = {path: entry for entry, path in todo.items()}
        for path, arrays in cluster.compute(compute, list(entry_of), description, backbone):
            write_entry(entry_of[path], arrays)


_worker: list[tuple[Compute, Interpreter | None]] = []
"""What a worker process keeps between clips."""


def _open(compute: Compute, backbone: Path | None) -> None:
    interpreter = open_interpreter(backbone.read_bytes(), threads=1) if backbone is not None else None
    _worker[:] = [(compute, interpreter)]


def _make(job: tuple[Path, Path]) -> None:
    entry, clip = job
    if is_entry(entry):  # another command has made it meanwhile
        return
    compute, interpreter = _worker[0]
    write_entry(entry, compute(interpreter, clip))
