"""A world whose workers run side by side: time passes for all of them together, and only while they sleep."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from unittest import mock

from destination.queue import Message
from testing.event_source import EventSourceMapping, Invocation
from testing.side_by_side import SideBySide, one_after_the_other
from testing.standard_queue import Received, StandardQueue
from testing.world import START, World

_POOL = "destination.{}.ThreadPoolExecutor"


@dataclass
class WorldInTime(World):
    """A world whose workers run side by side."""

    side_by_side: SideBySide = field(kw_only=True)

    def sleep(self, seconds: float) -> None:
        self.side_by_side.sleep(seconds)
        self.look_at_clock()

    def look_at_clock(self) -> None:
        self.now = START + timedelta(seconds=self.side_by_side.timeline.now)


class MappingInTime(EventSourceMapping):
    """Invokes a function that takes its time on the timeline; `side_by_side` is set before it is read."""

    side_by_side: SideBySide

    def begin(self, batch: Sequence[Received], end: Callable[[Invocation], None]) -> None:
        self.side_by_side.start(lambda: end(self.function(batch)))


@dataclass(frozen=True, slots=True)
class QueueInTime:
    """The queue as the use cases see it."""

    queue: StandardQueue

    def send(self, _connection_id: str, bodies: Sequence[str]) -> list[int]:
        for body in bodies:
            self.queue.send(body)
        return []

    def requeue(self, messages: Sequence[Message], seconds: int) -> None:
        for one in messages:
            self.queue.change_visibility(one.receipt_handle, seconds)


@contextmanager
def threads_of(side_by_side: SideBySide, *modules: str) -> Iterator[None]:
    """While the block runs, these modules do side by side on the timeline what they do in threads.

    Calls to Marketo, which take locks, come one after the other.
    """
    pools: dict[str, Any] = {**dict.fromkeys(modules, side_by_side.executor), "delivery.calls": one_after_the_other}
    with ExitStack() as patched:
        for module, pool in pools.items():
            patched.enter_context(mock.patch(_POOL.format(module), pool))
        yield
