"""Lambda's event source mapping of a standard queue over time: what AWS documents and no emulator does.

Its rules, in our words, each with the page of the AWS Lambda Developer Guide that it stands on:

- Five pollers read the queue from the start, each gathering a batch of its own. At low traffic there may be two, but
  not where a maximum concurrency is set: then there are five at any time ("Configuring scaling behavior for SQS event
  source mappings"). That there are more of them in a flood is left out, for a maximum concurrency stops that.
- A poller's window begins with the first message of its batch ("Event source mappings", "Batching behavior").
- The batch is handed over when the window is over, when it has `batch_size` messages, or when one more would be over
  the 6 MB that an invocation takes, whichever comes first ("Batching behavior"; "Lambda quotas"). These are of the
  event, in which each body is a JSON string with its quotes escaped, among its message's properties: of messages of
  1 MiB there are five in a batch.
- At most `max_concurrency` invocations are under way ("Configuring maximum concurrency for Amazon SQS event sources").
  A poller whose batch is ready waits for its turn. Whether one begins a batch meanwhile is not said on that page, and
  those who tried say no: `begins_at_cap` has both.
- The visibility timeout runs from the receipt: while a window gathers and while a batch waits, too ("Visibility
  timeout" in the SQS Developer Guide).
- An invocation names the messages that it has not done (partial batch response). The others are deleted when it ends,
  those named stay invisible until their visibility timeout is over. Where it ends with an error or its time is over,
  none is deleted ("Handling errors for an SQS event source in Lambda").

A message that becomes visible goes to any of the pollers that read: which of the waiting long polls SQS answers is not
said.
"""

import functools
import json
from collections import deque
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from testing.standard_queue import MAX_RECEIVED, Received, StandardQueue
from testing.timeline import Timeline

POLLERS: Final = 5
MAX_PAYLOAD_BYTES: Final = 6 * 1024 * 1024
_AROUND_A_BODY: Final = len(
    json.dumps(
        {
            "messageId": "x" * 36,
            "receiptHandle": "x" * 412,
            "body": "",
            "attributes": {
                "ApproximateReceiveCount": "1",
                "SentTimestamp": "1" * 13,
                "SenderId": "A" * 21 + ":" + "x" * 40,
                "ApproximateFirstReceiveTimestamp": "1" * 13,
                "MessageGroupId": "x" * 36,
            },
            "messageAttributes": {},
            "md5OfBody": "x" * 32,
            "eventSource": "aws:sqs",
            "eventSourceARN": "arn:aws:sqs:eu-central-1:123456789012:events-" + "x" * 36,
            "awsRegion": "eu-central-1",
        }
    )
)
"""Bytes of a record of the event beside its body, of the lengths that AWS's own examples have."""


@dataclass(frozen=True, slots=True)
class Invocation:
    """What an invocation comes to: how long it takes, and what it says at its end.

    `not_done`: the messages that stay, by id; `invisible`: for how many seconds from the end on, by receipt handle,
    where the function says so. `is_error`: it ended with an exception or its time was over, and says nothing.
    """

    seconds: float
    not_done: Collection[str] = ()
    invisible: Mapping[str, float] = field(default_factory=dict)
    is_error: bool = False


Function = Callable[[Sequence[Received]], Invocation]
"""Takes a batch at its start, and tells then what will come of it."""


@functools.lru_cache(maxsize=10_000)
def record_bytes(body: str) -> int:
    """What a message takes of an invocation's payload."""
    return _AROUND_A_BODY + len(json.dumps(body)) + len(", ")


@dataclass(eq=False, slots=True)
class _Poller:
    """`more`: what was received and did not fit; the next batch begins with it. `batches`: those handed over."""

    batch: list[Received] = field(default_factory=list)
    size: int = 0
    more: deque[Received] = field(default_factory=deque)
    batches: int = 0


@dataclass(eq=False)
class EventSourceMapping:
    """Reads the queue and invokes the function. `window` in seconds; `chance` chooses who receives a message.

    `invocations`: how many there were; `under_way` how many are now.
    """

    timeline: Timeline
    queue: StandardQueue
    function: Function
    batch_size: int
    window: float
    max_concurrency: int
    chance: Random
    begins_at_cap: bool = False
    pollers: int = POLLERS
    max_payload: int = MAX_PAYLOAD_BYTES
    invocations: int = 0
    under_way: int = 0
    _reading: list[_Poller] = field(default_factory=list)
    _ready: deque[_Poller] = field(default_factory=deque)
    _is_reading: bool = False

    def __post_init__(self) -> None:
        self._reading = [_Poller() for _ in range(self.pollers)]
        self.queue.on_visible.append(self._read)
        self._read()

    def _read(self) -> None:
        """Hand over what is visible to those who read, one receive after the other."""
        if self._is_reading:  # What begins in here begins in the loop below.
            return
        self._is_reading = True
        while self.queue.has_visible and (readers := self._readers()):
            poller = self.chance.choice(readers)
            received = self.queue.receive(min(MAX_RECEIVED, self.batch_size - len(poller.batch)))
            if not received:
                break
            poller.more += received
            self._gather(poller)
        self._is_reading = False

    def _readers(self) -> list[_Poller]:
        if self.begins_at_cap or self.under_way < self.max_concurrency:
            return self._reading
        return [one for one in self._reading if one.batch]

    def _gather(self, poller: _Poller) -> None:
        """Put what was received into the batch, as far as it fits."""
        while poller.more:
            size = record_bytes(poller.more[0].body)
            if poller.batch and poller.size + size > self.max_payload:
                break
            if not poller.batch:
                end = functools.partial(self._end_window, poller, poller.batches)
                self.timeline.at(self.timeline.now + self.window, end)
            poller.batch.append(poller.more.popleft())
            poller.size += size
        if poller.more or len(poller.batch) >= self.batch_size:
            self._close(poller)

    def _end_window(self, poller: _Poller, batches: int) -> None:
        """Unless that batch was handed over before, or is ready."""
        if poller.batches == batches and poller in self._reading:
            self._close(poller)

    def _close(self, poller: _Poller) -> None:
        self._reading.remove(poller)
        self._ready.append(poller)
        self._invoke()

    def _invoke(self) -> None:
        while self._ready and self.under_way < self.max_concurrency:
            poller = self._ready.popleft()
            batch, poller.batch, poller.size = poller.batch, [], 0
            poller.batches += 1
            self.under_way += 1
            self.invocations += 1
            self.begin(batch, functools.partial(self._end, poller, batch))

    def begin(self, batch: Sequence[Received], end: Callable[[Invocation], None]) -> None:
        """Invoke the function; at the end of the invocation `end` is told what came of it."""
        done = self.function(batch)
        self.timeline.at(self.timeline.now + done.seconds, functools.partial(end, done))

    def _end(self, poller: _Poller, batch: Sequence[Received], done: Invocation) -> None:
        if not done.is_error:
            for receipt, seconds in done.invisible.items():
                self.queue.change_visibility(receipt, seconds)
            not_done = set(done.not_done)
            for message in batch:
                if message.id not in not_done:
                    self.queue.delete(message.receipt)
        self.under_way -= 1
        self._reading.append(poller)
        self._invoke()
        self._gather(poller)
        self._read()
