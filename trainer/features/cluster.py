"""Clips worked on by the workers of a Dask cluster, which may come and go: what a lost one had in hand, others do.

Scheduler and workers need this package, of the same version, and the workers see the clips at the same paths. The
backbone travels with the work, and what is made of a clip comes back, so no cache is shared.
"""

import logging
import socket
import sys
import threading
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

from distributed import Client, Future, KilledWorker, as_completed, get_worker
from distributed.diagnostics.plugin import WorkerPlugin

from edge.errors import ConfigurationError, DatasetError, EdgewatchError
from edge.inference.tflite import open_interpreter
from trainer.clips.pool import progress
from trainer.features.cache import FORMAT, Arrays, Compute, pictures

CONNECT_TIMEOUT_S = 10
WAITING_PER_THREAD = 4
"""Clips given out for each thread of the cluster; more would fill memory with results that nobody has written yet."""
LEAST_WAITING = 16
"""Also where no worker is there yet, since a cluster that adapts grows by what waits."""
PACKAGES = ("edgewatch", "numpy", "opencv-python-headless", "av", "ai-edge-litert")
"""What decides features to the last bit, beside the kind of processor."""

Environment = dict[str, str]


class Delivery(WorkerPlugin):
    """Work and backbone, brought once to every worker, those that come later included."""

    def __init__(self, compute: Compute, backbone: bytes | None) -> None:
        self._compute = compute
        self._backbone = backbone

    def setup(self, worker: Any) -> None:
        del worker
        self._of_thread = threading.local()

    def arrays_of(self, clip: Path) -> Arrays:
        """What is made of a clip, by an interpreter of this thread's own."""
        if not hasattr(self._of_thread, "interpreter"):
            opened = open_interpreter(self._backbone, threads=1) if self._backbone is not None else None
            self._of_thread.interpreter = opened
        return self._compute(self._of_thread.interpreter, clip)


class Cluster:
    """A Dask cluster to which this process is connected."""

    def __init__(self, address: str, client: Client) -> None:
        self._address = address
        self._client: Any = client  # typed as if every call were asynchronous

    def compute(
        self, compute: Compute, clips: Sequence[Path], description: str, backbone: Path | None
    ) -> Iterator[tuple[Path, Arrays]]:
        """Yield each clip with what is made of it, as it is finished.

        Raises:
            ConfigurationError: scheduler or workers lack this package, or have it in another version.
            DatasetError: a clip cannot be read, or a worker does not see it.
            EdgewatchError: the scheduler is lost, or a clip ends every worker that takes it.
        """
        name = f"edgewatch-{uuid4().hex}"
        with self._told():
            try:
                self._client.register_plugin(Delivery(compute, backbone and backbone.read_bytes()), name)
                yield from progress(self._results(name, clips), description, len(clips))
            finally:
                with suppress(Exception):  # a cluster that is gone has forgotten it
                    self._client.unregister_worker_plugin(name)

    def _results(self, name: str, clips: Sequence[Path]) -> Iterator[tuple[Path, Arrays]]:
        """Give out clips as results come in, so that only few of either wait."""
        finished = as_completed(loop=self._client.loop, with_results=True)
        here, rest = environment(), iter(clips)
        clip_of: dict[str, Path] = {}
        if not self._client.nthreads():
            print(f"trainer: --dask {self._address}: has no worker yet; waiting for one", file=sys.stderr)

        def give_out() -> None:
            n_threads = sum(self._client.nthreads().values())
            while len(clip_of) < max(LEAST_WAITING, WAITING_PER_THREAD * n_threads):
                clip = next(rest, None)
                if clip is None:
                    return
                future = self._client.submit(work, name, str(clip.absolute()), here, pure=False)
                clip_of[future.key] = clip
                finished.add(future)

        give_out()
        for future, result in finished:
            yield clip_of.pop(future.key), self._checked(future, result)
            give_out()

    def _checked(self, future: Future, result: Any) -> Arrays:
        if future.status != "finished":
            raise EdgewatchError(
                f"--dask {self._address}: the scheduler was lost; what is finished is kept, the same command goes on"
            )
        return result

    @contextmanager
    def _told(self) -> Generator[None]:
        """Say in one line what came from other machines."""
        try:
            yield
        except (EdgewatchError, GeneratorExit):
            raise
        except KilledWorker as error:
            raise EdgewatchError(
                f"--dask {self._address}: a clip ended {error.allowed_failures + 1} workers one after the other, the "
                f"last was {error.last_worker.address}; give them more memory, or see their logs"
            ) from error
        except Exception as error:  # whatever ends work on another machine
            reason = (str(error) or type(error).__name__).splitlines()[0]
            lacks = ModuleNotFoundError.__name__  # also as part of what Dask says of it
            if isinstance(error, ModuleNotFoundError) or lacks in reason:
                raise ConfigurationError(
                    f"--dask {self._address}: scheduler or workers lack a package ({reason}); install "
                    f"edgewatch[trainer,dask] {version('edgewatch')} on all of them"
                ) from error
            raise EdgewatchError(f"--dask {self._address}: {reason}") from error


@contextmanager
def open_cluster(address: str) -> Generator[Cluster]:
    """Connect to a scheduler, such as `tcp://scheduler:8786`.

    Raises:
        ConfigurationError: none answers there.
    """
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # our one line says what is wrong
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of versions, which every clip's work compares as far as they matter
        try:
            client = Client(address, timeout=CONNECT_TIMEOUT_S, set_as_default=False)
        except (OSError, ValueError, TimeoutError) as error:
            raise ConfigurationError(
                f"--dask {address}: no scheduler answers; start one with `dask scheduler`, workers with `dask worker "
                "tcp://HOST:8786`, and give its tcp:// address"
            ) from error
    with client:
        yield Cluster(address, client)


def environment() -> Environment:
    """What has to be the same for features to be the same."""
    return {"pictures": pictures(), "format": FORMAT} | {name: version(name) for name in PACKAGES}


def work(name: str, clip: str, wanted: Environment) -> Arrays:
    """What a worker does with one clip.

    Raises:
        ConfigurationError: the worker's code or libraries are others than the client's.
        DatasetError: the worker does not see the clip, or cannot read it.
    """
    here, worker = environment(), get_worker()
    place = f"worker {worker.address} on {socket.gethostname()}"
    if different := sorted(key for key in wanted if here[key] != wanted[key]):
        key = different[0]
        raise ConfigurationError(
            f"--dask: {place} has {key} {here[key]}, this machine {wanted[key]}; features would differ, so install the "
            "same versions everywhere"
        )
    if not Path(clip).is_file():
        raise DatasetError(f"{clip}: {place} does not see it; mount the data there at the same path")
    delivery: Any = worker.plugins[name]
    return delivery.arrays_of(Path(clip))
