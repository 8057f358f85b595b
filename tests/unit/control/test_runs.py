"""The history of a connection: runs by their hours, a page at a time."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from destination.control import runs
from destination.control.runs import ReadRuns, RunQuery, RunsPage
from destination.domain.audience import AudienceKey, activation_id
from destination.domain.outcome import ALREADY_DELIVERED, PERSON_NOT_FOUND, Reason, rejected
from destination.domain.problem import ConfigurationError
from destination.domain.run import Run, Tally, hour_of, run_id
from destination.domain.shard import SHARDS
from destination.store.connections import Connections
from destination.store.cursors import InvalidCursorError
from destination.store.errors import NotFoundError
from destination.store.parking import Parking
from destination.store.removed import RemovedConnections
from destination.store.runs import Runs
from destination.store.verifications import Verifications
from testing.aws import TABLES, bucket
from testing.world import audience, connection, name_of

NOW = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
A, B = audience("a"), audience("b")
HOURS = tuple(f"2026-11-21T{hour:02}:00Z" for hour in range(4))
ALL_DAY = RunQuery(NOW.replace(hour=0), NOW)


@pytest.fixture
def past() -> Iterator[ReadRuns]:
    with mock_aws():
        dynamodb, s3 = boto3.client("dynamodb"), boto3.client("s3")
        for name in ("ConnectionsTable", "RunsTable"):
            dynamodb.create_table(**TABLES[name])
        connections = Connections(dynamodb, "ConnectionsTable")
        for connection_id in ("c-1", "c-2"):
            connections.create(connection(id=connection_id), "0f")
        removed = RemovedConnections(dynamodb, "RunsTable")
        parking, verifications = Parking(s3, bucket(s3)), Verifications(dynamodb, "RunsTable")
        yield ReadRuns(connections, removed, Runs(dynamodb, "RunsTable"), parking, verifications, clock=lambda: NOW)


def put(past: ReadRuns, *runs: Run) -> None:
    for run in runs:
        boto3.client("dynamodb").transact_write_items(TransactItems=[past.runs.put(run, hour_of(run.id))])


def run_of(hour: str, reason: Reason | None, *audiences: AudienceKey) -> Run:
    """A run of one person that was in these audiences."""
    tally = Tally()
    for counters in (tally, *(tally.audiences[one] for one in audiences)):
        counters.count(reason, "ada", name_of)
    return Run("c-1", hour, tally=tally)


def ids(page: RunsPage) -> list[str]:
    return [run.id for run in page.runs]


def pages(past: ReadRuns, wanted: RunQuery) -> Iterator[RunsPage]:
    while True:
        page = past.page("c-1", wanted)
        yield page
        if page.cursor is None:
            return
        wanted = replace(wanted, cursor=page.cursor)


@pytest.mark.parametrize(
    ("first", "last", "hours"),
    [
        (None, None, ["2026-11-20T10:00Z", "2026-11-21T10:00Z"]),
        (NOW, NOW, ["2026-11-21T10:00Z"]),
        (datetime(2026, 11, 20, 9, 59, tzinfo=UTC), None, ["2026-11-20T09:00Z", "2026-11-20T10:00Z"]),
        (None, datetime(2026, 11, 20, 9, 0, tzinfo=UTC), ["2026-11-20T09:00Z"]),
        (NOW - timedelta(days=90), NOW, ["2026-11-20T09:00Z", "2026-11-20T10:00Z", "2026-11-21T10:00Z"]),
    ],
)
def test_runs_are_read_by_their_hours(
    past: ReadRuns, first: datetime | None, last: datetime | None, hours: list[str]
) -> None:
    put(past, *(Run("c-1", hour) for hour in ("2026-11-21T10:00Z", "2026-11-20T10:00Z", "2026-11-20T09:00Z")))
    put(past, Run("c-2", "2026-11-21T10:00Z"))
    page = past.page("c-1", RunQuery(first, last))
    assert (ids(page), page.cursor) == (hours, None)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (NOW - timedelta(days=90, seconds=1), NOW),
        (NOW, NOW - timedelta(hours=1)),
        (datetime.max.replace(tzinfo=UTC), None),
        (None, datetime.min.replace(tzinfo=UTC)),
    ],
)
def test_a_period_has_an_order_and_an_end(past: ReadRuns, first: datetime | None, last: datetime | None) -> None:
    with pytest.raises(ConfigurationError, match="from: must be"):
        past.page("c-1", RunQuery(first, last))


@pytest.mark.parametrize(("limit", "sizes"), [(1, [1, 1, 1, 1]), (3, [3, 1]), (4, [4]), (200, [4])])
def test_pages_follow_each_other(past: ReadRuns, limit: int, sizes: list[int]) -> None:
    put(past, *(Run("c-1", hour) for hour in HOURS))
    read = list(pages(past, replace(ALL_DAY, limit=limit)))
    assert [len(page.runs) for page in read] == sizes
    assert [hour for page in read for hour in ids(page)] == list(HOURS)


@pytest.mark.parametrize("cursor", ["", "next", "2026-11-21", "2026-11-21T10:30Z"])
def test_a_cursor_comes_from_a_page(past: ReadRuns, cursor: str) -> None:
    with pytest.raises(InvalidCursorError):
        past.page("c-1", RunQuery(cursor=cursor))


def test_a_cursor_beyond_the_period_finds_nothing(past: ReadRuns) -> None:
    put(past, Run("c-1", HOURS[3]))
    assert ids(past.page("c-1", RunQuery(NOW.replace(hour=0), NOW.replace(hour=2), cursor=HOURS[3]))) == []


@pytest.mark.parametrize(
    ("wanted", "hours"),
    [
        (ALL_DAY, HOURS),
        (replace(ALL_DAY, failures_only=True), HOURS[2:3]),
        (replace(ALL_DAY, with_excluded=True), HOURS[1:2]),
        (replace(ALL_DAY, failures_only=True, with_excluded=True), HOURS[1:3]),
        (replace(ALL_DAY, activation_id=activation_id(A)), (HOURS[0], HOURS[2])),
        (replace(ALL_DAY, activation_id=activation_id(B), failures_only=True), HOURS[2:3]),
        (replace(ALL_DAY, activation_id=activation_id(B), with_excluded=True), ()),
        (replace(ALL_DAY, activation_id=activation_id(AudienceKey("crm", "a"))), ()),
    ],
)
@pytest.mark.parametrize("limit", [1, 100])
def test_runs_can_be_chosen(past: ReadRuns, wanted: RunQuery, hours: tuple[str, ...], limit: int) -> None:
    put(
        past,
        run_of(HOURS[0], None, A),
        run_of(HOURS[1], PERSON_NOT_FOUND),
        run_of(HOURS[2], rejected("1003"), A, B),
        run_of(HOURS[3], ALREADY_DELIVERED, B),
    )
    read = list(pages(past, replace(wanted, limit=limit)))
    assert [hour for page in read for hour in ids(page)] == list(hours)


def test_a_run_is_shown_for_one_audience(past: ReadRuns) -> None:
    whole = run_of(HOURS[0], rejected("1003"), A)
    whole.tally.count(PERSON_NOT_FOUND, "bob", name_of)
    whole.tally.counts["marketo_calls"] = 7
    put(past, whole)
    (only,) = past.run("c-1", HOURS[0], activation_id(A)).runs
    assert only.tally.counts == {"received": 1, "failed": 1}
    assert only.tally.reasons == {rejected("1003"): 1}
    assert only.tally.examples == {rejected("1003"): name_of("ada")}
    assert list(only.tally.audiences) == [A]
    with pytest.raises(NotFoundError, match="named this audience"):
        past.run("c-1", HOURS[0], activation_id(B))


def test_no_page_reads_or_tells_more_than_an_answer_holds(past: ReadRuns, monkeypatch: pytest.MonkeyPatch) -> None:
    put(past, *(run_of(hour, rejected("1003"), A, B) for hour in HOURS))
    monkeypatch.setattr(runs, "MAX_LINES", 11)  # of 5 in each run
    assert [ids(page) for page in pages(past, ALL_DAY)] == [list(HOURS[:2]), list(HOURS[2:])]
    monkeypatch.setattr(runs, "MAX_LINES", 1)
    assert [ids(page) for page in pages(past, ALL_DAY)] == [[hour] for hour in HOURS]
    monkeypatch.setattr(runs, "MAX_READ", 3)
    assert [ids(page) for page in pages(past, replace(ALL_DAY, with_excluded=True))] == [[], []]


@pytest.mark.parametrize(("most", "read"), [(4, 4), (5, 2), (9, 2), (10, 2), (14, 2), (15, 1)])
def test_what_is_read_for_a_page_is_bounded_by_lines_too(
    past: ReadRuns, monkeypatch: pytest.MonkeyPatch, most: int, read: int
) -> None:
    put(past, *(run_of(hour, rejected("1003"), A, B) for hour in HOURS))  # 5 lines each
    monkeypatch.setattr(runs, "MAX_LINES_READ", most)
    assert len(list(pages(past, replace(ALL_DAY, with_excluded=True)))) == read
    assert [hour for page in pages(past, ALL_DAY) for hour in ids(page)] == list(HOURS)


@pytest.mark.parametrize(("limit", "sizes"), [(32, [32, 4]), (200, [36])])
def test_a_page_has_as_many_runs_as_are_asked_for_whatever_their_parts(
    past: ReadRuns, monkeypatch: pytest.MonkeyPatch, limit: int, sizes: list[int]
) -> None:
    """Ninety days of hours that all shards counted in, where DynamoDB's pages end between the parts of an hour."""
    hours = [run_id(NOW - timedelta(hours=60 * back)) for back in range(36, 0, -1)]
    parts = [replace(run_of(hour, rejected("1003"), A), shard=shard) for hour in hours for shard in range(SHARDS)]
    dynamodb = boto3.client("dynamodb")
    for start in range(0, len(parts), 25):
        items = [past.runs.put(one, hour_of(one.id))["Put"]["Item"] for one in parts[start : start + 25]]
        dynamodb.batch_write_item(RequestItems={"RunsTable": [{"PutRequest": {"Item": one}} for one in items]})
    query = "provide-client-params.dynamodb.Query"
    dynamodb.meta.events.register(query, lambda params, **_: params.update(Limit=50))
    past = replace(past, runs=Runs(dynamodb, "RunsTable"))
    ninety_days = RunQuery(NOW - timedelta(days=90), NOW, limit=limit)
    read = list(pages(past, ninety_days))
    assert [len(page.runs) for page in read] == sizes
    assert [hour for page in read for hour in ids(page)] == hours
    assert {run.tally.counts["received"] for page in read for run in page.runs} == {SHARDS}
    monkeypatch.setattr(runs, "MAX_READ", 20)  # runs, not parts
    assert [ids(page) for page in pages(past, replace(ninety_days, with_excluded=True))] == [[], []]


def test_a_month_of_runs_is_read_in_order(past: ReadRuns) -> None:
    hours = [run_id(NOW - timedelta(hours=back)) for back in range(200, 0, -1)]
    put(past, *(Run("c-1", hour) for hour in hours))
    read = list(pages(past, RunQuery(NOW - timedelta(days=30), NOW, limit=64)))
    assert [hour for page in read for hour in ids(page)] == hours


def test_a_run_that_is_not_there_is_not_found(past: ReadRuns) -> None:
    put(past, Run("c-1", "2026-11-21T10:00Z"))
    assert ids(past.run("c-1", "2026-11-21T10:00Z")) == ["2026-11-21T10:00Z"]
    for hour in ("2026-11-21T11:00Z", "now"):
        with pytest.raises(NotFoundError, match=hour):
            past.run("c-1", hour)


def test_what_is_no_run_is_not_found(past: ReadRuns) -> None:
    with pytest.raises(NotFoundError):
        past.page("nobody", ALL_DAY)
    with pytest.raises(NotFoundError):
        past.run("nobody", HOURS[0])
