"""Calls of several kinds, a few at a time, for sets of persons; one whom a set is refused for does not stop the others.

    sets of a kind ─▶ tried ─▶ none succeeds: the kind's circuit opens, and all of it is held
                        │
                        └─▶ one succeeds: what is refused is halved until whom it is refused for is alone

What is refused for a reason that should pass is held until a time; the rest is answered. Where halving is not gone on
with, it is noted of how many each one was that was refused, and the next delivery goes on from there. Sources: Marketo
REST API, "Error codes", and "Timeouts" for creations whose answer says nothing certain.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil, sqrt
from typing import Final, Generic, TypeVar

from destination.delivery.circuits import Circuits, Held
from destination.domain.refusal import CREATE, MAX_WAIT, OF_LISTS, KindOfCalls, Refusals, fails, refused_again
from destination.marketo.errors import (
    BY_SEVERAL,
    OF_INSTANCE,
    OF_PARTITION,
    ConnectionBlockedError,
    FailureClass,
    InstanceWaitsError,
    ListMissingError,
    RequestRejectedError,
    classify,
    explain,
)
from destination.marketo.leads import chunks
from destination.marketo.pace import OutOfTimeError

HaltError = InstanceWaitsError | ConnectionBlockedError | OutOfTimeError
"""What nothing goes on after: the instance waits, the connection is blocked, or the time is up."""

_LATER: Final = frozenset({FailureClass.INSTANCE_WAITS, FailureClass.REAUTHENTICATE, FailureClass.UNKNOWN})

_EACH_ALONE: Final = 18
"""Of a set of so many every one is tried alone: 300 are refused once, 18 of them once more, and then the one."""

SLOW: Final = timedelta(seconds=20)
"""A refusal that takes so long is one a turn: nine of them would take the whole of it, and nobody else is served."""

_SPREAD: Final = (sqrt(5) - 1) / 2
"""Its multiples, less what is whole, lie far from each other: no probe meets the person of the one before."""

T = TypeVar("T")
R = TypeVar("R")
_S = TypeVar("_S")

_OfKind = InstanceWaitsError | ConnectionBlockedError
_Refusal = _OfKind | RequestRejectedError


@dataclass(frozen=True, slots=True)
class Work(Generic[T, R]):
    """What is to be asked or told in calls of one kind.

    `sets` makes sets that a call takes, `call` makes it, with the answers in the order of the set. `persons_of` gives
    the keys of whom an item is. `code_of`: the code that an answer of an item has. `give_up` makes the answer of an
    item that is not tried any more, from a code. `name`: what is asked or told, for people.
    """

    kind: KindOfCalls
    items: Sequence[T]
    sets: Callable[[Sequence[T]], Iterable[Sequence[T]]]
    call: Callable[[Sequence[T]], Sequence[R]]
    persons_of: Callable[[T], Collection[str]]
    code_of: Callable[[R], str | None]
    give_up: Callable[[T, str], R]
    name: str


@dataclass(frozen=True, slots=True)
class _Part(Generic[T]):
    """Items without an answer, and what they were refused with (None: they were not tried).

    `with_others`: others in the same call were answered. `of`: the set that they were refused in, if they were not
    tried by themselves since.
    """

    items: Sequence[T]
    error: _Refusal | None = None
    with_others: bool = False
    of: "_Part[T] | None" = None


@dataclass(slots=True)
class _Effort(Generic[T, R]):
    """A work under way; `left`: what was refused, or not tried yet."""

    work: Work[T, R]
    left: list[_Part[T]] = field(default_factory=list)


@dataclass(slots=True)
class Caller:
    """Makes the calls of one delivery. `halt`: what ended it early; nothing is asked or told after it.

    `concurrency`: of calls, `owner`: the connection that makes them. `known`: what persons were refused before, by key
    and by the name of the calls. `held`: when persons are tried again who had no answer, and `later` why, of the last
    of them. `lost`: the answer to a creation that Marketo may be carrying out.
    """

    circuits: Circuits
    concurrency: int
    owner: str = ""
    known: Mapping[str, Mapping[str, Refusals]] = field(default_factory=dict)
    halt: HaltError | None = field(default=None, init=False)
    held: dict[str, Held] = field(default_factory=dict, init=False)
    later: InstanceWaitsError | None = field(default=None, init=False)
    lost: InstanceWaitsError | None = field(default=None, init=False)
    _refusals: dict[str, dict[str, Refusals | None]] = field(default_factory=dict, init=False)
    _working: set[KindOfCalls] = field(default_factory=set, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def make(self, works: Sequence[Work[T, R]]) -> list[R]:
        """The answers of all items that have one by now, in any order."""
        efforts: list[_Effort[T, R]] = [_Effort(work) for work in works]
        first = [(effort, items) for effort in efforts for items in self._first(effort)]
        answers = self._each(first, lambda one: self._try(*one))
        then = [(effort.work, part) for effort in efforts for part in self._then(effort)]
        return [*answers, *self._each(then, lambda one: self._go_on(*one))]

    def refusals_of(self, key: str) -> dict[str, Refusals] | None:
        """What a person is refused by now, by the name of the calls; None: what was known before is still so."""
        now = self._refusals.get(key)
        if now is None:
            return None
        return {call: one for call, one in {**self.known.get(key, {}), **now}.items() if one is not None}

    def hold(self, keys: Iterable[str], held: Held) -> None:
        """Have persons tried again at a time of whom nothing is to be told before."""
        self.held |= dict.fromkeys(keys, held)

    def stop(self, error: HaltError) -> None:
        """Halt, at once and for all threads; what halted it first counts."""
        with self._lock:
            self.halt = self.halt or error

    def _first(self, effort: _Effort[T, R]) -> Iterator[Sequence[T]]:
        """The sets that are tried at first; of a kind that failed before it is one person's."""
        work = effort.work
        ready = self._ready(work)
        suspects = [one for one in ready if self._is_suspect(work, one)] if self.known else []
        others = [one for one in ready if not self._is_suspect(work, one)] if suspects else ready
        if (others or not all(self._is_own(work, [one]) for one in suspects)) and self.circuits.is_half_open(work.kind):
            probe = self._probe(work.kind, others or suspects)
            yield [probe]
            others = [one for one in others if one is not probe]
            suspects = [one for one in suspects if one is not probe]
            effort.left += map(_Part, work.sets(others))
        elif others:
            yield from work.sets(others)
        else:
            yield from self._apart(work, suspects)
            return
        effort.left += map(_Part, self._apart(work, suspects))

    def _then(self, effort: _Effort[T, R]) -> Iterator[_Part[T]]:
        """What is gone on with. If the kind does not work, its circuit opens, and what was not tried is held."""
        work = effort.work
        is_working = self.circuits.works(work.kind)
        blocked = [
            part.error
            for part in effort.left
            if isinstance(part.error, ConnectionBlockedError) and not self._was_served(work, part)
        ]
        if len(blocked) > 1 and work.kind not in self._working:
            self.stop(blocked[0])
        for part in effort.left:
            if not is_working and isinstance(part.error, InstanceWaitsError):
                self._fail(work, part, part.error)
        for part in effort.left:
            if is_working or part.error is not None:
                yield part
            else:
                self._hold(work, part.items)

    def _try(self, effort: _Effort[T, R], items: Sequence[T]) -> list[R]:
        answers, left = self._tried(effort.work, items)
        with self._lock:
            effort.left += left
        return answers

    def _go_on(self, work: Work[T, R], part: _Part[T]) -> list[R]:
        """Try what was not tried yet, and the halves of what was refused, until whom it is refused for is alone."""
        match part.error:
            case None:
                return self._try_now(work, part)
            case InstanceWaitsError() as error:
                return self._tell_apart(work, part, error)
            case ConnectionBlockedError() as error:
                return self._of_connection(work, part, error)
            case error:
                return self._halves(work, part) if len(part.items) > 1 else [work.give_up(part.items[0], error.code)]

    def _try_now(self, work: Work[T, R], part: _Part[T]) -> list[R]:
        answers, left = self._tried(work, part.items)
        if any(one.error is None for one in left):
            self._put_off(work, part)
            return answers
        return self._follow(work, [(answers, left)])

    def _tell_apart(self, work: Work[T, R], part: _Part[T], error: InstanceWaitsError) -> list[R]:
        """What may succeed later is one person's only if it succeeds for others meanwhile."""
        if not self.circuits.works(work.kind):
            self._fail(work, part, error)
        elif len(part.items) > 1 and not _is_noted_whole(work.kind, error):
            return self._halves(work, part)
        return self._refuse(work, part, error)

    def _of_connection(self, work: Work[T, R], part: _Part[T], error: ConnectionBlockedError) -> list[R]:
        """What may be owed to one person is the connection's where no half of the set fares better."""
        if work.kind in self._working:
            if len(part.items) > 1:
                return self._halves(work, part)
            is_for_good = error.code in BY_SEVERAL
            return [work.give_up(part.items[0], error.code)] if is_for_good else self._refuse(work, part, error)
        if self._was_served(work, part):
            return self._refuse(work, part, error)
        tried = self._tried_halves(work, part) if len(part.items) > 1 else []
        if work.kind not in self._working:
            self.stop(error)
        return self._follow(work, tried)

    def _halves(self, work: Work[T, R], part: _Part[T]) -> list[R]:
        """Both halves are tried before one is halved further: whoever has an answer keeps it if the time is up."""
        return self._follow(work, self._tried_halves(work, part))

    def _tried_halves(self, work: Work[T, R], part: _Part[T]) -> list[tuple[list[R], list[_Part[T]]]]:
        half = len(part.items) // 2
        tried = [self._tried(work, side) for side in (part.items[:half], part.items[half:])]
        return [
            (answers, [one if one.error is not None else _Part(one.items, of=part) for one in left])
            for answers, left in tried
        ]

    def _follow(self, work: Work[T, R], tried: Iterable[tuple[list[R], list[_Part[T]]]]) -> list[R]:
        """The answers that there are, and those to what is left."""
        answers = [one for answered, _ in tried for one in answered]
        left = [part for _, parts in tried for part in parts]
        return [*answers, *(one for part in left for one in self._go_on(work, part))]

    def _tried(self, work: Work[T, R], items: Sequence[T]) -> tuple[list[R], list[_Part[T]]]:
        """The answers to a set, and the parts of it that have none."""
        if self.halt is not None or not self.circuits.may_try(work.kind):
            return [], [_Part(items)]
        try:
            answers = work.call(items)
        except RequestRejectedError as error:
            self._worked(work.kind)  # Marketo looked at what is in it.
            return [], [_Part(items, error)]
        except (InstanceWaitsError, ConnectionBlockedError, OutOfTimeError) as error:
            return [], [_Part(items, self._of_kind(work, items, error))]
        return self._taken(work, items, answers)

    def _taken(self, work: Work[T, R], items: Sequence[T], answers: Sequence[R]) -> tuple[list[R], list[_Part[T]]]:
        """The answers of those records that have one, and the records that were refused."""
        errors = [_error_of(work, answer) for answer in answers]
        refused = [(item, why) for item, why in zip(items, errors, strict=True) if why is not None]
        if refused and len(refused) == len(items):
            if isinstance(error := refused[0][1], InstanceWaitsError):
                self._note_refused(work.kind, error, is_own=self._is_own(work, items))
            return [], [_Part(items, error)]
        self._worked(work.kind)
        served = [item for item, why in zip(items, errors, strict=True) if why is None]
        self._forget(work, served)
        if not refused:
            return list(answers), []
        given = [answer for answer, why in zip(answers, errors, strict=True) if why is None]
        return given, [_Part([item], why, with_others=True) for item, why in refused]

    def _worked(self, kind: KindOfCalls) -> None:
        """A call succeeded, of this connection: another's API user may be allowed more."""
        self.circuits.worked(kind)
        with self._lock:
            self._working.add(kind)

    def _forget(self, work: Work[T, R], items: Iterable[T]) -> None:
        """Whoever was served is refused no longer; of lists it may be another one."""
        if not self.known or work.kind.call in OF_LISTS:
            return
        with self._lock:
            for key in (key for item in items for key in work.persons_of(item)):
                if work.kind.call in self.known.get(key, {}):
                    self._refusals.setdefault(key, {})[work.kind.call] = None

    def _of_kind(self, work: Work[T, R], items: Sequence[T], error: HaltError) -> _OfKind | None:
        """The error, if it may be of the kind, or of one person; None: it is not, and nothing goes on after it."""
        match error:
            case InstanceWaitsError() if error.code not in OF_INSTANCE:
                self._note_refused(work.kind, error, is_own=self._is_own(work, items))
                return error
            case ConnectionBlockedError() if not (isinstance(error, ListMissingError) or error.code in OF_PARTITION):
                return error
        self.stop(error)
        return None

    def _note_refused(self, kind: KindOfCalls, error: InstanceWaitsError, *, is_own: bool) -> None:
        """Calls of the kind may all be refused; not if it is for somebody alone whom they were refused for before."""
        self.circuits.refused(kind, is_own=is_own)
        with self._lock:
            self.later = error
            if _is_in_doubt(kind, error.code):
                self.lost = error
        if self.lost is error:
            self.circuits.lose(self.owner, error)

    def _ready(self, work: Work[T, R]) -> Sequence[T]:
        """The items but those whom Marketo may still be creating, for this connection or for another."""
        if work.kind != CREATE:
            return work.items
        now, lost = self.circuits.clock(), self.circuits.lost_by_others(self.owner)
        if lost is not None and lost.until > now:
            self._note(work, work.items, Held(lost.until, lost.cause))
            return []
        ready: list[T] = []
        for item in work.items:
            ends = [one.creation_ends_at for one in self._known(work, item) if _is_in_doubt(CREATE, one.code)]
            if ends and max(ends) > now:
                self._note(work, [item], Held(max(ends), f"{work.name}: an answer was lost"))
            else:
                ready.append(item)
        return ready

    def _known(self, work: Work[T, R], item: T) -> list[Refusals]:
        """What is known of the item's persons."""
        found = (self.known.get(key, {}).get(work.kind.call) for key in work.persons_of(item))
        return [one for one in found if one is not None]

    def _is_suspect(self, work: Work[T, R], item: T) -> bool:
        """Whether the item may be what a set was refused for."""
        return any(one.among for one in self._known(work, item))

    def _is_own(self, work: Work[T, R], items: Sequence[T]) -> bool:
        """Whether it is somebody alone whom calls were refused for before."""
        return len(items) == 1 and any(one.is_own for one in self._known(work, items[0]))

    def _was_served(self, work: Work[T, R], part: _Part[T]) -> bool:
        """Whether it is somebody alone whom calls were refused for while they succeeded for others."""
        return len(part.items) == 1 and any(one.times for one in self._known(work, part.items[0]))

    def _apart(self, work: Work[T, R], suspects: Sequence[T]) -> Iterator[Sequence[T]]:
        """Each alone, whoever was tried last at the end; of many who were refused together sets so small that two
        refusals tell who it is.
        """
        together: defaultdict[int, list[T]] = defaultdict(list)
        for item in sorted(suspects, key=lambda one: max(known.at for known in self._known(work, one))):
            among = max(one.among for one in self._known(work, item))
            together[ceil(sqrt(among)) if among > _EACH_ALONE else 1].append(item)
        for size, items in together.items():
            yield from chunks(items, size)

    def _probe(self, kind: KindOfCalls, items: Sequence[T]) -> T:
        circuit = self.circuits.of(kind)
        failures = circuit.pause.failures if circuit is not None and circuit.pause is not None else 0
        return items[int(failures * _SPREAD % 1 * len(items))]

    def _fail(self, work: Work[T, R], part: _Part[T], error: InstanceWaitsError) -> None:
        """Open the kind's circuit; not for somebody alone whom it was refused for before, as others may be served."""
        if self._is_own(work, part.items) and self.circuits.may_try(work.kind):
            return
        is_new = not all(self._is_suspect(work, one) for one in part.items)  # Else it is noted whom nobody may create.
        in_doubt = is_new and _is_in_doubt(work.kind, error.code)
        self.circuits.fail(work.kind, error, _cause(work, error.code), unknown_creation=in_doubt)

    def _put_off(self, work: Work[T, R], part: _Part[T]) -> None:
        """Have items tried again that were not by now; it is noted if they are of a set that was refused."""
        if part.of is not None and isinstance(error := part.of.error, InstanceWaitsError):
            for key in (key for item in part.items for key in work.persons_of(item)):
                self._refused(work, key, error, len(part.of.items))
        self._hold(work, part.items)

    def _refuse(self, work: Work[T, R], part: _Part[T], error: _OfKind) -> list[R]:
        """Note who was refused alone, or is one of a set that is not halved; the answers of those who fail."""
        in_doubt = _is_in_doubt(work.kind, error.code)
        is_noted = len(part.items) == 1 or _is_noted_whole(work.kind, error) or self.circuits.has_worked(work.kind)
        if not is_noted:
            self._hold(work, part.items)
            return []
        self.circuits.remember(work.kind)
        pause = self.circuits.pause(work.kind)
        among = 0 if part.with_others else len(part.items)
        given: list[R] = []
        for item in part.items:
            known = [(self._before(work, key), self._refused(work, key, error, among)) for key in work.persons_of(item)]
            if known and all(fails(before, after) for before, after in known):
                given.append(work.give_up(item, error.code))
                continue
            noted = [one for _, one in known]
            times = [one.retry_at for one in noted]
            times += [one.creation_ends_at for one in noted if in_doubt]
            times += [pause.until] if pause is not None else []
            self._note(work, [item], Held(max(times, default=self.circuits.clock()), _cause(work, error.code)))
        return given

    def _before(self, work: Work[T, R], key: str) -> Refusals | None:
        """What a person was refused before, and did not get since."""
        call = work.kind.call
        if call in self._refusals.get(key, {}) and self._refusals[key][call] is None:
            return None
        return self.known.get(key, {}).get(call)

    def _refused(self, work: Work[T, R], key: str, error: _OfKind, among: int) -> Refusals:
        """What is known of a person that was refused once more."""
        kind = work.kind
        one = refused_again(
            self._before(work, key),
            error.code,
            self.circuits.clock(),
            among=among,
            circuit=self.circuits.of(kind),
            works=self.circuits.works(kind),
        )
        with self._lock:
            self._refusals.setdefault(key, {})[kind.call] = one
        return one

    def _hold(self, work: Work[T, R], items: Sequence[T]) -> None:
        """Have items tried again when the kind's pause is over."""
        if self.halt is not None:
            return  # What ended it says when they are tried again.
        pause = self.circuits.pause(work.kind)
        if pause is None:
            self._note(work, items, Held(self.circuits.clock() + MAX_WAIT, f"{work.name}: refused to others"))
        else:
            self._note(work, items, Held(pause.until, pause.cause))

    def _note(self, work: Work[T, R], items: Sequence[T], held: Held) -> None:
        """Whoever waits for several kinds is tried again with the first of them."""
        with self._lock:
            for key in (key for item in items for key in work.persons_of(item)):
                self.held[key] = min(self.held.get(key, held), held, key=lambda one: one.until)

    def _each(self, inputs: Sequence[_S], call: Callable[[_S], list[R]]) -> list[R]:
        """Make calls, a few at a time."""
        if len(inputs) <= 1:
            return [answer for one in inputs for answer in call(one)]
        with ThreadPoolExecutor(self.concurrency) as threads:
            return [answer for answers in threads.map(call, inputs) for answer in answers]


def _is_in_doubt(kind: KindOfCalls, code: str) -> bool:
    """Whether leads may be created though the answer to the call was a code."""
    return kind == CREATE and explain(code).ambiguous


def _is_noted_whole(kind: KindOfCalls, error: _OfKind) -> bool:
    """Whether a set that is refused is halved in a later turn only."""
    return _is_in_doubt(kind, error.code) or error.took >= SLOW


def _error_of(work: Work[T, R], answer: R) -> _OfKind | None:
    """What one record was refused with that may be of the whole kind; None: it has its answer."""
    code = work.code_of(answer)
    if code is None:
        return None
    if classify(code) is FailureClass.CONNECTION_BLOCKED and code not in OF_PARTITION:
        return ConnectionBlockedError(code, work.name)
    return InstanceWaitsError(code, work.name) if classify(code) in _LATER else None


def _cause(work: Work[T, R], code: str) -> str:
    return f"{work.name}: {code}, {explain(code).meaning}"
