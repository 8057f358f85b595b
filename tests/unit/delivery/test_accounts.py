"""The accounts: every event recorded once, shard by shard, within what a transaction takes, whatever AWS says."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from destination.delivery.accounts import Accounts, Ledger
from destination.delivery.letters import WriteLetters
from destination.delivery.open_message import OpenMessage
from destination.delivery.outcomes import WriteOutcomes
from destination.delivery.postings import UNITS_AT_ONCE
from destination.delivery.results import WriteResults
from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.failure import Failure
from destination.domain.mapping import Mapper
from destination.domain.outcome import ALREADY_DELIVERED, OUTSIDE_SCHEDULE, SUPERSEDED, Class, Outcome, Reason, rejected
from destination.domain.person import Applied, Desired, LedgerRow, Origin, Person, Said, Unit
from destination.domain.run import Run
from destination.domain.schema import Schema
from destination.domain.settle import Progress, Settled
from destination.domain.shard import SHARDS, name_of, shard_of, shard_of_envelope
from destination.queue import Envelope, Message
from destination.store.leases import Lease, LeaseLostError
from destination.store.ledger import Entry, StaleRunError
from testing.memory import MemoryFileObjects, MemoryLeases, MemoryLedger, MemoryLetters, MemoryResults
from testing.world import connection

NOW = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
MAPPER = Mapper.of(ActiveConnection(connection(), {}), Schema(), NOW)
UNTIL = NOW + timedelta(seconds=60)
HOUR = "2026-11-21T10:00Z"
A, B, C = (AudienceKey("ups", name) for name in "abc")
REALIZED = MembershipStatus.REALIZED
ROW = LedgerRow({A: Desired(REALIZED, Said(NOW, NOW))}, {A: Applied(1001, (7,))}, lead_id=7)
REFUSED, CREATED, UPDATED = rejected("1006"), Outcome(created=True), Outcome(updated=True)
REFUSAL = ClientError({"Error": {"Code": "ProvisionedThroughputExceededException"}}, "TransactWriteItems")
KEYS = [f"person-{number}@example.org" for number in range(2_000)]


def of_shard(shard: int) -> list[str]:
    """Dedupe keys of people in a shard."""
    return [key for key in KEYS if shard_of(name_of(key)) == shard]


def unit(key: str | None, number: int | str, envelope: str = "e-1", **others: object) -> Unit:
    memberships = (Membership(A, REALIZED, NOW),)
    plain = Unit(Origin(envelope, str(number), HOUR), NOW, key, key, {}, (), memberships, received_at=NOW)
    return replace(plain, **others)  # type: ignore[arg-type]


def settled(outcome: Outcome, *units: Unit, row: LedgerRow | None = ROW, superseded: Collection[Unit] = ()) -> Settled:
    """What became of a person; of its audiences, unless the outcome tells, what became of it as a whole."""
    told = outcome.audiences or {one.audience: outcome.reason for unit in units for one in unit.memberships}
    memberships = {one.audience: one for unit in units for one in unit.memberships}
    aside = {unit.origin: SUPERSEDED for unit in superseded}
    said = Said(NOW, NOW)
    person = Person(units[0].key or "", units[0].key, {}, said, memberships, frozenset(), units, aside=aside)
    return Settled(person, replace(outcome, audiences=told), row)


def failed(
    *units: Unit, reason: Reason = REFUSED, audiences: Mapping[AudienceKey, Reason | None] | None = None
) -> Settled:
    return settled(Outcome(reason, audiences=audiences or {}), *units, row=None)


@dataclass
class Stand:
    """Accounts over a ledger in memory, for messages of one event or more each; the clock goes with the pauses."""

    now: datetime = NOW
    leases: MemoryLeases = field(default_factory=MemoryLeases)
    letters: MemoryLetters = field(default_factory=MemoryLetters)
    results: MemoryResults = field(default_factory=MemoryResults)
    pauses: list[float] = field(default_factory=list)
    ids: "itertools.count[int]" = field(default_factory=itertools.count)
    messages: list[OpenMessage] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.ledger = MemoryLedger(self.leases)
        self.lease = self.entered(range(SHARDS))

    def entered(self, shards: Collection[int]) -> Lease:
        """A lease that was taken when the one before had run out."""
        now = self.now + timedelta(days=self.leases.fences["123-ABC-456"])
        lease = self.leases.acquire("123-ABC-456", now, now + timedelta(minutes=6))
        assert lease is not None
        self.leases.enter(lease, shards)
        return lease

    def message(self, numbers: Collection[str], envelope: str = "e-1", received_at: datetime = NOW) -> OpenMessage:
        events = tuple(
            ProfileEvent(NOW, {}, {}, (), NOW)
            for _ in range(1 + max((int(n.partition(".")[0]) for n in numbers), default=0))
        )
        own = Envelope(
            connection_id="c-1", received_at=received_at - timedelta(seconds=5), events=events, id=envelope, first=0
        )
        message = Message(f"m-{len(self.messages)}", "", "")
        opened = OpenMessage(message, own, ActiveConnection(connection(), {}), pending=set(numbers))
        self.messages.append(opened)
        return opened

    def accounts(self, ledger: Ledger | None = None, at_once: int = SHARDS, until: datetime = UNTIL) -> Accounts:
        return Accounts(
            self.messages,
            "c-1",
            ledger or self.ledger,
            WriteLetters(self.letters, lambda: self.now, lambda: f"{next(self.ids):032x}"),
            WriteResults(self.results, lambda: self.now, lambda: f"{next(self.ids):032x}"),
            WriteOutcomes(MemoryFileObjects(), lambda: self.now, lambda: f"{next(self.ids):032x}"),
            self.lease,
            until,
            clock=lambda: self.now,
            name_of=lambda key: f"name of {key}",
            enter=self.leases.enter,
            sleep=self.sleep,
            at_once=at_once,
        )

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += timedelta(seconds=seconds)

    def record(self, *given: Settled, calls: int = 0, ledger: Ledger | None = None, **others: object) -> Accounts:
        """As accounts do it of messages that are received anew."""
        for envelope in {one.origin.envelope_id for each in given for one in each.person.units}:
            self.message(
                [
                    one.origin.number
                    for each in given
                    for one in each.person.units
                    if one.origin.envelope_id == envelope
                ],
                envelope,
            )
        accounts = self.accounts(ledger)
        accounts.record(given, calls, MAPPER, **others)  # type: ignore[arg-type]
        return accounts

    def run(self, hour: str = HOUR) -> Run:
        return self.ledger.runs.stored["c-1", hour]

    @property
    def counts(self) -> Counter[str]:
        return self.ledger.total("c-1").counts

    @property
    def failures(self) -> list[Failure]:
        return list(self.ledger.failed.values())


@dataclass
class Watched:
    """A ledger that does something before or after it records, or instead."""

    ledger: MemoryLedger
    before: Callable[[Entry], None] = lambda _: None
    after: Callable[[Entry], None] = lambda _: None
    entries: list[Entry] = field(default_factory=list)

    def rows(
        self, connection_id: str, keys: Collection[str], audiences: Mapping[AudienceKey, datetime]
    ) -> dict[str, LedgerRow]:
        return self.ledger.rows(connection_id, keys, audiences)

    def counted(
        self, connection_id: str, envelopes: Collection[tuple[int, str]]
    ) -> dict[tuple[int, str], frozenset[str]]:
        return self.ledger.counted(connection_id, envelopes)

    def failures(self, connection_id: str, origins: Collection[tuple[int, Origin]]) -> dict[Origin, Failure]:
        return self.ledger.failures(connection_id, origins)

    def receipts(self, connection_id: str, events: Collection[tuple[int, str]]) -> dict[tuple[int, str], datetime]:
        return self.ledger.receipts(connection_id, events)

    def run(self, connection_id: str, run_id: str, shard: int) -> Run:
        return self.ledger.run(connection_id, run_id, shard)

    def record(self, connection_id: str, entry: Entry, lease: Lease, now: datetime) -> None:
        self.before(entry)
        self.ledger.record(connection_id, entry, lease, now)
        self.entries.append(entry)
        self.after(entry)


def times(number: int, error: Exception, shard: int | None = None) -> Callable[[Entry], None]:
    """So often it raises the error, of entries of one shard or of all."""
    left = iter(range(number))

    def refuse(entry: Entry) -> None:
        if shard in {None, entry.shard} and next(left, None) is not None:
            raise error

    return refuse


@pytest.fixture
def stand() -> Stand:
    return Stand()


def test_what_became_of_people_of_all_shards_is_recorded_once(stand: Stand) -> None:
    people = [settled(CREATED, unit(key, number)) for number, key in enumerate(KEYS[:400])]
    accounts = stand.record(*people, calls=5)
    assert stand.counts == Counter(received=400, activated=400, created=400, new=400, marketo_calls=5)
    assert {name for _, name in stand.ledger.people} == {name_of(key) for key in KEYS[:400]}
    marks = {shard: numbers for (_, shard, _), numbers in stand.ledger.marks.items()}
    assert sorted(number for numbers in marks.values() for number in numbers) == sorted(map(str, range(400)))
    assert all(shard_of(name_of(KEYS[int(number)])) == shard for shard, own in marks.items() for number in own)
    assert stand.messages[0].is_done
    assert sum(one.counts["received"] for one in accounts.tallies) == 400
    assert stand.run().tally.first_at == stand.run().tally.last_at == NOW


def test_a_second_time_goes_on_where_the_runs_are(stand: Stand) -> None:
    accounts = stand.record(settled(CREATED, unit(KEYS[0], 0)))
    stand.message(["1"])
    accounts.record([settled(UPDATED, unit(KEYS[0], 1))], 1, MAPPER)
    assert stand.counts == Counter(received=2, activated=2, created=1, new=1, updated=1, marketo_calls=1)
    assert all(one.is_done for one in stand.messages)


def test_shards_are_written_side_by_side(stand: Stand) -> None:
    together = threading.Barrier(SHARDS, timeout=10)

    def wait(_: Entry) -> None:
        together.wait()

    ledger = Watched(stand.ledger, before=wait)
    people = [settled(CREATED, unit(of_shard(shard)[0], shard)) for shard in range(SHARDS)]
    stand.record(*people, ledger=ledger)
    assert sorted(one.shard for one in ledger.entries) == list(range(SHARDS))
    stand.accounts(ledger).remember({of_shard(shard)[1]: ROW for shard in range(SHARDS)})
    assert len(stand.ledger.people) == 2 * SHARDS


def test_of_one_shard_transactions_come_one_after_another(stand: Stand) -> None:
    inside, most = Counter[int](), Counter[int]()
    lock = threading.Lock()

    def enter(entry: Entry) -> None:
        with lock:
            inside[entry.shard] += 1
            most[entry.shard] = max(most[entry.shard], inside[entry.shard])

    def leave(entry: Entry) -> None:
        with lock:
            inside[entry.shard] -= 1

    ledger = Watched(stand.ledger, enter, leave)
    stand.record(*(settled(CREATED, unit(key, number)) for number, key in enumerate(KEYS)), ledger=ledger)
    assert stand.counts["received"] == len(KEYS)
    assert set(most.values()) == {1}
    assert len(ledger.entries) > SHARDS


@pytest.mark.parametrize("keys", [KEYS[:100], of_shard(5)[:100]], ids=["of all shards", "of one shard"])
def test_people_in_a_thousand_audiences_are_recorded(stand: Stand, keys: Sequence[str]) -> None:
    audiences = [AudienceKey("ups", f"{number:036}") for number in range(1000)]
    said = Said(NOW, NOW)
    row = LedgerRow(
        {one: Desired(REALIZED, said) for one in audiences}, {one: Applied(2**31, (2**31,)) for one in audiences}
    )
    memberships = tuple(Membership(one, REALIZED, NOW) for one in audiences)
    people = [settled(CREATED, unit(key, number, memberships=memberships), row=row) for number, key in enumerate(keys)]
    ledger = Watched(stand.ledger)
    stand.record(*people, ledger=ledger)
    assert stand.counts["received"] == 100
    assert {one.counts["activated"] for one in stand.run().tally.audiences.values()} == {100}
    assert all(one.items <= 100 and sum(one.item_bytes) <= 3_900_000 for one in ledger.entries)


def test_people_who_fail_in_a_thousand_audiences_are_recorded(stand: Stand) -> None:
    """Each failure takes up to 250 KB beside the row."""
    audiences = [AudienceKey("n" * 64, f"{number:0136}") for number in range(1000)]
    memberships = tuple(Membership(one, REALIZED, NOW) for one in audiences)
    people = [
        failed(unit(key, number, memberships=memberships), unit(key, f"{number}.1", memberships=memberships))
        for number, key in enumerate(of_shard(5)[:12])
    ]
    ledger = Watched(stand.ledger)
    stand.record(*people, ledger=ledger)
    assert stand.counts == Counter(received=24, failed=24)
    assert len(stand.failures) == 24
    assert len(ledger.entries) > 1


def test_a_person_whose_many_units_fail_in_a_thousand_audiences_is_recorded(stand: Stand) -> None:
    audiences = [AudienceKey("n" * 64, f"{number:0136}") for number in range(1000)]
    memberships = tuple(Membership(one, REALIZED, NOW) for one in audiences)
    units = [unit(KEYS[0], number, memberships=memberships) for number in range(UNITS_AT_ONCE)]
    stand.record(failed(*units))
    assert stand.counts == Counter(received=UNITS_AT_ONCE, failed=UNITS_AT_ONCE)
    assert stand.messages[0].is_done


@pytest.mark.parametrize("apart", ["envelopes", "hours"])
def test_a_person_with_many_units_is_recorded_in_parts_the_row_first(stand: Stand, apart: str) -> None:
    units = [
        unit(KEYS[0], number, event_id=f"evt-{number}", origin=origin)
        for number in range(3 * UNITS_AT_ONCE + 1)
        for origin in [
            Origin(f"e-{number}", "0", HOUR)
            if apart == "envelopes"
            else Origin("e-1", str(number), f"2026-11-{1 + number // 24:02}T{number % 24:02}:00Z")
        ]
    ]
    ledger = Watched(stand.ledger)
    stand.record(settled(CREATED, *units), ledger=ledger)
    assert stand.counts == Counter(received=len(units), activated=len(units), created=1, new=1)
    assert [bool(one.rows) for one in ledger.entries] == [True] + [False] * (len(ledger.entries) - 1)
    assert all(one.is_done for one in stand.messages)


def test_many_rows_are_remembered_uncounted(stand: Stand) -> None:
    ledger = Watched(stand.ledger)
    stand.accounts(ledger).remember(dict.fromkeys(KEYS, ROW))
    assert {name for _, name in stand.ledger.people} == {name_of(key) for key in KEYS}
    assert all(one.items <= 100 for one in ledger.entries)
    assert stand.ledger.runs.parts == {}


def test_nothing_is_no_trouble(stand: Stand) -> None:
    stand.accounts().remember({})
    stand.accounts().record([], 0, MAPPER)
    stand.accounts().record([], 3, MAPPER)
    assert stand.ledger.runs.parts == {}


def test_calls_that_led_to_nothing_count_in_the_newest_run(stand: Stand) -> None:
    stand.message(["0"], "e-1", NOW - timedelta(hours=1))
    stand.message(["0"], "e-2", NOW)
    stand.message(["0"], "e-3", NOW - timedelta(hours=2))
    stand.leases.entered.clear()
    stand.accounts().record([], 3, MAPPER)
    (part,) = stand.ledger.runs.parts.values()
    assert (part.id, part.shard, part.tally.counts) == (HOUR, shard_of_envelope("e-2"), Counter(marketo_calls=3))
    assert not any(one.is_done for one in stand.messages)


def test_what_does_not_concern_the_connection_is_marked_where_it_is_looked_for(stand: Stand) -> None:
    message = stand.message(["0", "1", "2"])
    message.ignored += [Origin("e-1", "0", HOUR), Origin("e-1", "1", HOUR)]
    key = next(key for key in KEYS if shard_of(name_of(key)) != shard_of_envelope("e-1"))
    stand.accounts().record([], 0, MAPPER, ignored=[unit(key, 2)])
    assert stand.counts == Counter(ignored=3)
    marks = {(shard_of_envelope("e-1"), "e-1"): {"0", "1"}, (shard_of(name_of(key)), "e-1"): {"2"}}
    assert stand.ledger.counted("c-1", set(marks)) == marks
    assert message.is_done


def test_what_is_recorded_first_is_not_recorded_again_with_the_rest(stand: Stand) -> None:
    message = stand.message(["0", "1"])
    message.ignored.append(Origin("e-1", "0", HOUR))
    accounts = stand.accounts()
    accounts.record([], 0, MAPPER, progress=[Progress(settled(CREATED, unit(KEYS[0], 1)).person, ROW, created=True)])
    accounts.record([settled(UPDATED, unit(KEYS[0], 1))], 2, MAPPER)
    assert stand.counts == Counter(ignored=1, received=1, activated=1, created=1, new=1, updated=1, marketo_calls=2)
    assert message.is_done


def test_a_unit_without_a_person_is_counted_in_the_shard_of_its_envelope(stand: Stand) -> None:
    reason = Reason(Class.EXCLUDED, "MISSING_DEDUPE_VALUE")
    stand.record(settled(Outcome(reason), unit(None, 0), row=None))
    assert stand.ledger.counted("c-1", {(shard_of_envelope("e-1"), "e-1")}) == {
        (shard_of_envelope("e-1"), "e-1"): {"0"}
    }


def test_a_unit_that_came_in_two_messages_counts_once(stand: Stand) -> None:
    stand.message(["0"])
    one = unit(KEYS[0], 0)
    stand.record(settled(CREATED, one, one))
    assert stand.counts == Counter(received=1, activated=1, created=1, new=1)
    assert [message.is_done for message in stand.messages] == [True, True]


def test_the_first_receipt_of_an_event_is_kept_with_it(stand: Stand) -> None:
    later = NOW + timedelta(seconds=1)
    key = KEYS[0]
    events = [unit(key, 0, event_id="evt-1", received_at=later), unit(key, 1, event_id="evt-1"), unit(key, 2)]
    stand.record(settled(CREATED, *events))
    shard = shard_of(name_of(key))
    assert stand.ledger.receipts("c-1", {(shard, "evt-1"), (shard, "evt-2")}) == {(shard, "evt-1"): NOW}


def test_what_was_answered_of_people_who_wait_is_counted_and_they_are_not(stand: Stand) -> None:
    message = stand.message(["0", "1"])
    waiting = Progress(settled(CREATED, unit(KEYS[0], 0)).person, ROW, created=True, added=2)
    left = Progress(settled(CREATED, unit(KEYS[1], 1)).person, ROW, removed=1, updated=True)
    stand.accounts().record([], 1, MAPPER, progress=[waiting, left])
    assert stand.counts == Counter(created=1, new=1, added=2, removed=1, updated=1, marketo_calls=1)
    assert stand.ledger.row("c-1", KEYS[0]) == stand.ledger.row("c-1", KEYS[1]) == ROW
    assert message.pending == {"0", "1"}
    assert stand.ledger.marks == {}


def test_a_failed_event_has_one_letter_and_is_pending_where_that_was_not_sent(stand: Stand) -> None:
    stand.letters.refuses = lambda letter: letter.code == "MARKETO_1003"
    two = [failed(unit(KEYS[0], "0.0")), failed(unit(KEYS[1], "0.1"))]
    accounts = stand.record(*two, failed(unit(KEYS[2], 1), reason=rejected("1003")))
    assert stand.letters.codes == ["MARKETO_1006"]
    assert accounts.letters == 1
    assert stand.messages[0].pending == {"1"}
    assert stand.counts == Counter(received=2, failed=2)


@pytest.mark.parametrize("shards", [1, SHARDS])
def test_refusals_of_aws_are_outlasted_with_growing_pauses(stand: Stand, shards: int) -> None:
    error = EndpointConnectionError(endpoint_url="https://dynamodb") if shards == 1 else REFUSAL
    ledger = Watched(stand.ledger, before=times(5, error, shard=0))
    people = [settled(CREATED, unit(of_shard(shard)[0], shard)) for shard in range(shards)]
    stand.record(*people, ledger=ledger)
    assert stand.counts["received"] == shards
    assert len(stand.pauses) == 5
    assert stand.pauses == sorted(stand.pauses)
    assert stand.pauses[0] < stand.pauses[-1]
    assert stand.messages[0].is_done


def test_reading_a_run_is_outlasted_as_well(stand: Stand) -> None:
    class Refusing(Watched):
        def run(self, connection_id: str, run_id: str, shard: int) -> Run:
            if len(stand.pauses) < 2:
                raise REFUSAL
            return super().run(connection_id, run_id, shard)

    stand.record(settled(CREATED, unit(KEYS[0], 0)), ledger=Refusing(stand.ledger))
    assert (stand.counts["received"], len(stand.pauses)) == (1, 2)


def test_refusals_that_do_not_end_in_time_are_raised_and_the_other_shards_recorded(stand: Stand) -> None:
    ledger = Watched(stand.ledger, before=times(10_000, REFUSAL, shard=0))
    people = [settled(CREATED, unit(of_shard(shard)[0], shard)) for shard in range(SHARDS)]
    with pytest.raises(ClientError):
        stand.record(*people, ledger=ledger)
    assert stand.counts["received"] == SHARDS - 1
    assert stand.messages[0].pending == {"0"}
    assert UNTIL - timedelta(seconds=5) < stand.now < UNTIL


@pytest.mark.parametrize("code", ["ValidationException", "AccessDeniedException"])
def test_what_no_patience_changes_is_raised_at_once(stand: Stand, code: str) -> None:
    error = ClientError({"Error": {"Code": code}}, "TransactWriteItems")
    with pytest.raises(ClientError, match=code):
        stand.record(settled(CREATED, unit(KEYS[0], 0)), ledger=Watched(stand.ledger, before=times(1, error)))
    assert stand.pauses == []


def test_a_lost_lease_ends_it_in_the_shards_that_were_entered_since(stand: Stand) -> None:
    stand.entered({0})
    ledger = Watched(stand.ledger, before=times(10_000, REFUSAL, shard=1))
    people = [settled(CREATED, unit(of_shard(shard)[0], shard)) for shard in range(SHARDS)]
    with pytest.raises(LeaseLostError):
        stand.record(*people, ledger=ledger)
    assert stand.messages[0].pending == {"0", "1"}
    assert stand.counts["received"] == SHARDS - 2


def test_whoever_lost_the_lease_does_not_try_again(stand: Stand) -> None:
    stand.entered(range(SHARDS))
    with pytest.raises(LeaseLostError):
        stand.record(settled(CREATED, unit(KEYS[0], 0)))
    assert stand.pauses == []
    assert stand.ledger.people == {}


@pytest.mark.parametrize("outcome", [CREATED, Outcome(REFUSED)], ids=["created", "failed"])
def test_what_was_recorded_while_the_answer_was_lost_counts_once(stand: Stand, outcome: Outcome) -> None:
    ledger = Watched(stand.ledger, after=times(1, REFUSAL))
    accounts = stand.record(settled(outcome, unit(KEYS[0], 0)), ledger=ledger)
    stand.message(["1"])
    accounts.record([settled(CREATED, unit(KEYS[0], 1))], 0, MAPPER)
    assert stand.counts["received"] == 2
    assert all(message.is_done for message in stand.messages)


def test_a_run_that_was_written_beside_is_read_again(stand: Stand) -> None:
    accounts = stand.record(settled(CREATED, unit(KEYS[0], 0)))
    stand.record(settled(CREATED, unit(KEYS[0], 1)))
    stand.message(["2"])
    accounts.record([settled(CREATED, unit(KEYS[0], 2))], 0, MAPPER)
    assert stand.counts["received"] == 3


def test_a_run_that_is_always_written_beside_is_told(stand: Stand) -> None:
    ledger = Watched(stand.ledger, before=times(2, StaleRunError()))
    with pytest.raises(StaleRunError):
        stand.record(settled(CREATED, unit(KEYS[0], 0)), ledger=ledger)
    assert stand.messages[0].pending == {"0"}


def known(stand: Stand, *units: Unit) -> dict[Origin, Failure]:
    """What failed of these units, as whoever delivers them again reads it."""
    wanted = [(shard_of(name_of(one.key or "")), one.origin) for one in units]
    return stand.ledger.failures("c-1", wanted)


MEMBERSHIPS = (Membership(A, REALIZED, NOW), Membership(B, REALIZED, NOW))


def test_a_failure_that_succeeds_when_it_is_redriven_was_none(stand: Stand) -> None:
    one = unit(KEYS[0], 0, memberships=MEMBERSHIPS, unscheduled=(Membership(C, REALIZED, NOW),), dropped=("company",))
    stand.record(failed(one))
    assert stand.counts == Counter(received=1, failed=1, warnings=1)
    before = known(stand, one)
    better = replace(one, dropped=())
    accounts = stand.record(settled(CREATED, better), failures=before)
    tally = stand.run().tally
    assert tally.counts == Counter(received=1, activated=1, created=1, new=1)
    assert (dict(tally.reasons), dict(tally.examples), dict(tally.dropped)) == ({}, {}, {})
    assert {name: one.counts for name, one in tally.audiences.items()} == {
        A: Counter(received=1, activated=1),
        B: Counter(received=1, activated=1),
        C: Counter(received=1, excluded=1),
    }
    assert tally.audiences[C].reasons == {OUTSIDE_SCHEDULE: 1}
    assert stand.failures == []
    assert sum((one.counts["failed"] for one in accounts.tallies), 0) == -1
    assert stand.messages[-1].is_done


def test_a_failure_that_fails_again_is_the_one_that_it_is_by_now(stand: Stand) -> None:
    one = unit(KEYS[0], 0, memberships=MEMBERSHIPS)
    stand.record(failed(one))
    other = rejected("1003")
    stand.record(failed(one, reason=other), failures=known(stand, one))
    tally = stand.run().tally
    assert (tally.counts, tally.reasons) == (Counter(received=1, failed=1), {other: 1})
    assert {name: one.reasons for name, one in tally.audiences.items()} == {A: {other: 1}, B: {other: 1}}
    assert stand.failures == [Failure(other, {A: other, B: other})]
    stand.record(settled(UPDATED, one), failures=known(stand, one))
    assert stand.run().tally.counts == Counter(received=1, activated=1, updated=1)


def test_an_audience_that_was_activated_when_another_failed_stays_so(stand: Stand) -> None:
    one = unit(KEYS[0], 0, memberships=MEMBERSHIPS)
    stand.record(failed(one, audiences={A: None, B: REFUSED}))
    for outcome in (
        Outcome(REFUSED, audiences={A: ALREADY_DELIVERED, B: REFUSED}),
        Outcome(audiences={A: ALREADY_DELIVERED, B: None}),
    ):
        assert stand.failures == [Failure(REFUSED, {A: None, B: REFUSED})]
        stand.record(settled(outcome, one), failures=known(stand, one))
    audiences = {name: counters.counts for name, counters in stand.run().tally.audiences.items()}
    assert audiences == {A: Counter(received=1, activated=1), B: Counter(received=1, activated=1)}
    assert stand.counts == Counter(received=1, activated=1)


def test_a_failure_that_was_overtaken_when_it_is_redriven_is_unchanged(stand: Stand) -> None:
    old, new = unit(KEYS[0], 0), unit(KEYS[0], 0, "e-2")
    stand.record(failed(old))
    stand.record(settled(UPDATED, old, new, superseded=[old]), failures=known(stand, old))
    assert stand.counts == Counter(received=2, unchanged=1, activated=1, updated=1)
    assert stand.failures == []


def test_a_failure_that_does_not_concern_the_connection_any_more_is_ignored(stand: Stand) -> None:
    one, other = unit(KEYS[0], 0), unit(None, 1)
    stand.record(failed(one), failed(other))
    message = stand.message(["0", "1"])
    message.ignored.append(other.origin)
    shards = {(shard_of(name_of(KEYS[0])), one.origin), (shard_of_envelope("e-1"), other.origin)}
    stand.accounts().record([], 0, MAPPER, ignored=[one], failures=stand.ledger.failures("c-1", shards))
    assert stand.counts == Counter(ignored=2)
    assert (stand.failures, stand.run().tally.audiences) == ([], {})
    assert message.is_done


def test_a_redrive_of_which_the_answer_was_lost_counts_once(stand: Stand) -> None:
    one = unit(KEYS[0], 0)
    stand.record(failed(one))
    ledger = Watched(stand.ledger, after=times(1, REFUSAL))
    stand.record(settled(CREATED, one), failures=known(stand, one), ledger=ledger)
    assert stand.counts == Counter(received=1, activated=1, created=1, new=1)


def test_one_after_another_if_so_wanted(stand: Stand) -> None:
    order: list[int] = []
    ledger = Watched(stand.ledger, before=lambda entry: order.append(entry.shard))
    people = [settled(CREATED, unit(of_shard(shard)[0], shard)) for shard in (5, 2, 7)]
    stand.message(["5", "2", "7"])
    stand.accounts(ledger, at_once=1).record([replace(one) for one in people], 0, MAPPER)
    assert order == [5, 2, 7]
