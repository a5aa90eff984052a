"""Work on clips in several processes, with a progress bar, that an interruption ends at once and cleanly."""

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context, parent_process
from typing import Any, TypeVar

from tqdm import tqdm

from edge.errors import EdgewatchError

Item = TypeVar("Item")
Answer = TypeVar("Answer")

WAITING_PER_WORKER = 64
"""Items given out or answered before the first of them is wanted; more would fill the memory of a large set."""


def progress(items: Any, description: str, total: int | None = None) -> Any:
    """A progress bar on standard error, none where that is no terminal."""
    return tqdm(items, desc=description, total=total, unit="clip", disable=None, dynamic_ncols=True)


def map_clips(
    function: Callable[[Item], Answer],
    items: Sequence[Item],
    workers: int,
    description: str,
    *,
    initializer: Callable[..., None] | None = None,
    initargs: tuple[Any, ...] = (),
) -> Iterator[Answer]:
    """Yield `function(item)` in the items' order, worked out by `workers` processes.

    The processes are started afresh, so they hold only what `function`'s module imports. An error in one of them is
    raised here. One worker means this process itself, which is also right for few items.
    """
    workers = min(workers, len(items))
    if workers <= 1:
        if initializer is not None:
            initializer(*initargs)
        yield from progress(map(function, items), description, len(items))
        return
    executor = ProcessPoolExecutor(
        workers, get_context("spawn"), initializer=_start_worker, initargs=(initializer, initargs)
    )
    try:
        answers = _in_order(executor, partial(_call, function), items, WAITING_PER_WORKER * workers)
        yield from progress(answers, description, len(items))
    except BrokenProcessPool as error:
        raise EdgewatchError("a worker process was killed, perhaps for memory; try with --workers 1") from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _in_order(
    executor: ProcessPoolExecutor, function: Callable[[Item], Answer], items: Iterable[Item], n_waiting: int
) -> Iterator[Answer]:
    waiting: deque[Future[Answer]] = deque()
    for item in items:
        if len(waiting) == n_waiting:
            yield waiting.popleft().result()
        waiting.append(executor.submit(function, item))
    while waiting:
        yield waiting.popleft().result()


_refusals: list[EdgewatchError] = []
"""Why this worker process could not start, told by its first answer: the pool itself would only say that it broke."""


def _start_worker(initializer: Callable[..., None] | None, initargs: tuple[Any, ...]) -> None:
    # Ctrl-C reaches every process of the terminal; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        if initializer is not None:
            initializer(*initargs)
    except EdgewatchError as error:
        _refusals.append(error)


def _call(function: Callable[[Item], Answer], item: Item) -> Answer:
    if _refusals:
        raise _refusals[0]
    return function(item)


def _end_with_parent() -> None:
    """A killed parent cannot end its workers, so they watch for it."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
