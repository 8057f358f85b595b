"""Runs in their table."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.audience_rules import MAX_ACTIVATIONS, MAX_AUDIENCE_BYTES
from destination.domain.failure import Failure
from destination.domain.latency import Latency
from destination.domain.outcome import (
    ALREADY_DELIVERED,
    MISSING_DEDUPE_VALUE,
    OTHER,
    Class,
    Reason,
    rejected,
)
from destination.domain.run import MAX_REASONS, Counters, Run, Tally, hour_of, total_of
from destination.domain.schema import AttributeWarning
from destination.domain.shard import SHARDS
from destination.store.runs import Runs
from testing.aws import Aws, aws


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack:
        yield stack


def put(stack: Aws, *runs: Run) -> None:
    store = Runs(stack.dynamodb, "RunsTable")
    stack.dynamodb.transact_write_items(TransactItems=[store.put(run, hour_of(run.id)) for run in runs])


def tally() -> Tally:
    full = Tally(
        Counter(received=9, activated=3, unchanged=3, excluded=1, failed=2, created=3, marketo_calls=4),
        Counter({rejected("1006"): 2, MISSING_DEDUPE_VALUE: 1, ALREADY_DELIVERED: 3}),
        {rejected("1006"): "5f0c", ALREADY_DELIVERED: "93ab"},
        dropped=Counter(company=3, leadScore=1),
        warned=Counter({AttributeWarning("unsubscribed", "OPT_IN_KEPT"): 3}),
        latency=Latency.of({900: 1, 21_000: 1, 3_600_000: 1}),
        first_at=datetime(2026, 11, 21, 10, 0, 21, 500_000, UTC),
        last_at=datetime(2026, 11, 21, 11, 0, tzinfo=UTC),
    )
    full.audiences[AudienceKey("ups", "a#1")] = Counters(
        Counter(received=6, activated=3, unchanged=1, failed=2),
        Counter({ALREADY_DELIVERED: 1, rejected("1006"): 2}),
        {rejected("1006"): "07de"},
    )
    full.audiences[AudienceKey("crm", "a#1")] = Counters(
        Counter(received=1, failed=1), Counter({rejected("1003"): 1}), {rejected("1003"): "5f0c"}
    )
    return full


def test_a_run_reads_as_it_was_written(stack: Aws) -> None:
    run = Run("c-1", "2026-11-21T10:00Z", 0, tally())
    put(stack, run)
    found = Runs(stack.dynamodb, "RunsTable").get("c-1", "2026-11-21T10:00Z")
    assert found == Run("c-1", "2026-11-21T10:00Z", 1, tally())


def test_a_run_of_an_older_release_reads_on_and_goes_on(stack: Aws) -> None:
    counts = {"received": {"N": "4"}, "activated": {"N": "1"}, "excluded": {"N": "3"}}
    reason = {"code": {"S": "MISSING_DEDUPE_VALUE"}, "class": {"S": "excluded"}, "count": {"N": "3"}}
    audience = {"namespace": {"S": "ups"}, "id": {"S": "a"}, "counts": {"M": counts}}
    stack.dynamodb.put_item(
        TableName="RunsTable",
        Item={
            "connection_id": {"S": "c-1"},
            "id": {"S": "2026-11-21T10:00Z"},
            "version": {"N": "7"},
            "counts": {"M": counts},
            "reasons": {"L": [{"M": reason}]},
            "audiences": {"L": [{"M": audience}]},
            "expires_at": {"N": "1803031200"},
        },
    )
    runs = Runs(stack.dynamodb, "RunsTable")
    old = runs.get("c-1", "2026-11-21T10:00Z")
    assert old is not None
    of_audience = old.tally.audiences[AudienceKey("ups", "a")]
    assert (old.version, old.tally.reasons, old.tally.last_at) == (7, {MISSING_DEDUPE_VALUE: 3}, None)
    assert of_audience.counts == old.tally.counts == Counter(received=4, activated=1, excluded=3)
    assert of_audience.reasons == {Reason(Class.EXCLUDED, OTHER): 3}

    put(stack, Run("c-1", "2026-11-21T10:00Z", 0, tally(), shard=3))
    found = runs.get("c-1", "2026-11-21T10:00Z")
    assert found is not None
    assert found.parts == {"2026-11-21T10:00Z": 7, "2026-11-21T10:00Z#3": 1}
    assert [one.version for one in runs.between("c-1", found.id, found.id)] == [8]
    assert (found.version, found.tally.counts["received"], found.tally.reasons[MISSING_DEDUPE_VALUE]) == (8, 13, 4)
    assert found.tally.latency == tally().latency


def test_the_greatest_run_fits_into_an_item(stack: Aws) -> None:
    """As many audiences as a connection can have, with 200 bytes of name each, and more reasons than are kept."""
    millions = 5_400_000  # persons that Marketo's limits let through in an hour
    name = "東京の聴衆👍" * 6 + "n" * 15
    audiences = [AudienceKey("n" * 64, f"{number:07}{name}") for number in range(MAX_ACTIVATIONS)]
    assert {sum(len(text.encode()) for text in one) for one in audiences} == {MAX_AUDIENCE_BYTES // MAX_ACTIVATIONS}
    run = Run("c-1", "2026-11-21T10:00Z")
    for code in range(60):
        part = Tally(
            dropped=Counter({f"{code:0255}": millions}),
            warned=Counter({AttributeWarning(f"{code:0255}", "OPT_IN_KEPT"): millions}),
            latency=Latency.of({2**code % 10**9: millions}),
        )
        for outcome in (Class.UNCHANGED, Class.EXCLUDED, Class.FAILED):
            reason = Reason(outcome, f"MARKETO_{code:05}")
            for one in (part, *(part.audiences[audience] for audience in audiences)):
                one.count(reason, "ada", lambda _: "0123456789abcdef")
                one.reasons[reason] = millions
        run = replace(run, tally=run.tally.plus(part))
    put(stack, run)
    (item,) = stack.dynamodb.scan(TableName="RunsTable")["Items"]
    assert 300_000 < _size(item) < 400 * 1024
    kept = run.tally
    for counters in (kept, *kept.audiences.values()):
        by_class: Counter[str] = Counter()
        for reason, count in counters.reasons.items():
            by_class[reason.outcome] += count
        assert by_class == dict.fromkeys(("unchanged", "excluded", "failed"), 60 * millions)
    assert max(kept.dropped.values()) == kept.dropped[OTHER] == 10 * millions


def _size(item: Mapping[str, Any]) -> int:
    """Of an item, as DynamoDB reckons it (Developer Guide, "DynamoDB item sizes and formats"), and a little more."""
    return len(json.dumps(item, ensure_ascii=False).encode())


def test_the_parts_of_an_hour_read_as_one_run(stack: Aws) -> None:
    hours = ["2026-11-21T09:00Z", "2026-11-21T10:00Z", "2026-11-21T11:00Z"]
    versions = {shard: shard + 1 for shard in range(SHARDS)}
    put(stack, *(Run("c-1", hour, versions[shard] - 1, tally(), shard) for hour in hours for shard in range(SHARDS)))
    runs = Runs(stack.dynamodb, "RunsTable")
    found = runs.get("c-1", hours[1])
    assert found is not None
    assert (found.id, found.version) == (hours[1], sum(versions.values()))
    assert found.parts == {f"{hours[1]}#{shard}": version for shard, version in versions.items()}
    assert found.tally == total_of(Run("c-1", hours[1], tally=tally()) for _ in range(SHARDS))
    assert [run.id for run in runs.between("c-1", hours[0], hours[1])] == hours[:2]
    assert [run.tally.counts["received"] for run in runs.between("c-1", hours[0], hours[2])] == [9 * SHARDS] * 3
    assert runs.part("c-1", hours[1], 3) == Run("c-1", hours[1], 4, tally(), 3)
    assert runs.part("c-1", hours[1], 3).shard == 3
    assert runs.part("c-2", hours[1], 3) == Run("c-2", hours[1], shard=3)


def test_a_run_of_all_shards_is_bounded_as_one_is(stack: Aws) -> None:
    for shard in range(SHARDS):
        part = Run("c-1", "2026-11-21T10:00Z", shard=shard)
        for code in range(MAX_REASONS):
            part.tally.count(rejected(f"{shard}{code:03}"), "ada", lambda key: key)
        put(stack, part)
    found = Runs(stack.dynamodb, "RunsTable").get("c-1", "2026-11-21T10:00Z")
    assert found is not None
    assert len(found.tally.reasons) == MAX_REASONS + 1
    assert found.tally.reasons[Reason(Class.FAILED, OTHER)] == (SHARDS - 1) * MAX_REASONS


def test_what_was_taken_back_elsewhere_is_stored_below_zero(stack: Aws) -> None:
    taken = Failure(rejected("1006"), {AudienceKey("ups", "a#1"): rejected("1006")}, ("company",)).taken_back()
    put(stack, Run("c-1", "2026-11-21T10:00Z", 0, taken, 1))
    runs = Runs(stack.dynamodb, "RunsTable")
    assert runs.part("c-1", "2026-11-21T10:00Z", 1).tally == taken
    put(stack, Run("c-1", "2026-11-21T10:00Z", 0, tally(), 2))
    found = runs.get("c-1", "2026-11-21T10:00Z")
    assert found is not None
    assert (found.tally.counts["failed"], found.tally.reasons[rejected("1006")]) == (1, 1)
    assert found.tally.audiences[AudienceKey("ups", "a#1")].counts["failed"] == 1
    assert found.tally.dropped["company"] == 2


def test_the_last_event_is_of_the_last_hour_in_which_a_shard_received_something(stack: Aws) -> None:
    nothing, something = Tally(Counter(marketo_calls=1)), Tally(Counter(ignored=1))
    now = datetime(2026, 11, 21, 12, 30, tzinfo=UTC)
    put(
        stack,
        Run("c-1", "2026-11-21T08:00Z", 0, tally(), 7),
        Run("c-1", "2026-11-21T10:00Z", 0, something, 2),
        Run("c-1", "2026-11-21T10:00Z", 0, nothing, 3),
        Run("c-1", "2026-11-21T11:00Z", 0, nothing, 0),
        Run("c-2", "2026-11-21T12:00Z", 0, tally(), 7),
    )
    runs = Runs(stack.dynamodb, "RunsTable")
    assert runs.last_event_at("c-1", now) == datetime(2026, 11, 21, 11, tzinfo=UTC)
    assert runs.last_event_at("c-2", now) == datetime(2026, 11, 21, 12, tzinfo=UTC)  # Recorded by a clock that is late.
    assert runs.last_event_at("c-3", now) is None


def test_runs_between_two_hours_come_oldest_first_both_included(stack: Aws) -> None:
    hours = [f"2026-11-{day}T{hour:02}:00Z" for day in (20, 21) for hour in (9, 10, 23)]
    put(stack, *(Run("c-1", hour) for hour in reversed(hours)), Run("c-2", "2026-11-21T09:00Z"))
    runs = Runs(stack.dynamodb, "RunsTable")
    assert [run.id for run in runs.between("c-1", hours[1], hours[4])] == hours[1:5]
    assert list(runs.between("c-3", hours[0], hours[5])) == []
    assert list(runs.between("c-1", hours[4], hours[1])) == []


def test_a_run_is_kept_ninety_days(stack: Aws) -> None:
    put(stack, Run("c-1", "2026-11-21T10:00Z"))
    (item,) = stack.dynamodb.scan(TableName="RunsTable")["Items"]
    expires = datetime.fromtimestamp(int(item["expires_at"]["N"]), UTC)
    assert expires == datetime(2027, 2, 19, 10, tzinfo=UTC)
