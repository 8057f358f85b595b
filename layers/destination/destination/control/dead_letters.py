"""Dead letters: what sync could not read or bring to an end, whatever connection it is of, and what becomes of it.

A message is received, dealt with, and only then deleted: where a call breaks off in between, it is there still, and
delivered twice at most, which changes nothing. What a call has received is invisible to others until it ends.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final, Protocol

from destination.control.letters import TIME, Records
from destination.domain.audit import AuditAction, AuditChange
from destination.domain.dead_letter import DeadLettersOf, DeadLettersSeen
from destination.domain.letter import Decided
from destination.queue import Message, ReceivedLetter

MAX_LOOKED_AT: Final = 5_000
"""Dead letters, by one call: their receipts are kept until it ends."""


class DeadLetters(Protocol):
    """The queue of dead letters."""

    def receive(self, /) -> Sequence[ReceivedLetter]: ...
    def requeue(self, messages: Sequence[Message], /) -> None: ...
    def delete(self, messages: Sequence[Message], /) -> int: ...
    def count(self, /) -> int: ...


class Queue(Protocol):
    """Whence the delivery takes messages."""

    def send(self, connection_id: str, bodies: Sequence[str], /) -> list[int]: ...


@dataclass(frozen=True, slots=True)
class ManageDeadLetters:
    """Tells of the dead letters of the stack, redrives and discards them."""

    dead_letters: DeadLetters
    queue: Queue
    records: Records
    clock: Callable[[], datetime]

    def look(self) -> DeadLettersSeen:
        """Count the dead letters by connection and reason. They are invisible to others meanwhile."""
        seen: dict[str, tuple[Message, tuple[str | None, str, str]]] = {}
        letters: Sequence[ReceivedLetter] = ()
        try:
            for letters in self._received():
                for one in letters:
                    seen[one.message.id] = one.message.without_body(), (one.connection_id, one.code, one.reason)
                if len(seen) >= MAX_LOOKED_AT:
                    break
            left = self._left(letters)
        finally:
            self.dead_letters.requeue([message for message, _ in seen.values()])
        counts = Counter(of for _, of in seen.values())
        return DeadLettersSeen([DeadLettersOf(*of, number) for of, number in counts.most_common()], left)

    def redrive(self, code: str | None = None) -> Decided:
        """Move dead letters back to the queue, of one code or all, those that a call has time for."""
        return self._decide(AuditAction.REDRIVE_DEAD_LETTERS, code, self._sent)

    def discard(self, code: str | None = None) -> Decided:
        """Remove dead letters, of one code or all, those that a call has time for."""
        return self._decide(AuditAction.DISCARD_DEAD_LETTERS, code, lambda letters: [one.message for one in letters])

    def _decide(
        self, action: AuditAction, code: str | None, act: Callable[[Sequence[ReceivedLetter]], list[Message]]
    ) -> Decided:
        self.records.write(action, None, [AuditChange("code", code, None)] if code is not None else [])
        decided = untaken = 0
        kept: list[Message] = []
        letters: Sequence[ReceivedLetter] = ()
        try:
            for letters in self._received():
                meant = [one for one in letters if code in {None, one.code}]
                done = act(meant)
                kept += [one.message.without_body() for one in letters if one.message not in done]
                decided += len(done) - (self.dead_letters.delete(done) if done else 0)
                untaken += len(meant) - len(done)
            left = untaken + self._left(letters)
        finally:
            self.dead_letters.requeue(kept)
        return Decided(decided, left)

    def _received(self) -> Iterator[Sequence[ReceivedLetter]]:
        """Portions of the dead letters, the last one empty if there are no more; else the time is over."""
        until = self.clock() + TIME
        letters: Sequence[ReceivedLetter] | None = None
        while letters is None or (letters and self.clock() < until):
            letters = self.dead_letters.receive()
            yield letters

    def _left(self, last: Sequence[ReceivedLetter]) -> int:
        """How many there are beside those that were received, of which `last` are the last.

        None after an empty portion: SQS's counts may be those of a minute ago (Amazon SQS, "GetQueueAttributes").
        """
        return self.dead_letters.count() if last else 0

    def _sent(self, letters: Sequence[ReceivedLetter]) -> list[Message]:
        """Those that the queue took, each in the group of its connection."""
        taken = []
        for group, own in groupby(sorted(letters, key=lambda one: one.group), key=lambda one: one.group):
            messages = [one.message for one in own]
            lost = set(self.queue.send(group, [one.body for one in messages]))
            taken += [one for place, one in enumerate(messages) if place not in lost]
        return taken
