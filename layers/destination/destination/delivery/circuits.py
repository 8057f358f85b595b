"""The circuits of one instance during a turn: which kinds of calls may be tried, and which of them work.

closed ──a call is refused, and none succeeds──▶ open ──its pause is over──▶ half open ──one call succeeds──▶ closed
                                                  ▲                              │
                                                  └────────it is refused─────────┘
"""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple

from destination.domain.parking import WaitsFor
from destination.domain.pause import UNKNOWN_CREATION, Pause, pause_after
from destination.domain.refusal import MAX_WAIT, Circuit, KindOfCalls
from destination.marketo.errors import InstanceWaitsError

MAX_IN_A_ROW: Final = 12
"""Refusals with no success in between after which a kind no longer works: 300 people are halved nine times."""

_LOST: Final = "lost creation of "
"""Begins the names of what is kept beside the circuits: by connection its creation that may be under way."""

MAX_KINDS: Final = 3
"""So many lists of which no call succeeds stand for all: it is not for the lists."""

MAX_SUSPECTS: Final = 3
"""So many persons are tried in a turn whom alone a call was refused for before, while none of the kind succeeds."""

MAX_KEPT: Final = 100
"""Circuits that are handed over at most: each takes up to 2 KB of an item, which takes 400."""


@dataclass(slots=True)
class Circuits:
    """What is known of the kinds of calls, by their names, before a turn and as it goes on. Safe for threads.

    `chance`: a number from 0 to 1, by which pauses of several instances are spread.
    """

    clock: Callable[[], datetime]
    chance: Callable[[], float] = lambda: 0.0
    known: Mapping[str, Circuit] = field(default_factory=dict)
    _changed: dict[str, Circuit] = field(default_factory=dict, init=False)
    _in_a_row: Counter[KindOfCalls] = field(default_factory=Counter, init=False)
    _working: set[KindOfCalls] = field(default_factory=set, init=False)
    _refused: defaultdict[str, set[KindOfCalls]] = field(default_factory=lambda: defaultdict(set), init=False)
    _suspects: Counter[str] = field(default_factory=Counter, init=False)
    _failed: set[KindOfCalls] = field(default_factory=set, init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False, repr=False)

    def of(self, kind: KindOfCalls) -> Circuit | None:
        """What was known of the kind before the turn."""
        return self.known.get(kind.name)

    def pause(self, kind: KindOfCalls) -> Pause | None:
        """The kind's pause, which may be over; of a kind like others that all fail, the longest of theirs."""
        with self._lock:
            alike = (self._by_now(one) for one in (kind, *self._failing_like(kind)))
            pauses = [one.pause for one in alike if one is not None and one.pause is not None]
            return max(pauses, key=lambda one: one.until, default=None)

    def is_half_open(self, kind: KindOfCalls) -> bool:
        """Whether it failed before, and is to be tried with a single call."""
        one = self.of(kind)
        return one is not None and one.pause is not None and not self.works(kind)

    def may_try(self, kind: KindOfCalls) -> bool:
        """Whether a call may be made: not while the kind is paused, nor after one that failed where none succeeded."""
        with self._lock:
            if kind in self._working:
                return self._in_a_row[kind] < MAX_IN_A_ROW
            one = self.of(kind)
            if one is not None and one.pause is not None and one.pause.until > self.clock():
                return False
            return kind not in self._refused[kind.call] and not self._failing_like(kind)

    def works(self, kind: KindOfCalls) -> bool:
        """Whether calls of the kind succeed in this turn, so that what is refused is refused for what is in it."""
        with self._lock:
            return kind in self._working and self._in_a_row[kind] < MAX_IN_A_ROW

    def has_worked(self, kind: KindOfCalls) -> bool:
        """Whether a call of the kind succeeded in this turn, whatever came after it."""
        with self._lock:
            return kind in self._working

    def worked(self, kind: KindOfCalls) -> None:
        """A call succeeded, for one of its records at least."""
        with self._lock:
            self._working.add(kind)
            self._in_a_row[kind] = 0
            self._failed.discard(kind)
            if (one := self._by_now(kind)) is not None:
                self._changed[kind.name] = Circuit(one.refused_at, None, self.clock())

    def refused(self, kind: KindOfCalls, *, is_own: bool) -> None:
        """A call was refused that may succeed later. `is_own`: for somebody alone whom it was refused for before."""
        with self._lock:
            if is_own:
                self._suspects[kind.call] += 1
                if kind in self._working or self._suspects[kind.call] < MAX_SUSPECTS:
                    return  # It says nothing of others.
            self._refused[kind.call].add(kind)
            self._in_a_row[kind] += 1

    def fail(self, kind: KindOfCalls, error: InstanceWaitsError, cause: str, *, unknown_creation: bool) -> None:
        """No call of the kind succeeds: nothing of it is tried for a while. Counted once a turn."""
        with self._lock:
            if kind in self._failed:
                return
            self._failed.add(kind)
            before, now = self.of(kind), self.clock()
            pause = pause_after(
                None if before is None else before.pause,
                code=error.code,
                cause=cause,
                wait=min(error.wait, MAX_WAIT),
                unknown_creation=unknown_creation,
                now=now,
                chance=self.chance(),
            )
            self._changed[kind.name] = Circuit(now, pause, None if before is None else before.worked_at)

    def lose(self, owner: str, error: InstanceWaitsError) -> None:
        """A creation of a connection may be under way: others create nobody until it has ended."""
        with self._lock:
            now = self.clock()
            pause = Pause(now + UNKNOWN_CREATION, error.code, str(error), 1)
            self._changed[f"{_LOST}{owner}"] = Circuit(now, pause)

    def lost_by_others(self, owner: str) -> Pause | None:
        """Until when a creation of another connection may be under way: it may be of the same people."""
        with self._lock:
            lost = {name: one.pause for name, one in {**self.known, **self._changed}.items() if name.startswith(_LOST)}
            lost.pop(f"{_LOST}{owner}", None)
            return max((one for one in lost.values() if one is not None), key=lambda one: one.until, default=None)

    def remember(self, kind: KindOfCalls) -> None:
        """Somebody was refused what others may get: from now on it is known when the kind works."""
        with self._lock:
            before, now = self._by_now(kind), self.clock()
            self._changed[kind.name] = Circuit(now) if before is None else replace(before, refused_at=now)

    def by_now(self) -> dict[str, Circuit]:
        """What is known of them by now, to be handed over with the lease."""
        with self._lock:
            now = self.clock()
            known = {**self.known, **self._changed}
            kept = [one for one in known.items() if one[1].is_kept(now) and not _has_ended(*one, now)]
            return dict(sorted(kept, key=lambda one: one[1].refused_at)[-MAX_KEPT:])

    def _by_now(self, kind: KindOfCalls) -> Circuit | None:
        return self._changed.get(kind.name) or self.known.get(kind.name)

    def _failing_like(self, kind: KindOfCalls) -> set[KindOfCalls]:
        """The kinds whose calls do the same and none of which succeeded, if they are enough to stand for all.

        While so many are paused, one more that is refused is enough: the pauses may be of those lists alone.
        """
        if any(one.call == kind.call for one in self._working):
            return set()
        refused, paused = self._refused[kind.call], self._paused_like(kind)
        enough = 1 if len(paused) >= MAX_KINDS else MAX_KINDS
        return refused | paused if len(refused) >= enough else set()

    def _paused_like(self, kind: KindOfCalls) -> set[KindOfCalls]:
        """Other kinds whose calls do the same and that were paused before the turn, and are still."""
        now, begins = self.clock(), f"{kind.call} "
        return {
            KindOfCalls(kind.call, name.removeprefix(begins))
            for name, one in self.known.items()
            if name.startswith(begins) and name != kind.name and one.pause is not None and one.pause.until > now
        }


def _has_ended(name: str, one: Circuit, now: datetime) -> bool:
    """Whether it is of a creation that Marketo must have ended by now."""
    return name.startswith(_LOST) and (one.pause is None or one.pause.until <= now)


class Held(NamedTuple):
    """When somebody who could not be settled is tried again, what held it up in words, and what it waits for."""

    until: datetime
    cause: str
    waits_for: WaitsFor = WaitsFor.REFUSED
