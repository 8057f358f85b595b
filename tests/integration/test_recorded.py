"""What earlier releases wrote is read; what a later one wrote is read as far as it is known, after a rollback to this.

The rule is docs/decisions/0030-what-releases-read.md.
"""

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from destination.domain.alert import AlertState
from destination.domain.person import LedgerRow
from destination.domain.run import Run
from destination.domain.shard import SHARDS, name_of, shard_of
from destination.queue import VERSION, Envelope, ErasureCall, UndecodableMessageError, decode
from destination.store.ledger import Entry
from testing import recorded
from testing import recorded_values as values
from testing.aws import Aws, aws
from testing.persons import MUNCHKIN, RUN, START
from testing.recorded import FOLDER, Recording, Stores, read, write
from testing.recorded_imports import IMPORT

RELEASES = sorted(FOLDER.iterdir())
TODAY = RELEASES[-1]
LATER = "later"

NUMBERS = {"counts", "audiences", "dropped", "parts", "unapplied", "left"}
"""Objects that hold numbers by names, and are no forms that a release gives them."""

BY_NAMES = {"circuits", "refusals", "sizes"}
"""Those that hold such forms by names."""

LISTS = {"codes", "audiences", "warned", "losses", "changes"}
"""Of lists of known length: what stands in them may be followed by more."""


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack:
        yield stack


@pytest.fixture(scope="module")
def expected() -> dict[str, object]:
    """What is told of what this release has just written."""
    with aws() as stack:
        write(stack)
        return read(stack)


def grown(value: Any, name: str = "") -> Any:
    """What a later release might have written in place of some JSON."""
    if isinstance(value, dict) and name in NUMBERS:
        return value
    if isinstance(value, dict):
        found = {key: grown(one, key) for key, one in value.items()}
        if name in {"refusals", "sizes"}:
            return {key: [*one, LATER] for key, one in found.items()}
        return found if name in BY_NAMES else {**found, LATER: {LATER: 1}}
    if isinstance(value, list):
        if name == "latency":
            return [*value, LATER]
        is_of_lists = name in LISTS or (name == "reasons" and value and isinstance(value[0][0], str))
        return [[*one, LATER] if is_of_lists and isinstance(one, list) else grown(one) for one in value]
    return value


def grown_value(name: str, value: dict[str, Any]) -> dict[str, Any]:
    """The same of a value of an item."""
    ((kind, held),) = value.items()
    match kind:
        case "M" if name not in NUMBERS:
            return {"M": {**{key: grown_value(key, one) for key, one in held.items()}, LATER: {"S": LATER}}}
        case "L":
            return {"L": [grown_value("", one) for one in held]}
        case "S" if held.startswith(("{", "[")):
            return {"S": json.dumps(grown(json.loads(held), name))}
        case "B" if name == "rest":
            return {"B": base64.b64encode(base64.b64decode(held) + b"later").decode()}
    return value


def grown_message(body: str) -> str:
    message = json.loads(body)
    for one in message["events"]:
        one[LATER] = {LATER: [1]}
        one["audiences"] = [[*entry, *([None] if len(entry) == 4 else []), LATER] for entry in one["audiences"]]
    if "losses" in message:
        message["losses"][LATER] = {"LATER": 5}
    return json.dumps({**message, LATER: [LATER]})


def by_a_later_release(was: Recording) -> Recording:
    """With more of everything than this release knows."""
    tables = {
        name: [{**{key: grown_value(key, one) for key, one in item.items()}, LATER: {"S": LATER}} for item in items]
        for name, items in was.tables.items()
    }
    bucket = {
        key: bodies if key.startswith("imports/") else [grown_message(body) for body in bodies]
        for key, bodies in was.bucket.items()
    }
    key = next(one for one in bucket if "-paused-" in one).replace("-paused-", "-later-")
    return Recording(
        {name: grown_message(body) for name, body in was.messages.items()},
        tables,
        {**bucket, key: ["{}"]},
        {name: {**secret, LATER: LATER} for name, secret in was.secrets.items()},
    )


def with_later_words(was: Recording) -> Recording:
    """With words in the places of which a release may come to know more."""
    tables = json.loads(json.dumps(was.tables))
    for item in list(tables["ConnectionsTable"]):
        if "alerts" in item:
            item["alerts"]["L"].append({"M": {"alert": {"S": LATER}, "threshold": {"NULL": True}}})
            item["verification"]["M"]["repair"]["L"].append({"S": LATER})
        if "action" in item:
            sk = {"S": item["sk"]["S"] + LATER}
            tables["ConnectionsTable"].append({**item, "action": {"S": LATER}, "sk": sk, "listed_as": sk})
    for item in list(tables["RunsTable"]):
        if "alert" in item:
            other = {"S": item["id"]["S"].replace(item["alert"]["S"], LATER)}
            tables["RunsTable"].append({**item, "alert": {"S": LATER}, "id": other})
        if "repair" in item:
            item["repair"]["L"].append({"S": LATER})
        if "losses" in item.get("details", {}).get("S", ""):
            details = json.loads(item["details"]["S"])
            details["losses"].append([LATER, "LATER", 1])
            item["details"]["S"] = json.dumps(details)
    return replace(was, tables=tables)


@pytest.mark.parametrize("folder", RELEASES, ids=lambda folder: folder.name)
def test_what_a_release_wrote_is_read(stack: Aws, expected: dict[str, object], folder: Path) -> None:
    Recording.load(folder).restore(stack)
    assert read(stack) == expected


def test_what_was_written_is_what_is_read(stack: Aws, expected: dict[str, object]) -> None:
    """In the places that a release writes as a whole."""
    assert expected["row"] == {values.ADA: values.ROW}
    assert expected["pause"] == values.PAUSE
    assert expected["failure"] == {values.ORIGIN: values.FAILURE}
    assert expected["checks"] == [values.CHECK]
    assert expected["bundles"] == [values.BUNDLE]
    assert expected["token"] == values.TOKEN


@pytest.mark.parametrize("folder", RELEASES, ids=lambda folder: folder.name)
@pytest.mark.parametrize("change", [by_a_later_release, with_later_words])
def test_what_a_later_release_may_add_is_left_out(
    stack: Aws, expected: dict[str, object], folder: Path, change: Any
) -> None:
    change(Recording.load(folder)).restore(stack)
    assert read(stack) == expected


def test_what_is_written_today_is_recorded() -> None:
    """`python -m testing.recorded` does it, under the version of this release."""
    assert TODAY.name == recorded.release()
    assert recorded.written() == Recording.load(TODAY)


@pytest.mark.parametrize("folder", RELEASES, ids=lambda folder: folder.name)
@pytest.mark.parametrize("is_later", [False, True])
def test_messages_of_earlier_and_of_later_releases_are_read(folder: Path, *, is_later: bool) -> None:
    was = Recording.load(folder)
    messages = {name: decode(body) for name, body in (by_a_later_release(was) if is_later else was).messages.items()}
    plain = Envelope("envelope-1", "connection-1", START, 7, (values.EVENT,), correlation_id="request-1")
    about = Envelope(values.VERIFICATION.id, "connection-1", START, 0, ())
    assert messages == {
        "events": replace(plain, losses=values.LOSSES),
        "tried before": replace(plain, attempt=2),
        "losses alone": replace(plain, events=(), first=0, losses=values.LOSSES),
        "import": replace(about, id=IMPORT.id, lead_import=IMPORT.id),
        "erasure": replace(about, id=values.ERASURE.id, erasure=values.ADA),
        "erasure call": Envelope(
            "envelope-1", "connection-1", START, 0, (), erasure_call=ErasureCall(values.ADA, "call-1")
        ),
        "verification": replace(about, verification=values.VERIFICATION.id),
        "bundle": replace(about, id=values.BUNDLE.id, bundle=values.BUNDLE),
        "seen": replace(about, id="envelope-1", seen=values.SEEN),
    }


def test_a_version_that_is_not_known_is_not_guessed_at() -> None:
    body = Recording.load(TODAY).messages["events"]
    later = body.replace(f'"v": {VERSION}', f'"v": {VERSION + 1}')
    with pytest.raises(UndecodableMessageError, match=f"version {VERSION + 1}"):
        decode(later)


def test_configuration_that_is_changed_keeps_what_is_not_known(stack: Aws) -> None:
    """It is changed attribute by attribute, and so are leases; what is in an attribute is written anew with it."""
    by_a_later_release(Recording.load(TODAY)).restore(stack)
    stores = Stores(stack)
    before = stores.connections.get("connection-1")
    stores.connections.update(replace(before, name="Another name"))
    activation = stores.audiences.get("connection-1", values.ACTIVATION.id)
    stores.audiences.put("connection-1", replace(activation, name="Another name"), activation)
    lease = stores.leases.acquire(MUNCHKIN, START, START)
    assert lease is not None
    stores.leases.enter(lease, range(SHARDS))
    stores.leases.release(lease, values.PACE, None)
    items = stack.dynamodb.scan(TableName="ConnectionsTable")["Items"]
    assert [one["sk"] for one in items if LATER not in one] == []
    assert stores.connections.get("connection-1").name == "Another name"


def test_rows_and_runs_that_are_written_again_are_what_this_release_knows(stack: Aws) -> None:
    """So nothing is left beside them that was true of what they were."""
    by_a_later_release(Recording.load(TODAY)).restore(stack)
    stores = Stores(stack)
    lease = stores.leases.acquire(MUNCHKIN, START, START + timedelta(minutes=1))
    assert lease is not None
    name, shard = name_of(values.ADA), shard_of(name_of(values.ADA))
    stores.leases.enter(lease, [shard])
    part: Run = stores.ledger.run("connection-1", RUN, shard)
    marks = {"envelope-1": frozenset({"9"})}
    stores.ledger.record("connection-1", Entry(shard, {name: LedgerRow(lead_id=9)}, marks, runs=[part]), lease, START)
    rows = stack.dynamodb.scan(TableName="LedgerTable")["Items"]
    assert {one["sk"]["S"].partition("#")[0] for one in rows if LATER in one} == {"envelope", "letter", "event"}
    counted = stores.ledger.counted("connection-1", [(shard, "envelope-1")])
    assert counted == {(shard, "envelope-1"): frozenset({"7", "8.1", "9"})}
    assert stores.ledger.run("connection-1", RUN, shard) == replace(part, version=part.version + 1)


def test_an_alert_that_is_not_known_ends_with_its_connection(stack: Aws) -> None:
    with_later_words(Recording.load(TODAY)).restore(stack)
    stores = Stores(stack)
    stores.alerts.forget("connection-1")
    items = stack.dynamodb.scan(TableName="RunsTable")["Items"]
    assert not [one for one in items if one["id"]["S"].startswith("alert#")]
    history: tuple[AlertState, ...] = stores.alerts.history("connection-1", None, 10).changes
    assert history == (values.ALERT,)


def test_a_bundle_of_a_later_release_stays_where_it_is(stack: Aws) -> None:
    """Nobody knows what it waits for; it goes with its connection."""
    later = by_a_later_release(Recording.load(TODAY))
    later.restore(stack)
    stores = Stores(stack)
    assert list(stores.parking.of("connection-1")) == [values.BUNDLE]
    stores.parking.remove(values.BUNDLE)
    assert len(stack.s3.list_objects_v2(Bucket=stack.bucket, Prefix="parked/")["Contents"]) == 1
    assert stores.parking.erase("connection-1")
    assert "Contents" not in stack.s3.list_objects_v2(Bucket=stack.bucket, Prefix="parked/")
