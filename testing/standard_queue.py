"""A standard queue of SQS over time: what AWS documents and no emulator does, on a clock that needs no waiting.

Its rules, in our words, each with the page of the Amazon SQS Developer Guide that it stands on:

- A received message is invisible for the visibility timeout, counted from its receipt; then it can be received again,
  with another receipt handle. Only the newest handle deletes it or changes its visibility; an older one is taken
  without an error, and does nothing ("Visibility timeout"; API reference, "DeleteMessage").
- Each receipt is counted with the message ("Dead-letter queues").
- A message has at most 1 MiB; a larger one is refused ("Message quotas"). So is a call with more in all, of which
  testing/sqs.py takes care: here messages are sent one by one.
- A receive takes at most ten messages ("Message quotas").
- At most some 120,000 messages may be in flight, received and neither deleted nor visible again. Then a long poll
  answers that there is nothing, without an error ("Message quotas").
- A message that has been received as often as the redrive policy allows is moved to the dead-letter queue instead of
  being received once more ("Dead-letter queues").
- A message is forgotten when the retention period is over. On a standard queue the period begins with the first
  sending, also for a message that was moved to the dead-letter queue ("Setting-up dead-letter queue retention").
- ApproximateAgeOfOldestMessage leaves out a message that was received more than three times without being deleted. In a
  dead-letter queue it counts from the move ("Available CloudWatch metrics", "Setting-up dead-letter queue retention").

What SQS leaves open is the simplest here: messages come in the order in which they became visible, each once.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Final

from testing.timeline import Timeline

MAX_BYTES: Final = 1024 * 1024
MAX_IN_FLIGHT: Final = 120_000
MAX_RECEIVED: Final = 10
MAX_RECEIVES_OF_AGE: Final = 3
FOURTEEN_DAYS: Final = 14 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Received:
    """A message as a receive hands it over, for the `receives`th time; `sent_at`: when it was sent first."""

    id: str
    receipt: str
    body: str
    receives: int
    sent_at: float


@dataclass(slots=True)
class _Stored:
    """A message; `here_since`: when it came into this queue. `hidden`: how often it was made invisible."""

    id: str
    body: str
    sent_at: float
    here_since: float
    receives: int = 0
    hidden: int = 0


@dataclass(eq=False)
class StandardQueue:
    """`visibility` and `retention` in seconds; after `max_receives` a message is moved to the `dead_letters`.

    `on_visible` are called whenever a message can be received: they stand for the long polls that wait.
    """

    timeline: Timeline
    visibility: float
    retention: float = FOURTEEN_DAYS
    dead_letters: "StandardQueue | None" = None
    max_receives: int | None = None
    on_visible: list[Callable[[], None]] = field(default_factory=list)
    _visible: deque[_Stored] = field(default_factory=deque)
    _in_flight: dict[str, _Stored] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def has_visible(self) -> bool:
        """Whether a receive may find something."""
        return bool(self._visible)

    @property
    def visible(self) -> int:
        """ApproximateNumberOfMessages, exactly."""
        self._forget()
        return len(self._visible)

    @property
    def in_flight(self) -> int:
        """ApproximateNumberOfMessagesNotVisible, exactly."""
        return len(self._in_flight)

    @property
    def receives(self) -> dict[str, int]:
        """ApproximateReceiveCount of every message, exactly, by its id."""
        return {one.id: one.receives for one in (*self._visible, *self._in_flight.values())}

    def send(self, body: str) -> str:
        """Store a message; answers its id. Raises ValueError when it is too large."""
        if len(body.encode()) > MAX_BYTES:
            raise ValueError(f"Message must be shorter than {MAX_BYTES} bytes.")
        now = self.timeline.now
        message = _Stored(f"message-{next(self._numbers)}", body, sent_at=now, here_since=now)
        self._show(message)
        return message.id

    def receive(self, most: int = MAX_RECEIVED) -> list[Received]:
        """Up to ten messages that are visible now."""
        received: list[Received] = []
        while self._visible and len(received) < min(most, MAX_RECEIVED) and len(self._in_flight) < MAX_IN_FLIGHT:
            message = self._visible.popleft()
            if self._is_over(message):
                continue
            if self.max_receives is not None and message.receives >= self.max_receives:
                self._bury(message)
                continue
            message.receives += 1
            receipt = f"{message.id} receipt {message.receives}"
            self._in_flight[receipt] = message
            self._hide(receipt, message, self.visibility)
            received.append(Received(message.id, receipt, message.body, message.receives, message.sent_at))
        return received

    def delete(self, receipt: str) -> None:
        """Forget a message, by its newest receipt handle."""
        self._in_flight.pop(receipt, None)

    def change_visibility(self, receipt: str, seconds: float) -> None:
        """Let a message in flight be invisible for so long from now on, by its newest receipt handle."""
        if (message := self._in_flight.get(receipt)) is not None:
            self._hide(receipt, message, seconds)

    def age_of_oldest(self) -> float:
        """ApproximateAgeOfOldestMessage in seconds; 0 without any message that it counts."""
        self._forget()
        counted = [
            one.here_since for one in (*self._visible, *self._in_flight.values()) if one.receives <= MAX_RECEIVES_OF_AGE
        ]
        return self.timeline.now - min(counted, default=self.timeline.now)

    def _hide(self, receipt: str, message: _Stored, seconds: float) -> None:
        message.hidden += 1
        times = message.hidden
        self.timeline.at(self.timeline.now + seconds, lambda: self._come_back(receipt, times))

    def _come_back(self, receipt: str, times: int) -> None:
        """Unless it was deleted, or made invisible anew, meanwhile."""
        message = self._in_flight.get(receipt)
        if message is not None and message.hidden == times:
            del self._in_flight[receipt]
            self._show(message)

    def _show(self, message: _Stored) -> None:
        self._visible.append(message)
        for listener in self.on_visible:
            listener()

    def _bury(self, message: _Stored) -> None:
        if self.dead_letters is not None:
            moved = _Stored(message.id, message.body, message.sent_at, here_since=self.timeline.now)
            self.dead_letters._show(moved)

    def _is_over(self, message: _Stored) -> bool:
        return self.timeline.now >= message.sent_at + self.retention

    def _forget(self) -> None:
        for message in [one for one in self._visible if self._is_over(one)]:
            self._visible.remove(message)
