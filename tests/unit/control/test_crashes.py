"""Killed before or after any call to AWS or Marketo, and asked once more: what was promised holds, and nothing blocks
others.
"""

import contextlib
import hashlib
import json
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from typing import Any

import boto3
import pytest

from destination.control.errors import VerifyingError
from destination.domain.audience import Activation, AudienceKey, activation_id
from destination.domain.audit import AuditAction
from destination.domain.connection import Connection, Status, SyncType
from destination.domain.credentials import ClientCredentials
from destination.domain.event import MembershipStatus
from destination.domain.person import Applied, Desired, LedgerRow, Said
from destination.domain.shard import SHARDS, name_of
from destination.domain.verification import VerificationStatus
from destination.monitoring.attempts import Attempts
from destination.monitoring.retirement import RetireConnections
from destination.monitoring.verifications import ScheduleVerifications
from destination.queue import EventQueue
from destination.queue.ages import QueueAges
from destination.store.errors import NotFoundError
from destination.store.ledger import entries_of
from marketo_simulator.adapter import SimulatorAdapter
from testing.crashes import CrashError, Life, MortalAdapter, mortal_clients
from testing.filling import Clock
from testing.use_cases import AUDIENCE, CREDENTIALS, DRAFT, NOW, Plane, use_cases

OTHERS = ClientCredentials("client", "other")
MUNCHKIN = DRAFT.munchkin_id
LATER = NOW + timedelta(minutes=2)
"""When the lease of somebody who died is over."""
CHANGES = {
    AuditAction.CHANGE_CONNECTION,
    AuditAction.ENABLE_CONNECTION,
    AuditAction.DISABLE_CONNECTION,
    AuditAction.DELETE_CONNECTION,
    AuditAction.ROTATE_INGEST_TOKEN,
}
"""Each makes a version of the connection."""


def all_of(plane: Plane) -> list[Connection]:
    return list(plane.connections.list(None, 50).connections)


def audited(plane: Plane, connection_id: str) -> Counter[AuditAction]:
    records = plane.connections.record.audit.page(connection_id, None, None, None, 100).records
    return Counter(one.action for one in records)


@contextmanager
def mortal(plane: Plane, moments: int) -> Iterator[None]:
    """While the block runs, each call to AWS and to Marketo is an effect of a worker that has so much life."""
    life = Life(moments)
    plane.http.mount("https://", MortalAdapter(plane.marketo, life))
    try:
        with mortal_clients(life, plane.dynamodb, plane.secrets, plane.sqs):
            yield
    finally:
        plane.http.mount("https://", SimulatorAdapter(plane.marketo))


def secrets(plane: Plane) -> list[str]:
    return [one["Name"] for one in plane.secrets.list_secrets()["SecretList"]]


def given(plane: Plane, connection_id: str) -> ClientCredentials | None:
    return plane.connections.credentials.find(plane.connections.get(connection_id))


def assert_whole(plane: Plane) -> None:
    """What can be seen is what it says, and has a record of each change that was made, and of no other."""
    for connection in all_of(plane):
        records = audited(plane, connection.id)
        assert records[AuditAction.CREATE_CONNECTION] == 1
        assert connection.version - 1 == sum(records[action] for action in CHANGES)
        if connection.credentials_version is not None and connection.status is not Status.DELETING:
            assert plane.connections.credentials.get(connection)
        if connection.status is not Status.DELETING:
            verified = plane.verifications.newest(connection.id)
            assert len(verified) == records[AuditAction.REQUEST_VERIFICATION]
            cancelled = [one for one in verified if one.status is VerificationStatus.CANCELLED]
            assert len(cancelled) == records[AuditAction.CANCEL_VERIFICATION]


@dataclass(frozen=True)
class Story:
    """What is there before, what is done to it, twice if the first time breaks off, and what is promised then."""

    before: Callable[[Plane], str]
    act: Callable[[Plane, str], Any]
    promised: Callable[[Plane, str, Any], None]
    calls: int
    """How many calls it takes at least, so that a harness that kills nobody shows."""


def without_credentials(plane: Plane) -> str:
    return plane.connections.create(DRAFT, None).connection.id


def verifiable(plane: Plane) -> str:
    connection_id = plane.draft()
    plane.audiences.activate(connection_id, Activation(AUDIENCE, "Webinar"))
    plane.connections.enable(connection_id)
    return connection_id


def verifying(plane: Plane) -> str:
    connection_id = verifiable(plane)
    plane.verifications.request(connection_id, None, frozenset())
    plane.sqs.purge_queue(QueueUrl=plane.verifications.queue.url)
    return connection_id


def change(
    plane: Plane, connection_id: str, credentials: ClientCredentials | None = None, **changes: Any
) -> Connection:
    before = plane.connections.get(connection_id)
    return plane.connections.change(before, replace(before, **changes), credentials)


def assert_created(plane: Plane, _: str, made: Any) -> None:
    assert given(plane, made.connection.id) == CREDENTIALS
    assert plane.connections.get(made.connection.id) == made.connection
    assert all(given(plane, one.id) == CREDENTIALS for one in all_of(plane))


def assert_new_credentials(plane: Plane, connection_id: str, _: Any) -> None:
    assert given(plane, connection_id) == OTHERS
    named = plane.connections.get(connection_id)
    assert named.name == "Renamed"
    secret = plane.secrets.get_secret_value(SecretId=f"dest/credentials/{connection_id}", VersionStage="AWSCURRENT")
    assert secret["VersionId"] == named.credentials_version


def assert_status(status: Status) -> Callable[[Plane, str, Any], None]:
    def assert_it(plane: Plane, connection_id: str, _: Any) -> None:
        assert plane.connections.get(connection_id).status is status
        assert given(plane, connection_id) == CREDENTIALS

    return assert_it


def assert_rotated(plane: Plane, connection_id: str, rotated: Any) -> None:
    ingress = plane.ingresses.get(connection_id)
    assert ingress is not None
    assert ingress.token_hash == hashlib.sha256(rotated.token.encode()).hexdigest()


def assert_gone(plane: Plane, connection_id: str, _: Any) -> None:
    with pytest.raises(NotFoundError):
        plane.connections.get(connection_id)
    assert secrets(plane) == []
    assert audited(plane, connection_id)[AuditAction.DELETE_CONNECTION] == 1
    assert audited(plane, connection_id)[AuditAction.REMOVE_CONNECTION] >= 1
    items = plane.dynamodb.scan(TableName="ConnectionsTable")["Items"]
    assert [one for one in items if one["pk"]["S"] == connection_id] == []


def delete(plane: Plane, connection_id: str) -> None:
    with contextlib.suppress(NotFoundError):
        plane.connections.delete(connection_id, discard=True)


def request(plane: Plane, connection_id: str) -> None:
    with contextlib.suppress(VerifyingError):
        plane.verifications.request(connection_id, None, frozenset())


def cancel(plane: Plane, connection_id: str) -> None:
    [newest] = plane.verifications.newest(connection_id, 1)
    plane.verifications.cancel(connection_id, newest.id)


def watch(plane: Plane, _: str, after: timedelta = timedelta(minutes=15)) -> None:
    """What the monitor does with verifications."""
    manage = replace(plane.verifications, clock=lambda: NOW + after)
    attempts = Attempts(lambda *_: None)
    list(ScheduleVerifications(plane.connections.connections, manage)(NOW + after, attempts))
    assert attempts.failed == []


def assert_goes_on(plane: Plane, connection_id: str, _: Any) -> None:
    """At the latest when the monitor was there again."""
    watch(plane, connection_id, after=timedelta(hours=1))
    [made] = plane.verifications.newest(connection_id)
    assert made.status is VerificationStatus.QUEUED
    assert len(plane.verifications.get(connection_id, made.id)[1]) == 1
    answer = plane.sqs.receive_message(QueueUrl=plane.verifications.queue.url, MaxNumberOfMessages=10)
    messages = [json.loads(one["Body"]) for one in answer.get("Messages", [])]
    queued_at = made.queued_at.isoformat().replace("+00:00", "Z")
    assert (made.id, queued_at) in {(one["verification"], one["received_at"]) for one in messages}


def assert_free(plane: Plane, connection_id: str, _: Any) -> None:
    assert [one.status for one in plane.verifications.newest(connection_id)] == ["cancelled"]
    plane.verifications.request(connection_id, None, frozenset())
    assert len(plane.verifications.newest(connection_id)) == 2


def dormant(plane: Plane) -> str:
    """Its audience was switched off; whoever comes in between is in the ledger."""
    connection_id = verifiable(plane)
    plane.delivering.begin_delivery(connection_id, plane.connections.get(connection_id).version, NOW)
    plane.audiences.deactivate(connection_id, activation_id(AUDIENCE))
    return connection_id


def assert_filled_or_due(plane: Plane, connection_id: str, _: Any) -> None:
    """Its list is being filled, or will be when the monitor was there again."""
    watch(plane, connection_id, after=timedelta(hours=1))
    activation = plane.audiences.get(connection_id, activation_id(AUDIENCE))
    assert activation.fill_at is not None
    [made] = plane.verifications.newest(connection_id)
    [check] = plane.verifications.get(connection_id, made.id)[1]
    assert (check.audience, check.list_id, check.fill_at) == (AUDIENCE, activation.list_id, activation.fill_at)
    assert_goes_on(plane, connection_id, _)


def items(plane: Plane, table: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = plane.dynamodb.scan(TableName=table)["Items"]
    return found


def with_members(plane: Plane) -> str:
    """Two people were put on its list by deliveries, and lead 3 by hand."""
    connection_id = verifiable(plane)
    plane.delivering.begin_delivery(connection_id, plane.connections.get(connection_id).version, NOW)
    plane.marketo.seed({"leads": [{"id": one, "email": f"p{one}@example.org"} for one in (1, 2, 3)]})
    list_id = plane.audiences.get(connection_id, activation_id(AUDIENCE)).list_id or 0
    plane.marketo.state.lists[list_id].members.update({1, 2, 3})
    wanted = {AUDIENCE: Desired(MembershipStatus.REALIZED, Said(NOW, NOW))}
    rows = {name_of(f"p{one}"): LedgerRow(wanted, {AUDIENCE: Applied(list_id, (one,))}, lead_id=one) for one in (1, 2)}
    removal = plane.connections.removal
    lease = removal.leases.acquire(MUNCHKIN, NOW, NOW + timedelta(minutes=1))
    assert lease is not None
    removal.leases.enter(lease, range(SHARDS))
    for entry in entries_of(rows):
        removal.ledger.record(connection_id, entry, lease, NOW)
    removal.leases.release(lease, lease.pace, lease.pause)
    return connection_id


def deactivate(plane: Plane, connection_id: str, *, empty: bool = False) -> None:
    with contextlib.suppress(NotFoundError):
        plane.audiences.deactivate(connection_id, activation_id(AUDIENCE), empty=empty)


def assert_dormant(plane: Plane, connection_id: str, _: Any) -> None:
    """It is remembered, and its list is free."""
    active = plane.delivering.active(connection_id)
    assert (set(active.dormant), active.activations) == ({AUDIENCE}, {})
    assert audited(plane, connection_id)[AuditAction.DEACTIVATE_AUDIENCE] == 1
    assert [one for one in items(plane, "ConnectionsTable") if one["sk"]["S"].startswith("list#")] == []


def assert_emptied(plane: Plane, connection_id: str, _: Any) -> None:
    assert_dormant(plane, connection_id, _)
    [members] = [one["members"] for one in plane.marketo.dump()["lists"]]
    assert members == [3]
    known = plane.delivering.active(connection_id).known
    page = plane.connections.removal.ledger.pages(connection_id, known)
    rows = dict(page.rows)
    while page.cursor is not None:
        page = plane.connections.removal.ledger.pages(connection_id, known, page.cursor)
        rows |= dict(page.rows)
    assert [row.applied[AUDIENCE].leads for row in rows.values()] == [(), ()]


def leaving(plane: Plane) -> str:
    """It is discarded, and the call ended before it was gone."""
    connection_id = with_members(plane)
    plane.connections.delete(connection_id)
    plane.connections.connections.discard(connection_id)
    return connection_id


def retire(plane: Plane, _: str) -> None:
    """What the monitor does with connections at their end."""
    queue = EventQueue(plane.sqs, plane.verifications.queue.url)
    ages = QueueAges(boto3.client("cloudwatch"), "events")
    retirement = RetireConnections(plane.connections.connections, queue, ages, plane.parking, plane.connections.removal)
    done = list(retirement(NOW + timedelta(minutes=10), lambda: True))
    assert [one for one in done if one.cause is not None] == []


def assert_retired(plane: Plane, connection_id: str, _: Any) -> None:
    """Nothing of it is left, and the instance is free for others."""
    assert_gone(plane, connection_id, _)
    assert [one for one in items(plane, "LedgerTable") if one["pk"]["S"].startswith(connection_id)] == []
    assert plane.connections.removal.leases.acquire(MUNCHKIN, LATER, LATER + timedelta(minutes=1)) is not None


def without_lists(plane: Plane) -> str:
    """Its audience has kept a list, and one that is new has none."""
    connection_id = verifiable(plane)
    change(plane, connection_id, sync_type=SyncType.PROFILE_ONLY)
    plane.audiences.activate(connection_id, Activation(AudienceKey("ups", "aud-2"), "New"))
    return connection_id


def assert_all_due(plane: Plane, connection_id: str, _: Any) -> None:
    assert plane.connections.get(connection_id).sync_type is SyncType.AUDIENCE_ONLY
    for one in plane.audiences.list(connection_id):
        assert one.list_id is not None
        assert one.fill_at is not None


STORIES = {
    "activate a dormant audience": Story(
        dormant,
        lambda plane, one: plane.audiences.activate(one, Activation(AUDIENCE, "Webinar")),
        assert_filled_or_due,
        8,
    ),
    "deactivate": Story(verifiable, deactivate, assert_dormant, 4),
    "deactivate and empty": Story(
        with_members, lambda plane, one: deactivate(plane, one, empty=True), assert_emptied, 20
    ),
    "retire what is discarded": Story(leaving, retire, assert_retired, 20),
    "come to keep lists": Story(
        without_lists, lambda plane, one: change(plane, one, sync_type=SyncType.AUDIENCE_ONLY), assert_all_due, 8
    ),
    "create": Story(lambda _: "", lambda plane, _: plane.connections.create(DRAFT, CREDENTIALS), assert_created, 3),
    "give first credentials": Story(
        without_credentials,
        lambda plane, one: change(plane, one, OTHERS, name="Renamed"),
        assert_new_credentials,
        6,
    ),
    "replace credentials": Story(
        Plane.draft, lambda plane, one: change(plane, one, OTHERS, name="Renamed"), assert_new_credentials, 8
    ),
    "replace those of an enabled one": Story(
        verifiable, lambda plane, one: change(plane, one, CREDENTIALS), assert_status(Status.ENABLED), 8
    ),
    "change": Story(
        Plane.draft,
        lambda plane, one: change(plane, one, sync_type=SyncType.AUDIENCE_ONLY, name="Renamed"),
        assert_status(Status.DRAFT),
        3,
    ),
    "enable": Story(
        lambda plane: plane.connections.disable(verifiable(plane)).id,
        lambda plane, one: plane.connections.enable(one),
        assert_status(Status.ENABLED),
        5,
    ),
    "disable": Story(verifiable, lambda plane, one: plane.connections.disable(one), assert_status(Status.DISABLED), 3),
    "rotate the token": Story(
        Plane.draft,
        lambda plane, one: plane.connections.rotate_ingest_token(one, timedelta(hours=1)),
        assert_rotated,
        3,
    ),
    "delete a draft": Story(Plane.draft, delete, assert_gone, 8),
    "delete at once": Story(verifiable, delete, assert_gone, 8),
    "delete once what is queued is delivered": Story(
        verifiable, lambda plane, one: plane.connections.delete(one), assert_status(Status.DELETING), 3
    ),
    "request a verification": Story(verifiable, request, assert_goes_on, 5),
    "queue a verification again": Story(verifying, watch, assert_goes_on, 5),
    "cancel a verification": Story(verifying, cancel, assert_free, 5),
}


STRIDE = 4
"""Of so many calls a run dies before one."""


def dies(story: Story, moments: int) -> bool:
    """Whether a worker dies that has so much life; either way what was promised holds in the end."""
    clock = Clock()
    with use_cases(lambda: clock.now) as plane:
        connection_id = story.before(plane)
        died = False
        answer = None
        with mortal(plane, moments):
            try:
                answer = story.act(plane, connection_id)
            except CrashError:
                died = True
        assert_whole(plane)
        if died:
            clock.now = LATER
            answer = story.act(plane, connection_id)
            assert_whole(plane)
        story.promised(plane, connection_id, answer)
    return died


@pytest.mark.parametrize("name", STORIES)
def test_what_is_promised_holds_after_a_crash_at_any_call(name: str) -> None:
    """Before any call, that is: who dies after one leaves what they leave who die before the next.

    Each run takes another one of so many of them, since each begins its story anew.
    """
    story = STORIES[name]
    first = random.randrange(STRIDE)  # noqa: S311 - not a secret; pytest seeds it, and says with what
    moments = next(moments for moments in count(2 * first, 2 * STRIDE) if not dies(story, moments))
    assert moments >= 2 * story.calls
