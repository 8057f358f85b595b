"""Scripted faults: one list of values that says what goes wrong, and for which calls."""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from marketo_simulator.errors import Reason, reason
from marketo_simulator.message import Request, Response
from marketo_simulator.names import Names, Pairs, plain

EFFECTS: Final = frozenset({"error", "skip", "http", "drop", "slow", "trickle", "malformed", "pass"})
DAMAGES: Final = frozenset({"cut", "html", "charset", "empty"})
MAX_SECONDS: Final = 86_400.0
_HTML: Final = "<html><body><h1>Bad Gateway</h1></body></html>"
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_PRINTED: Final = re.compile(r"[\x20-\x7e]*")
_OF_THE_SERVER: Final = frozenset({"content-length", "transfer-encoding", "connection", "content-type"})

Person = Callable[[int], Mapping[str, object] | None]
"""The field values of a lead, None where there is no such lead."""


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"'{pattern}' is not a regular expression: {error}") from error


@dataclass(frozen=True, slots=True)
class Condition:
    """What a call must be like for a fault. All that is given has to hold.

    `body` is a regular expression, searched in the request's body; `query` and `headers` are regular expressions by
    name of a parameter (of the query or a form) or header, searched in its value (empty: it is there).

    What a call names: `key` = a field or parameter of this name, `value` = one of this value (under `key`, where both
    are given), `record` = one record with all these values, `lead` = this lead, by its id (in path, parameters or
    records) or by its value of the field that the call looks leads up by. Values are compared without case and space
    around. They have to hold for one record together; `effect: skip` then reaches those records alone.

    `min_records`: the call has so many records or more.
    """

    body: str = ""
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    key: str = ""
    value: str | None = None
    record: Mapping[str, object] = field(default_factory=dict)
    lead: int | None = None
    min_records: int = 0

    def __post_init__(self) -> None:
        for pattern in (self.body, *self.query.values(), *self.headers.values()):
            _check_pattern(pattern)
        if self.min_records < 0:
            raise ValueError("min_records is negative; give the number of records from which on the fault happens")
        for name, value in self.record.items():
            if isinstance(value, dict | list):
                message = f"record.{name} is no plain value; give text, a number, true, false or null"
                raise ValueError(message)  # noqa: TRY004 (of a property, as the errors beside it)

    @property
    def names_records(self) -> bool:
        """Whether it depends on what single records are."""
        return bool(self.key or self.record) or self.value is not None or self.lead is not None

    def matches(self, request: Request, params: Mapping[str, Sequence[str]], names: Names) -> bool:
        """Whether the call as a whole is like this, its records left aside."""
        if self.body and not re.search(self.body, names.text):
            return False
        if self.min_records and len(names.records) < self.min_records:
            return False
        for name, pattern in self.query.items():
            if not any(re.search(pattern, value) for value in params.get(name, ())):
                return False
        sent = [(name.lower(), value) for name, value in request.headers.items()]
        return all(
            any(key == name.lower() and re.search(pattern, value) for key, value in sent)
            for name, pattern in self.headers.items()
        )

    def positions(self, names: Names, person: Person) -> tuple[int, ...] | None:
        """Which records are like this; empty if the call names it beside its records, None if it does not at all."""
        wanted = [(name, plain(value)) for name, value in self.record.items()]
        looked_up = ""
        if self.lead is not None:
            value = (person(self.lead) or {}).get(names.lookup)
            looked_up = "" if value is None else plain(value)
        found = tuple(
            index for index, pairs in enumerate(names.records) if self._holds(pairs, wanted, names.lookup, looked_up)
        )
        if found:
            return found
        return () if self._holds(names.rest, wanted, names.lookup, looked_up) else None

    def _holds(self, pairs: Pairs, wanted: Pairs, lookup: str, looked_up: str) -> bool:
        if any(pair not in pairs for pair in wanted):
            return False
        value = None if self.value is None else plain(self.value)
        if (self.key or value is not None) and not any(
            (not self.key or name == self.key) and (value is None or value == held) for name, held in pairs
        ):
            return False
        if self.lead is None:
            return True
        by_id = ("id", str(self.lead)) in pairs
        return by_id or bool(looked_up and (lookup, looked_up) in pairs)


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    `effect`: `error` = the call fails with `code`; `skip` = records (all, or those at the positions `records`) are
    skipped with `code`; `http` = HTTP `status` with `body` (empty stays empty); `drop` = the connection breaks, with
    `after_bytes` in the middle of the answer; `slow` = the answer takes `seconds` more; `trickle` = its body comes
    `piece` bytes at a time, `seconds` apart; `malformed` = the call takes effect and its answer arrives with a
    `damage`: `cut` in half, an `html` page, in another `charset` than it says, or `empty`; `pass` = nothing goes wrong.
    `seconds` delays the other effects too; `headers` and `content_type` are those of the answer, whatever the effect.

    `executes`: the call takes effect first and its answer is lost (for `error`, `http` and `drop`).

    Which calls: those whose method and path match the regular expressions (searched, empty = any), and which are as
    `when` says. Of these the `nth`, or each `every`-th, or simply the next one, or each with a `probability` (drawn
    with `seed`, so that it is the same calls each time). `times` bounds how often; unset it means once, or without end
    if `every` or `probability` is set. Several faults that are due at once happen one call after the other, in list
    order.

    `then`: what happens at the next times, one after the other, and then from the start again; `times` counts whole
    rounds. A fault in `then` says what happens, and nothing of when.
    """

    effect: str = "error"
    code: str = ""
    message: str = ""
    records: tuple[int, ...] = ()
    status: int = 502
    body: str = _HTML
    seconds: float = 0.0
    executes: bool = False
    method: str = ""
    path: str = ""
    nth: int | None = None
    every: int | None = None
    times: int | None = None
    when: Condition = field(default_factory=Condition)
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = ""
    damage: str = ""
    piece: int = 1
    after_bytes: int | None = None
    probability: float | None = None
    seed: int = 0
    then: "tuple[Fault, ...]" = ()

    def __post_init__(self) -> None:
        self._check_effect()
        self._check_answer()
        self._check_when()

    def _check_effect(self) -> None:
        if self.effect not in EFFECTS:
            raise ValueError(f"effect '{self.effect}' is unknown; use {', '.join(sorted(EFFECTS))}")
        if self.effect in ("error", "skip") and not self.code:
            raise ValueError(f"effect '{self.effect}' needs a code, such as \"606\"")
        if (self.effect == "malformed") != bool(self.damage) or self.damage not in DAMAGES | {""}:
            raise ValueError(f"effect 'malformed', and no other, needs a damage: one of {', '.join(sorted(DAMAGES))}")
        if self.after_bytes is not None and (self.effect != "drop" or self.after_bytes < 0):
            raise ValueError("after_bytes counts from 0 and goes with effect 'drop' alone")
        if self.piece < 1:
            raise ValueError("piece counts from 1; it is the number of bytes that come at a time")
        if any(position < 0 for position in self.records):
            raise ValueError("records are positions in the input, from 0 up")

    def _check_answer(self) -> None:
        if not 200 <= self.status <= 599:
            raise ValueError(f"status {self.status} ends no call; give one from 200 to 599")
        if not (math.isfinite(self.seconds) and 0 <= self.seconds <= MAX_SECONDS):
            raise ValueError(f"seconds is out of reach; give 0 to {MAX_SECONDS:.0f}")
        if not _PRINTED.fullmatch(self.content_type):
            raise ValueError("content_type has a character that no header may have; use printable ASCII")
        for name, value in self.headers.items():
            if not _HEADER.fullmatch(name) or not _PRINTED.fullmatch(value):
                raise ValueError(f"header {name!r} has a character that no header may have; use printable ASCII")
            if name.lower() in _OF_THE_SERVER:
                remedy = "content_type" if name.lower() == "content-type" else "effect 'drop' or 'malformed'"
                raise ValueError(f"header {name!r} is written by the server; use {remedy}")

    def _check_when(self) -> None:
        if self.nth is not None and self.every is not None:
            raise ValueError("nth and every exclude each other; leave one out")
        if any(number is not None and number < 1 for number in (self.nth, self.every, self.times)):
            raise ValueError("nth, every and times count from 1")
        if self.probability is not None and not 0 < self.probability <= 1:
            raise ValueError("probability is more than 0 and at most 1; leave the fault out if it is never to happen")
        for pattern in (self.method, self.path):
            _check_pattern(pattern)
        for index, step in enumerate(self.then):
            for name in _WHEN:
                if getattr(step, name) != getattr(_DEFAULT, name):
                    raise ValueError(f"then[{index}] says when it happens; '{name}' stands in the first fault alone")

    @property
    def reason(self) -> Reason:
        """The error that `error` and `skip` answer with."""
        return reason(self.code, self.message)

    @property
    def prevents(self) -> bool:
        """Whether the call does not take effect."""
        ends = self.effect in ("error", "http") or (self.effect == "drop" and self.after_bytes is None)
        return ends and not self.executes

    @property
    def delay(self) -> float:
        """Seconds before the answer."""
        return 0.0 if self.effect == "trickle" else self.seconds

    def skips(self, index: int) -> bool:
        """Whether the record at this position of the input is skipped."""
        return self.effect == "skip" and (not self.records or index in self.records)

    def makes_of(self, answer: Response) -> Response:
        """The answer as it leaves."""
        if self.effect == "malformed":
            answer = _damaged(answer, self.damage)
        elif self.effect == "trickle":
            answer = replace(answer, piece=self.piece, pause=self.seconds)
        elif self.effect == "drop":
            answer = replace(answer, breaks_after=self.after_bytes)
        if self.headers or self.content_type:
            answer = replace(answer, headers=self.headers, content_type=self.content_type or answer.content_type)
        return answer


_WHEN: Final = ("method", "path", "nth", "every", "times", "when", "probability", "seed", "then")
_DEFAULT: Final = Fault("pass")


def _damaged(answer: Response, damage: str) -> Response:
    if damage == "cut":
        return replace(answer, body=answer.body[: len(answer.body) // 2])
    if damage == "html":
        return replace(answer, body=_HTML.encode(), content_type="text/html")
    if damage == "charset":  # the header goes on to say UTF-8
        return replace(answer, body=answer.body.decode("utf-8", "replace").encode("utf-16"))
    return replace(answer, body=b"")


class _Script:
    """A fault with its count."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        self._steps = (fault, *fault.then)
        self._random = Random(fault.seed)  # noqa: S311 (draws faults, keeps no secret)
        self._matched = 0
        self._happened = 0
        self._is_held_up = False

    def match(
        self, request: Request, params: Mapping[str, Sequence[str]], names: Names, person: Person
    ) -> tuple[int, ...] | None:
        """Count the call if it is one of the fault's; positions of its records (empty: all), None if it is not."""
        fault = self.fault
        if not (re.search(fault.method, request.method) and re.search(fault.path, request.path)):
            return None
        if not fault.when.matches(request, params, names):
            return None
        positions = fault.when.positions(names, person) if fault.when.names_records else ()
        if positions and fault.records:
            positions = tuple(each for each in positions if each in fault.records) or None
        if positions is not None:
            self._matched += 1
        return positions

    def is_due(self) -> bool:
        """Whether the call that matched last is one in which it happens; draws if that is left to chance."""
        in_turn, self._is_held_up = self._is_in_turn(), False
        probability = self.fault.probability
        return in_turn and (probability is None or self._random.random() < probability)

    def hold_up(self) -> None:
        """Another fault happens with the call that matched last: if this one was due, it is so with the next."""
        self._is_held_up = self._is_in_turn()

    def _is_in_turn(self) -> bool:
        fault = self.fault
        rounds = fault.times or (None if fault.every or fault.probability else 1)
        if rounds is not None and self._happened >= rounds * len(self._steps):
            return False
        if self._is_held_up:
            return True
        if fault.nth is not None:
            return self._matched >= fault.nth if fault.then else self._matched == fault.nth
        return fault.every is None or self._matched % fault.every == 0

    def happen(self, positions: tuple[int, ...]) -> Fault:
        """What goes wrong this time; a `skip` reaches the records at these positions."""
        step = self._steps[self._happened % len(self._steps)]
        self._happened += 1
        if step.effect == "skip" and positions:
            return replace(step, records=positions)
        return step


class Faults:
    """The list of faults of an instance."""

    def __init__(self) -> None:
        self._scripts: list[_Script] = []

    def add(self, *faults: Fault) -> None:
        """Append to the list."""
        self._scripts.extend(_Script(fault) for fault in faults)

    def clear(self) -> None:
        """Nothing goes wrong from now on."""
        self._scripts.clear()

    def __iter__(self) -> Iterator[Fault]:
        return (script.fault for script in self._scripts)

    def next(self, request: Request, params: Mapping[str, Sequence[str]], person: Person) -> Fault | None:
        """What goes wrong with this call; to be asked once per call."""
        if not self._scripts:
            return None
        names = Names(request, params)
        chosen: tuple[_Script, tuple[int, ...]] | None = None
        for script in self._scripts:
            positions = script.match(request, params, names, person)
            if positions is None:
                continue
            if chosen is not None:
                script.hold_up()
            elif script.is_due():
                chosen = script, positions
        return None if chosen is None else chosen[0].happen(chosen[1])
