"""Workers side by side on a timeline: each is a thread of its own, and of all of them one runs at a time.

A worker runs until it sleeps or waits for others; then whoever is due next goes on. So time passes for all together, no
work takes any, and a course is the same every time.
"""

import functools
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

from testing.timeline import Timeline


@dataclass(eq=False)
class _Worker:
    """`group`: those that somebody waits for together with it; that one, `waits`, goes on when all of them ended."""

    work: Callable[[], object]
    waits: "_Worker | None" = None
    group: "list[_Worker]" = field(default_factory=list)
    may_go: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    result: object = None
    error: BaseException | None = None
    has_ended: bool = False


@dataclass
class SideBySide:
    """Starts workers, and lets them sleep. An error of a worker that nobody waits for ends the timeline's run."""

    timeline: Timeline
    _has_stopped: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))
    _local: threading.local = field(default_factory=threading.local)

    def start(self, work: Callable[[], object]) -> None:
        """Begin some work now."""
        self._start(_Worker(work))

    def sleep(self, seconds: float) -> None:
        """Let others go on for so long."""
        if seconds > 0:
            worker: _Worker = self._local.worker
            self.timeline.at(self.timeline.now + seconds, lambda: self._go_on(worker))
            self._stop(worker)

    def all(self, works: Iterable[Callable[[], object]]) -> list[Any]:
        """Do all of it side by side; what came of each, in order, once all has ended."""
        own: _Worker = self._local.worker
        group: list[_Worker] = []
        group += [_Worker(work, own, group) for work in works]
        for one in group:
            self._start(one)
        if group:
            self._stop(own)
        for one in group:
            if one.error is not None:
                raise one.error
        return [one.result for one in group]

    def _start(self, worker: _Worker) -> None:
        threading.Thread(target=self._run, args=[worker], daemon=True).start()
        self.timeline.at(self.timeline.now, lambda: self._go_on(worker))

    def _run(self, worker: _Worker) -> None:
        worker.may_go.acquire()
        self._local.worker = worker
        try:
            worker.result = worker.work()
        except BaseException as error:  # noqa: BLE001 - it is raised again by whoever waits
            worker.error = error
        worker.has_ended = True
        waits = worker.waits
        if waits is not None and all(one.has_ended for one in worker.group):
            self.timeline.at(self.timeline.now, lambda: self._go_on(waits))
        self._has_stopped.release()

    def _go_on(self, worker: _Worker) -> None:
        worker.may_go.release()
        self._has_stopped.acquire()
        if worker.error is not None and worker.waits is None:
            raise worker.error

    def _stop(self, worker: _Worker) -> None:
        self._has_stopped.release()
        worker.may_go.acquire()

    def executor(self, max_workers: int | None = None) -> "_Executor":
        """In place of a ThreadPoolExecutor; all of what it is given begins at once."""
        return _Executor(self)


def one_after_the_other(max_workers: int | None = None) -> "_Executor":
    """The same for what must not be told apart from its worker, as it takes locks: in order, and in its thread."""
    return _Executor(None)


@dataclass(frozen=True, slots=True)
class _Executor:
    """`_submitted`: what begins at the end of the block, where a ThreadPoolExecutor waits for it."""

    side_by_side: SideBySide | None
    _submitted: list[Callable[[], None]] = field(default_factory=list)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.map(lambda work: work(), self._submitted)

    def submit(self, work: Callable[[], Any]) -> "Future[Any]":
        """Its end is known after the block."""
        future: Future[Any] = Future()
        self._submitted.append(functools.partial(_end, future, work))
        return future

    def map(self, work: Callable[..., Any], *inputs: Iterable[Any]) -> list[Any]:
        given = list(zip(*inputs, strict=False))
        if self.side_by_side is None:
            return [work(*one) for one in given]
        return self.side_by_side.all([functools.partial(work, *one) for one in given])


def _end(future: "Future[Any]", work: Callable[[], Any]) -> None:
    try:
        future.set_result(work())
    except BaseException as error:  # noqa: BLE001 - it is for whoever asks the future
        future.set_exception(error)
