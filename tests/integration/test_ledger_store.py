"""What the ledger leaves in its table, and its patience with it; what it does is in tests/contract/stores."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.exceptions import ClientError

from destination.domain.audience import AudienceKey
from destination.domain.audience_rules import MAX_ACTIVATIONS
from destination.domain.event import MembershipStatus
from destination.domain.failure import Failure
from destination.domain.outcome import MISSING_DEDUPE_VALUE, rejected
from destination.domain.person import Applied, Attributes, ConsentWord, Desired, LedgerRow, Origin, Said
from destination.domain.run import Run, Tally
from destination.domain.schema import AttributeWarning
from destination.domain.shard import SHARDS, name_of, shard_of
from destination.domain.times import EPOCH
from destination.store import rows
from destination.store.cursors import InvalidCursorError, cursor_of
from destination.store.leases import Lease, LeaseLostError, Leases
from destination.store.ledger import PARTITION_BYTES, Entry, Ledger, StaleRunError, entries_of, failure_bytes
from destination.store.runs import Runs, bytes_of
from testing.aws import Aws, aws
from testing.dynamodb_limits import item_bytes
from testing.template import ROOT

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
UNTIL = NOW + timedelta(minutes=6)
HOUR = "2026-11-21T10:00Z"
SAID = Said(NOW, NOW + timedelta(microseconds=1))
A, B = AudienceKey("ups", "a#1"), AudienceKey("crm", "ü")
ADA, BOB, CARL = (name_of(f"{name}@example.org") for name in ("ada", "bob", "carl"))
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
ROW = LedgerRow(
    desired={A: Desired(REALIZED, SAID), B: Desired(EXITED, SAID)},
    applied={A: Applied(1001, (7,))},
    attributes=Attributes("0f" * 32, SAID, NOW, 7),
    lead_id=7,
    looked_up_at=NOW,
)
ORIGIN = Origin("e-1", "0", HOUR)
WARNED = (AttributeWarning("unsubscribed", "OPT_IN_KEPT"),)
FAILURE = Failure(rejected("1006"), {A: rejected("1006"), B: None}, ("company",), warned=WARNED)
RECEIPT = {"evt-1": NOW}
KNOWN = dict.fromkeys((A, B), EPOCH)
AUDIENCES = [AudienceKey("ups", f"{number:036}") for number in range(MAX_ACTIVATIONS)]
"""As many as a connection can have, with ids as long as Experience Platform's."""

GREAT = LedgerRow(
    desired={audience: Desired(REALIZED, SAID) for audience in AUDIENCES},
    applied={audience: Applied(2**32 - 1, (2**32 - 1,)) for audience in AUDIENCES},
    attributes=Attributes("f" * 64, SAID, NOW, 2**32 - 1),
    consent=ConsentWord(is_given=True, said=SAID),
    lead_id=2**32 - 1,
    looked_up_at=NOW,
)


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack:
        yield stack


@pytest.fixture
def leases(stack: Aws) -> Leases:
    return Leases(stack.dynamodb, "ConnectionsTable")


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def ledger(stack: Aws, leases: Leases, pauses: list[float]) -> Ledger:
    runs = Runs(stack.dynamodb, "RunsTable")
    return Ledger(stack.dynamodb, "LedgerTable", leases=leases, runs=runs, sleep=pauses.append)


@pytest.fixture
def lease(leases: Leases) -> Lease:
    held = leases.acquire("123-ABC-456", NOW, UNTIL)
    assert held is not None
    leases.enter(held, range(SHARDS))
    return held


def run(received: int, version: int = 0) -> Run:
    tally = Tally(Counter(received=received), Counter({MISSING_DEDUPE_VALUE: received}))
    return Run("c-1", HOUR, version, tally, shard_of(ADA))


def full(received: int = 1) -> Entry:
    """With one of all that there is."""
    return Entry(shard_of(ADA), {ADA: ROW}, {"e-1": frozenset({"0"})}, {ORIGIN: FAILURE}, RECEIPT, runs=[run(received)])


def stored(stack: Aws) -> dict[str, dict[str, Any]]:
    """The items of the ledger's table, by the kind in their sort keys."""
    items = stack.dynamodb.scan(TableName="LedgerTable")["Items"]
    return {item["sk"]["S"].partition("#")[0]: dict(item) for item in items}


@contextmanager
def busy(stack: Aws, times: int, *codes: str) -> Iterator[list[object]]:
    """Transactions are cancelled so often, for these reasons; gives those that were tried."""
    left = iter(range(times))
    tried: list[object] = []

    def cancel(**call: object) -> Any:
        tried.append(call)
        if next(left, None) is None:
            return None
        error = {"Code": "TransactionCanceledException", "Message": "cancelled"}
        reasons = [{"Code": code} for code in codes]
        return AWSResponse("", 400, HTTPHeaders(), None), {"Error": error, "CancellationReasons": reasons}

    stack.dynamodb.meta.events.register("before-call.dynamodb.TransactWriteItems", cancel)
    try:
        yield tried
    finally:
        stack.dynamodb.meta.events.unregister("before-call.dynamodb.TransactWriteItems", cancel)


@contextmanager
def reluctant(stack: Aws) -> Iterator[None]:
    """Of all that is read at once one item is answered, as DynamoDB does where its table is busy."""

    def leave_all_but_one(parsed: dict[str, Any], **_: object) -> None:
        found = parsed["Responses"]["LedgerTable"]
        left = [{name: item[name] for name in ("pk", "sk")} for item in found[1:]]
        parsed["Responses"]["LedgerTable"] = found[:1]
        parsed["UnprocessedKeys"] = {"LedgerTable": {"Keys": left, "ConsistentRead": True}} if left else {}

    stack.dynamodb.meta.events.register("after-call.dynamodb.BatchGetItem", leave_all_but_one)
    try:
        yield
    finally:
        stack.dynamodb.meta.events.unregister("after-call.dynamodb.BatchGetItem", leave_all_but_one)


def by_rows(ledger: Ledger) -> int:
    return len(ledger.rows_by_name("c-1", [ADA, BOB, CARL], KNOWN))


def by_marks(ledger: Ledger) -> int:
    return len(ledger.counted("c-1", {(shard_of(ADA), f"e-{number}") for number in range(3)}))


def by_failures(ledger: Ledger) -> int:
    return len(ledger.failures("c-1", {(shard_of(ADA), Origin("e-1", str(number), HOUR)) for number in range(3)}))


def by_receipts(ledger: Ledger) -> int:
    return len(ledger.receipts("c-1", {(shard_of(ADA), f"evt-{number}") for number in range(3)}))


@pytest.mark.parametrize("reading", [by_rows, by_marks, by_failures, by_receipts])
def test_what_the_table_left_unread_is_read_after_a_pause(
    stack: Aws, ledger: Ledger, lease: Lease, pauses: list[float], reading: Callable[[Ledger], int]
) -> None:
    for entry in entries_of({name: replace(ROW, lead_id=1) for name in (ADA, BOB, CARL)}):
        ledger.record("c-1", entry, lease, NOW)
    three = Entry(
        shard_of(ADA),
        counted={f"e-{number}": frozenset({"0"}) for number in range(3)},
        failures={Origin("e-1", str(number), HOUR): FAILURE for number in range(3)},
        receipts={f"evt-{number}": NOW for number in range(3)},
    )
    ledger.record("c-1", three, lease, NOW)
    with reluctant(stack):
        assert reading(ledger) == 3
    assert len(pauses) == 2
    assert 0 < pauses[0] < pauses[1]


def test_the_table_holds_no_profile_data_and_forgets_what_does_not_last(
    stack: Aws, ledger: Ledger, lease: Lease
) -> None:
    ledger.record("c-1", full(), lease, NOW)
    items = stored(stack)
    assert items.keys() == {"person", "envelope", "letter", "event"}
    assert not any(hidden in json.dumps(items, default=str) for hidden in ("ada", "evt-1"))
    in_90_days, in_14_days = (str(int((NOW + timedelta(days=days)).timestamp())) for days in (90, 14))
    expiries = {kind: item["expires_at"]["N"] for kind, item in items.items() if "expires_at" in item}
    assert expiries == {"envelope": in_90_days, "letter": in_90_days, "event": in_14_days}


@pytest.mark.parametrize(
    ("row", "lasts"),
    [
        (LedgerRow(), False),
        (LedgerRow({A: Desired(EXITED, SAID)}, {A: Applied(1001, ())}, lead_id=7, looked_up_at=NOW), False),
        (LedgerRow(consent=ConsentWord(is_given=True, said=SAID)), False),
        (LedgerRow(consent=ConsentWord(is_given=False, said=SAID)), True),
        (LedgerRow({A: Desired(REALIZED, SAID)}), True),
        (LedgerRow(applied={A: Applied(1001, (7,))}), True),
        (LedgerRow(applied={A: Applied(1001, (), is_sure=False)}), True),
    ],
)
def test_a_row_expires_unless_it_lasts(
    stack: Aws, ledger: Ledger, lease: Lease, row: LedgerRow, *, lasts: bool
) -> None:
    for before in (LedgerRow(), ROW):
        for written in (before, row):
            ledger.record("c-1", Entry(shard_of(ADA), {ADA: written}), lease, NOW)
        in_90_days = {"N": str(int((NOW + timedelta(days=90)).timestamp()))}
        assert stored(stack)["person"].get("expires_at") == (None if lasts else in_90_days)


def test_somebody_in_as_many_audiences_as_there_can_be_takes_31_bytes_for_each(
    stack: Aws, ledger: Ledger, lease: Lease
) -> None:
    ledger.record("c-1", Entry(shard_of(ADA), {ADA: GREAT}), lease, NOW)
    item = stored(stack)["person"]
    assert len(item["memberships"]["B"]) == 31 * len(AUDIENCES) == 31_000
    assert item_bytes(item) < 32_000
    assert ledger.rows_by_name("c-1", [ADA], dict.fromkeys(AUDIENCES, EPOCH)) == {ADA: GREAT}


@pytest.mark.parametrize(
    "row",
    [
        LedgerRow(),
        ROW,
        GREAT,
        replace(ROW, applied={A: Applied(1001, (1, 2, 3), is_sure=False), AudienceKey("ups", "z"): Applied(1, (4, 5))}),
    ],
)
def test_what_a_row_takes_is_reckoned_from_above(stack: Aws, ledger: Ledger, lease: Lease, row: LedgerRow) -> None:
    ledger.record("c" * 64, Entry(shard_of(ADA), {ADA: row}), lease, NOW)
    assert item_bytes(stored(stack)["person"]) <= rows.bytes_of(row) < item_bytes(stored(stack)["person"]) + 600


def test_a_row_takes_as_many_units_as_the_runbook_says(stack: Aws, ledger: Ledger, lease: Lease) -> None:
    def units(audiences: int) -> int:
        keys = [AudienceKey("ups", str(number)) for number in range(audiences)]
        desired = dict.fromkeys(keys, Desired(EXITED, SAID))
        row = replace(ROW, desired=desired, applied=dict.fromkeys(keys, Applied(1001, ())))
        ledger.record("c" * 36, Entry(shard_of(ADA), {ADA: row}), lease, NOW)
        return ceil(item_bytes(stored(stack)["person"]) / 1024)

    said = r"a person in (\d+) audiences or fewer takes one, in 1,000 it takes (\d+)\."
    (numbers,) = re.findall(said, (ROOT / "docs/operations.md").read_text())
    most, of_thousand = map(int, numbers)
    assert (units(most), units(most + 1), units(1_000)) == (1, 2, of_thousand)


def test_what_else_is_written_is_reckoned_from_above(stack: Aws, ledger: Ledger, lease: Lease) -> None:
    envelope = "3f2504e0-4f89-41d3-9a0c-0305e82c3301"
    origin = Origin(envelope, "123456.7", HOUR)
    failure = Failure(
        rejected("1006"), {one: rejected("1003") for one in AUDIENCES}, ("company", "ü" * 64), warned=WARNED
    )
    part = replace(run(1), connection_id="c" * 64)
    for audience in AUDIENCES:
        part.tally.audiences[audience].count(rejected("1006"), "ada", lambda _: "0" * 16)
    one = Entry(shard_of(ADA), {}, {envelope: frozenset({"123456.7"})}, {origin: failure}, {"evt": NOW}, [part])
    ledger.record("c" * 64, one, lease, NOW)
    items = stored(stack)
    mark, letter, receipt, of_run = one.item_bytes
    assert letter == failure_bytes(failure)
    assert of_run == bytes_of(part)
    (written,) = stack.dynamodb.scan(TableName="RunsTable")["Items"]
    sizes = {"envelope": mark, "letter": letter, "event": receipt}
    assert all(item_bytes(items[kind]) <= size for kind, size in sizes.items())
    assert item_bytes(written) <= of_run


def test_a_hundred_people_in_as_many_audiences_as_there_can_be_fit_into_their_transactions(
    stack: Aws, ledger: Ledger, lease: Lease
) -> None:
    """Of one shard, and with two leads each, so that items are no bound."""
    names = [name for name in (name_of(str(number)) for number in range(1_200)) if shard_of(name) == 0][:100]
    two_leads = {audience: Applied(2**32 - 1, (1, 2)) for audience in AUDIENCES}
    row = replace(GREAT, applied=two_leads)
    entries = list(entries_of(dict.fromkeys(names, row)))
    assert sum(len(one.rows) for one in entries) == 100
    for one in entries:
        ledger.record("c-1", one, lease, NOW)
        assert one.items <= 100
        assert sum(one.item_bytes) <= PARTITION_BYTES
    assert len(entries) == 17
    assert ledger.rows_by_name("c-1", names, dict.fromkeys(AUDIENCES, EPOCH)) == dict.fromkeys(names, row)


@pytest.mark.parametrize(
    "cursor", ["", "!", cursor_of("8:"), cursor_of("-1:"), cursor_of("0"), cursor_of("a:person#0")]
)
def test_what_is_no_cursor_is_refused(ledger: Ledger, cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        ledger.pages("c-1", KNOWN, cursor)


@pytest.mark.parametrize("code", ["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_busy_table_is_waited_for(stack: Aws, ledger: Ledger, lease: Lease, pauses: list[float], code: str) -> None:
    with busy(stack, 3, "None", code):
        ledger.record("c-1", Entry(shard_of(ADA), {ADA: ROW}), lease, NOW)
    assert ledger.rows_by_name("c-1", [ADA], KNOWN) == {ADA: ROW}
    assert (len(pauses), pauses) == (3, sorted(pauses))


def test_a_table_that_stays_busy_is_an_error(stack: Aws, ledger: Ledger, lease: Lease) -> None:
    with busy(stack, 99, "None", "ThrottlingError"), pytest.raises(ClientError):
        ledger.record("c-1", Entry(shard_of(ADA), {ADA: ROW}), lease, NOW)


@pytest.mark.parametrize(
    ("codes", "error"),
    [
        (("ConditionalCheckFailed", "None"), LeaseLostError),
        (("None", "ConditionalCheckFailed"), StaleRunError),
        (("None", "ConditionalCheckFailed", "TransactionConflict"), StaleRunError),
        (("ConditionalCheckFailed", "ConditionalCheckFailed"), LeaseLostError),
        (("None", "ValidationError"), ClientError),
    ],
)
def test_a_condition_that_failed_is_not_tried_again(
    stack: Aws, ledger: Ledger, lease: Lease, pauses: list[float], codes: tuple[str, ...], error: type[Exception]
) -> None:
    with busy(stack, 1, *codes) as tried, pytest.raises(error):
        ledger.record("c-1", full(), lease, NOW)
    assert (len(tried), pauses) == (1, [])
    assert stored(stack) == {}


def test_an_entry_that_is_written_again_is_the_same_to_the_table_and_every_other_is_another(
    stack: Aws, ledger: Ledger, lease: Lease
) -> None:
    """So that one of which the answer was lost counts once: TransactWriteItems' ClientRequestToken."""
    tokens: list[str | None] = []
    noting = "provide-client-params.dynamodb.TransactWriteItems"
    stack.dynamodb.meta.events.register(noting, lambda params, **_: tokens.append(params.get("ClientRequestToken")))
    ledger.record("c-1", full(), lease, NOW)
    for again in (full(), full(2), replace(full(), runs=[run(1, version=1)])):
        with busy(stack, 1, "None", "ValidationError"), pytest.raises(ClientError):
            ledger.record("c-1", again, lease, NOW)
    ledger.record("c-1", Entry(shard_of(ADA), {ADA: ROW}), lease, NOW)
    first, same, *others, without = tokens
    assert first == same
    assert len({first, *others}) == 3
    assert all(one and len(one) <= 36 for one in (first, *others))
    assert without is None
