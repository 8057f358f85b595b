"""For random histories the runs say what an independent reckoning says, after crashes and repeated deliveries too.

Each person of a history is of a kind whose end follows from how it was made; the reckoning adds those ends up.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from requests import PreparedRequest, Response

from destination.domain.connection import Connection, Limits, OnInvalid, PersonAction
from destination.domain.event import ProfileEvent
from destination.domain.run import Counters, Run
from marketo_simulator import Fault
from testing.crashes import CrashError, Life, MortalAdapter, mortal
from testing.results import assert_listed
from testing.stages import EXITED, MINUTE, REALIZED
from testing.world import START, World, audience, connection, event, name_of

ROUNDS = 2
"""Each is received in an hour of its own."""

CLASSES = {
    None: "activated",
    "SUPERSEDED": "unchanged",
    "ALREADY_DELIVERED": "unchanged",
    "NOT_ON_LIST": "unchanged",
    "PERSON_NOT_FOUND": "excluded",
    "MISSING_DEDUPE_VALUE": "excluded",
    "INVALID_DEDUPE_VALUE": "excluded",
    "MISSING_REQUIRED_ATTRIBUTE": "excluded",
    "INVALID_REQUIRED_ATTRIBUTE": "excluded",
    "OUTSIDE_SCHEDULE": "excluded",
    "INVALID_ATTRIBUTE": "failed",
    "TOO_MANY_MATCHES": "failed",
    "MARKETO_1003": "failed",
    "MARKETO_1008": "failed",
}


@dataclass(frozen=True)
class Telling:
    """An event, and how it ends: in all (None: activated) and in its audiences; `ignored`: it concerns nobody."""

    event: ProfileEvent
    ending: str | None = None
    audiences: Mapping[str, str | None] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    round: int = 0
    ignored: bool = False


Kind = Callable[[str], list[Telling]]
IN_A, OUT_OF_A, IN_B = ("a", REALIZED), ("a", EXITED), ("b", REALIZED)


def ends(code: str | None, email: str | None, **profile: Any) -> list[Telling]:
    """Somebody enters a."""
    return [Telling(event(email, IN_A, **profile), code, {"a": code})]


def changed(email: str, age: timedelta, code: str | None) -> Telling:
    """New attributes of somebody who entered a before, with an entry that is so much older: of none, it is newer."""
    old = event(email, IN_A, at=START - age, company="Acme")
    return Telling(replace(old, at=START + MINUTE), None, {"a": code}, round=1)


ANYWHERE: Mapping[str, Kind] = {
    "known": lambda email: ends(None, email),
    "without a key": lambda _: ends("MISSING_DEDUPE_VALUE", None),
    "with a bad key": lambda email: ends("INVALID_DEDUPE_VALUE", email.replace("@", " at ")),
    "elsewhere": lambda email: [Telling(event(email, ("elsewhere", REALIZED)), ignored=True)],
    "too early": lambda email: [Telling(event(email, IN_B), "OUTSIDE_SCHEDULE", {"b": "OUTSIDE_SCHEDULE"})],
    "too early for one": lambda email: [Telling(event(email, IN_A, IN_B), None, {"a": None, "b": "OUTSIDE_SCHEDULE"})],
}
CREATING: Mapping[str, Kind] = {
    **ANYWHERE,
    "new": lambda email: ends(None, email),
    "nameless": lambda email: ends("MISSING_REQUIRED_ATTRIBUTE", email, firstName=None),
    "too long": lambda email: [
        replace(one, dropped=("firstName",)) for one in ends("INVALID_REQUIRED_ATTRIBUTE", email, firstName="A" * 256)
    ],
    "partly": lambda email: [replace(one, dropped=("leadScore",)) for one in ends(None, email, score="many")],
    "refused": lambda email: ends("MARKETO_1003", email),
    "refused by the list": lambda email: ends("MARKETO_1008", email),
    "never there": lambda email: [Telling(event(email, OUT_OF_A), "NOT_ON_LIST", {"a": "NOT_ON_LIST"})],
    "overtaken": lambda email: [
        *ends("SUPERSEDED", email),
        *(replace(one, event=event(email, IN_A, at=START + MINUTE)) for one in ends(None, email)),
    ],
    "changed": lambda email: [*ends(None, email), changed(email, timedelta(0), None)],
    "changed, with an old entry": lambda email: [*ends(None, email), changed(email, MINUTE, "SUPERSEDED")],
    "repeated": lambda email: [
        *ends(None, email),
        *(replace(one, round=1) for one in ends("ALREADY_DELIVERED", email)),
    ],
}
MATCHING: Mapping[str, Kind] = {**ANYWHERE, "stranger": lambda email: ends("PERSON_NOT_FOUND", email)}
STRICT: Mapping[str, Kind] = {
    **ANYWHERE,
    "bad": lambda email: [
        replace(one, dropped=("leadScore",)) for one in ends("INVALID_ATTRIBUTE", email, score="many")
    ],
}
LEAVING: Mapping[str, Kind] = {
    **CREATING,
    "leaving": lambda email: [
        *ends(None, email),
        Telling(event(email, OUT_OF_A, at=START + MINUTE), None, {"a": None}, round=1),
    ],
}
"""Who died while somebody left finds that they did; so this kind is for histories without crashes."""

ONE_AT_A_TIME = connection(limits=Limits(concurrency=1))
CONNECTIONS: Sequence[tuple[Connection, Mapping[str, Kind]]] = (
    (ONE_AT_A_TIME, CREATING),
    (replace(ONE_AT_A_TIME, person_action=PersonAction.UPDATE_EXISTING_ONLY), MATCHING),
    (replace(ONE_AT_A_TIME, on_invalid=OnInvalid.FAIL), STRICT),
)
SEEDED = frozenset({"known", "too early for one"})


class Refusing(MortalAdapter):
    """Marketo, refusing records of those who are of such a kind."""

    def __init__(self, world: World, life: Life) -> None:
        super().__init__(world.simulator, life)
        self._world = world

    def send(self, request: PreparedRequest, *args: object, **kwargs: object) -> Response:
        records = json.loads(request.body)["input"] if request.body and b'"input"' in _bytes(request) else []
        url = request.url or ""
        if request.method == "POST" and "/lists/" in url:
            leads = self._world.leads_now()
            self._refuse("1008", "refused by the list", [leads[one["id"]]["email"] for one in records])
        elif request.method == "POST" and "/leads.json" in url:
            self._refuse("1003", "refused", [one.get("email", "") for one in records])
        return super().send(request, *args, **kwargs)

    def _refuse(self, code: str, kind: str, emails: Sequence[str]) -> None:
        wanted = f"{kind.replace(' ', '-')}."
        places = tuple(place for place, email in enumerate(emails) if email.startswith(wanted))
        if places:
            self._world.simulator.faults.add(Fault("skip", code, records=places))


def _bytes(request: PreparedRequest) -> bytes:
    return request.body if isinstance(request.body, bytes) else b""


@dataclass
class Reckoning:
    """What a run is to say, or one of its audiences."""

    counts: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    named: dict[str, set[str]] = field(default_factory=dict)

    def take(self, code: str | None, email: str | None) -> None:
        self.counts.update(("received", CLASSES[code]))
        if code is not None:
            self.reasons[code] += 1
            if email is not None:
                self.named.setdefault(code, set()).add(name_of(email))

    def agrees_with(self, counters: Counters) -> None:
        counted = {name: counters.counts[name] for name in ("received", *CLASSES.values(), "ignored", "warnings")}
        assert +Counter(counted) == self.counts
        assert {reason.code: count for reason, count in counters.reasons.items()} == self.reasons
        assert all(CLASSES[reason.code] == reason.outcome for reason in counters.reasons)
        assert {reason.code for reason in counters.examples} == self.named.keys()
        assert all(name in self.named[reason.code] for reason, name in counters.examples.items())


def reckon(tellings: Sequence[Telling], number: int) -> tuple[Reckoning, dict[str, Reckoning], Counter[str]]:
    whole, audiences, dropped = Reckoning(), dict[str, Reckoning](), Counter[str]()
    for one in tellings:
        if one.round != number:
            continue
        if one.ignored:
            whole.counts["ignored"] += 1
            continue
        email = one.event.profile.get("email")
        named = str(email) if email is not None and "@" in str(email) else None
        whole.take(one.ending, named)
        whole.counts["warnings"] += bool(one.dropped)
        dropped.update(one.dropped)
        for name, code in one.audiences.items():
            audiences.setdefault(name, Reckoning()).take(code, named)
    whole.counts = +whole.counts
    return whole, audiences, dropped


def deliver(world: World, life: Life, moments: int | None) -> None:
    """Deliver all that waits, by a worker that dies after so many moments, and by those who come after it."""
    life.moments = moments
    try:
        world.resume()
        waiting = list(world.queue.waiting.values())
        report = world.sync(waiting, timedelta(minutes=5))
        world.queue.delete([message.id for message in waiting if message.id not in report.requeued])
    except CrashError:
        world.now += timedelta(minutes=10)
        deliver(world, life, None)
    finally:
        life.moments = None


def check(
    target: Connection, kinds: Mapping[str, Kind], names: Sequence[str], cuts: Sequence[int], moments: int | None
) -> None:
    emails = [f"{name.replace(' ', '-').replace(',', '')}.{number}@example.org" for number, name in enumerate(names)]
    tellings = [one for name, email in zip(names, emails, strict=True) for one in kinds[name](email)]
    known = [email for name, email in zip(names, emails, strict=True) if name in SEEDED]
    world = World(target, leads=[{"id": 10 + number, "email": email} for number, email in enumerate(known)])
    stored = world.connections.stored[target.id]
    later = replace(stored.activations[audience("b")], start=START + timedelta(days=1))
    world.connections.stored[target.id] = replace(stored, activations={**stored.activations, audience("b"): later})
    life = mortal(world)
    world.http.mount("https://", Refusing(world, life))
    for number in range(ROUNDS):
        world.now = START + timedelta(hours=number)
        said = [one.event for one in tellings if one.round == number]
        for first, last in zip((0, *cuts), (*cuts, len(said)), strict=True):
            if said[first:last]:
                world.post(*said[first:last])
        repeated = dict(world.queue.waiting)
        deliver(world, life, moments)
        assert world.waiting == []
        world.queue.waiting |= repeated  # SQS delivers at least once.
        deliver(world, life, None)
        expected, audiences, dropped = reckon(tellings, number)
        hour = f"2026-11-21T{10 + number}:00Z"
        run = world.ledger.runs.get(target.id, hour) or Run(target.id, hour)
        expected.agrees_with(run.tally)
        assert run.tally.dropped == dropped
        assert {key.id for key in run.tally.audiences} == audiences.keys()
        for name, one in audiences.items():
            one.agrees_with(run.tally.audiences[audience(name)])
        assert run.tally.latency.events == expected.counts["activated"]
        assert_listed(world)


@st.composite
def histories(draw: st.DrawFn) -> tuple[Connection, Mapping[str, Kind], list[str], list[int]]:
    target, kinds = draw(st.sampled_from(CONNECTIONS))
    names = draw(st.lists(st.sampled_from(sorted(kinds)), max_size=25))
    return target, kinds, names, sorted(draw(st.lists(st.integers(0, 25), max_size=3)))


@settings(max_examples=60)
@given(history=histories(), moments=st.none() | st.integers(0, 60))
def test_runs_say_what_became_of_everybody(
    history: tuple[Connection, Mapping[str, Kind], list[str], list[int]], moments: int | None
) -> None:
    target, kinds, names, cuts = history
    check(target, kinds, names, cuts, moments)


def test_runs_say_what_became_of_one_of_each_kind() -> None:
    for target, kinds in CONNECTIONS:
        check(target, LEAVING if kinds is CREATING else kinds, list(LEAVING if kinds is CREATING else kinds), [], None)


@settings(max_examples=20)
@given(names=st.lists(st.sampled_from(sorted(LEAVING)), max_size=25))
def test_runs_say_who_left(names: list[str]) -> None:
    check(ONE_AT_A_TIME, LEAVING, names, [], None)
