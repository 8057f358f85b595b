"""The delivery through its handler: messages from SQS to a Marketo on a socket, accounted for in the tables."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from mypy_boto3_sqs.type_defs import MessageTypeDef

from destination.composition.aws import s3
from destination.control.parking import ManageParking
from destination.domain.audience import Activation
from destination.domain.connection import Connection, Limits, PersonAction, Status
from destination.domain.credentials import ClientCredentials
from destination.domain.event import MembershipStatus, ProfileEvent
from destination.domain.pace import PaceState
from destination.domain.parking import Bundle, WaitsFor
from destination.domain.run import Tally, total_of
from destination.queue import EventQueue, decode, encode_event, pack
from destination.store.audiences import Audiences
from destination.store.connections import Connections
from destination.store.leases import Leases
from destination.store.letters import Letters
from destination.store.parking import Parking
from destination.store.runs import Runs
from destination.store.secrets import Credentials
from functions.sync import app
from marketo_simulator import Fault, Simulator
from marketo_simulator.server import serve
from testing.aws import SECRETS_PREFIX, Aws, Context, aws, emitted, logged, refused, sqs_batch
from testing.composition import composed
from testing.world import MUNCHKIN, audience, connection, event

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
NOW = datetime.now(UTC)
SEED: dict[str, Any] = {
    "partitions": [{"name": "EMEA", "id": 2}],
    "lists": [{"name": "a", "id": 1001}, {"name": "b", "id": 1002}],
    "leads": [
        {"id": 3, "email": "twice@example.org", "firstName": "Old"},
        {"id": 7, "email": "known@example.org", "firstName": "Old", "partition": "EMEA"},
    ],
}


ALMOST_DONE = Context(milliseconds_left=110_500)
"""Lambda's context, with just enough time to ask for the lease once."""

HURRIED = Context(milliseconds_left=115_000)
"""With time for a first call even where the machine is busy, and for hardly any repetition."""


@dataclass
class Stage:
    """The deployed function's surroundings."""

    aws: Aws
    marketo: Simulator
    connections: Connections = field(init=False)

    def __post_init__(self) -> None:
        self.connections = Connections(self.aws.dynamodb, "ConnectionsTable")

    def connect(self, first_list: int = 1001, **changes: Any) -> Connection:
        """Store a connection with audiences `a` and `b` on two lists, and its credentials."""
        plain = connection(**changes)
        one = replace(plain, credentials_version=self.new_credentials(plain.id))
        self.connections.create(one, token_hash="0f")
        audiences = Audiences(self.aws.dynamodb, "ConnectionsTable")
        for number, name in enumerate("ab"):
            audiences.put(one.id, Activation(audience(name), name, list_id=first_list + number))
        return one

    def new_credentials(self, connection_id: str) -> str:
        credentials = ClientCredentials("client", "secret")
        return Credentials(self.aws.secrets, SECRETS_PREFIX).put(connection_id, credentials)

    @property
    def parked(self) -> list[Bundle]:
        return list(Parking(self.aws.s3, self.aws.bucket).of("connection-1"))

    def resume(self, *, ends_pause: bool = False) -> list[MessageTypeDef]:
        """What an operator does to have the connection tried at once; the messages that bring it back."""
        manage = ManageParking(
            self.connections,
            Parking(self.aws.s3, self.aws.bucket),
            Leases(self.aws.dynamodb, "ConnectionsTable"),
            EventQueue(self.aws.sqs, self.aws.queue_url),
            lambda: datetime.now(UTC),
        )
        manage("connection-1", ends_pause=ends_pause)
        return self.aws.receive()

    def post(self, *events: ProfileEvent, connection_id: str = "connection-1") -> None:
        """Queue events in one message, as ingest does."""
        packed = pack(
            connection_id,
            datetime.now(UTC),
            map(encode_event, events),
            envelope_id=uuid4().hex,
            correlation_id="request-7",
        )
        bodies = [body for _, body in packed]
        assert EventQueue(self.aws.sqs, self.aws.queue_url).send(connection_id, bodies) == []

    def invoke(self, batch: list[MessageTypeDef], context: Context | None = None) -> set[str]:
        """Hand a batch to the function, delete what is done as Lambda does, and return the ids of the rest."""
        answer = app.handler(sqs_batch(batch), context or Context())
        assert answer.keys() == {"batchItemFailures"}
        stays = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for one in batch:
            if one["MessageId"] not in stays:
                self.aws.sqs.delete_message(QueueUrl=self.aws.queue_url, ReceiptHandle=one["ReceiptHandle"])
        return stays

    def deliver(self, *events: ProfileEvent) -> set[str]:
        if events:
            self.post(*events)
        return self.invoke(self.aws.receive())

    def dead_letters(self) -> list[tuple[str, str]]:
        """Code and body of every dead letter."""
        letters = self.aws.receive(self.aws.dead_letter_queue_url)
        return [(one["MessageAttributes"]["code"]["StringValue"], one["Body"]) for one in letters]

    def letters(self) -> list[tuple[str, str]]:
        """Code and body of every letter."""
        letters = Letters(self.aws.s3, self.aws.bucket)
        return [(bundle.code, body) for bundle in letters.all() for body in letters.get(bundle)]

    def total(self, connection_id: str = "connection-1") -> Tally:
        """All the connection's runs, each of which adds up."""
        runs = list(Runs(self.aws.dynamodb, "RunsTable").between(connection_id, "2000", "3000"))
        for run in runs:
            counts = run.tally.counts
            classes = ("activated", "unchanged", "excluded", "failed")
            assert counts["received"] == sum(counts[one] for one in classes)
        return total_of(runs)

    def counts(self, *names: str) -> tuple[int, ...]:
        counts = self.total().counts
        return tuple(counts[name] for name in names)

    def reasons(self) -> dict[str, int]:
        return {reason.code: count for reason, count in self.total().reasons.items()}

    def leads(self, email: str) -> list[dict[str, Any]]:
        dumped: Any = self.marketo.dump()["leads"]
        return [lead for lead in dumped if str(lead["email"]).lower() == email]

    def members(self, list_id: int) -> list[int]:
        dumped: Any = self.marketo.dump()["lists"]
        return sorted(next(one["members"] for one in dumped if one["id"] == list_id))

    def calls(self) -> int:
        return sum(1 for call in self.marketo.log() if call.counted)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with aws() as account, serve(Simulator(seed=SEED)) as server, composed(account.environment(server.url)):
        yield Stage(account, server.simulator)


def known(*memberships: tuple[str, MembershipStatus], at: datetime = NOW, **profile: object) -> ProfileEvent:
    return event("known@example.org", *memberships, at=at, **profile)


def ada(*memberships: tuple[str, MembershipStatus], at: datetime = NOW, **profile: object) -> ProfileEvent:
    return event("ada@example.org", *memberships, at=at, **profile)


def test_people_are_created_updated_and_put_on_their_lists(stage: Stage) -> None:
    stage.connect(partition="EMEA")
    assert stage.deliver(ada(("a", REALIZED), ("b", REALIZED)), known(("a", REALIZED))) == set()
    (created,) = stage.leads("ada@example.org")
    (updated,) = stage.leads("known@example.org")
    assert (created["firstName"], created["lastName"], created["partition"]) == ("Ada", "Lovelace", "EMEA")
    assert (updated["id"], updated["firstName"]) == (7, "Ada")
    assert (stage.members(1001), stage.members(1002)) == (sorted([7, created["id"]]), [created["id"]])
    assert stage.counts("received", "activated", "created", "updated", "added", "removed") == (2, 2, 1, 1, 3, 0)
    assert stage.total().counts["marketo_calls"] == stage.calls()
    assert stage.total().audiences[audience("a")].counts == {"received": 2, "activated": 2}
    assert stage.aws.receive() == []
    assert stage.letters() == stage.dead_letters() == []


def test_exits_take_off_and_create_nobody(stage: Stage) -> None:
    stage.connect()
    stage.deliver(known(("a", REALIZED)))
    later = NOW + timedelta(seconds=1)
    stage.deliver(known(("a", EXITED), at=later), ada(("a", EXITED), at=later))
    assert (stage.members(1001), stage.leads("ada@example.org")) == ([], [])
    assert stage.reasons() == {"NOT_ON_LIST": 1}


def test_the_same_events_again_cost_no_call_and_are_unchanged(stage: Stage) -> None:
    stage.connect()
    events = [ada(("a", REALIZED)), known(("a", REALIZED))]
    stage.deliver(*events)
    calls = stage.calls()
    stage.deliver(*events)
    assert stage.calls() == calls
    assert stage.counts("received", "activated", "unchanged") == (4, 2, 2)


def test_an_old_exit_after_a_newer_entry_changes_nothing(stage: Stage) -> None:
    stage.connect()
    stage.deliver(known(("a", REALIZED)))
    calls = stage.calls()
    stage.deliver(known(("a", EXITED), at=NOW - timedelta(days=1)))
    assert (stage.members(1001), stage.calls()) == ([7], calls)
    assert stage.reasons() == {"SUPERSEDED": 1}


def test_a_message_that_comes_again_is_not_counted_again(stage: Stage) -> None:
    stage.connect()
    stage.post(ada(("a", REALIZED)), event(None, ("a", REALIZED)), event("x@example.org", ("elsewhere", REALIZED)))
    batch = stage.aws.receive()
    assert stage.invoke(batch) == set()
    before = stage.total()
    assert stage.invoke(batch) == set()
    assert stage.total() == before
    assert stage.counts("received", "activated", "excluded", "ignored") == (2, 1, 1, 1)


def test_who_is_unknown_is_excluded_where_nobody_is_created(stage: Stage) -> None:
    stage.connect(person_action=PersonAction.UPDATE_EXISTING_ONLY)
    stage.deliver(ada(("a", REALIZED)), known(("a", REALIZED)))
    assert stage.leads("ada@example.org") == []
    assert (stage.reasons(), stage.counts("received", "activated", "excluded")) == ({"PERSON_NOT_FOUND": 1}, (2, 1, 1))


def test_a_refused_person_fails_alone_and_its_letter_can_be_redriven(stage: Stage) -> None:
    stage.connect()
    stage.marketo.script(Fault(effect="skip", code="1003", path="leads.json", method="POST", records=(1,), nth=2))
    events = [event(f"{name}@example.org", ("a", REALIZED), at=NOW) for name in ("one", "two", "three")]
    assert stage.deliver(*events) == set()
    assert (len(stage.members(1001)), stage.counts("received", "activated", "failed")) == (2, (3, 2, 1))
    assert stage.reasons() == {"MARKETO_1003": 1}
    ((code, body),) = stage.letters()
    assert code == "MARKETO_1003"
    (dead,) = decode(body).events
    assert replace(dead, received_at=dead.at) in events
    assert stage.leads(str(dead.profile["email"])) == []

    stage.aws.sqs.send_message(QueueUrl=stage.aws.queue_url, MessageBody=body)
    assert stage.deliver() == set()
    assert len(stage.members(1001)) == 3
    assert len(stage.leads(str(dead.profile["email"]))) == 1
    assert (stage.counts("received", "activated", "failed"), stage.reasons()) == ((3, 3, 0), {})


def test_what_is_no_message_and_whose_connection_is_gone_are_dead_letters_and_lose_nobody_else(stage: Stage) -> None:
    stage.connect()
    stage.post(ada(("a", REALIZED)), connection_id="connection-2")
    for body in ("not JSON", '{"v":9,"connection_id":"connection-1"}'):
        stage.aws.sqs.send_message(QueueUrl=stage.aws.queue_url, MessageBody=body)
    assert stage.deliver(known(("a", REALIZED))) == set()
    assert stage.members(1001) == [7]
    letters = stage.dead_letters()
    assert sorted(code for code, _ in letters) == ["UNDECODABLE_MESSAGE", "UNDECODABLE_MESSAGE", "UNKNOWN_CONNECTION"]
    assert "not JSON" in {body for _, body in letters}


def test_what_cannot_become_a_letter_stays_in_the_queue(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.connect()
    stage.aws.sqs.delete_queue(QueueUrl=stage.aws.dead_letter_queue_url)
    stage.marketo.script(Fault(effect="skip", code="1003", path="leads.json", method="POST", records=(0,), nth=2))
    stage.aws.sqs.send_message(QueueUrl=stage.aws.queue_url, MessageBody="not JSON")
    stage.post(ada(("a", REALIZED)))
    batch = stage.aws.receive()
    requeued = {one["MessageId"] for one in batch}
    with refused(s3(), "PutObject"):
        assert stage.invoke(batch) == requeued
    assert stage.counts("received", "failed") == (0, 0)
    lines = [line for line in logged(app.logger, caplog) if line["message"] == "message requeued"]
    assert (len(lines), {line["message_id"] for line in lines}) == (2, requeued)


def test_while_the_daily_quota_is_spent_events_wait_and_none_fails(stage: Stage) -> None:
    stage.connect()
    stage.marketo.script(Fault(code="607", path="leads.json", times=99, every=1))
    stage.post(ada(("a", REALIZED)))
    assert stage.invoke(stage.aws.receive()) == set()
    assert [(one.waits_for, one.events) for one in stage.parked] == [(WaitsFor.PAUSED, 1)]
    assert (stage.counts("received", "failed"), stage.letters()) == ((0, 0), [])
    stage.marketo.clear_faults()
    calls = len(stage.marketo.log())
    assert stage.invoke(stage.resume()) == set()
    assert len(stage.parked) == 1, "the pause holds"
    assert len(stage.marketo.log()) == calls
    assert stage.invoke(stage.resume(ends_pause=True)) == set()
    assert stage.parked == []
    assert (len(stage.members(1001)), stage.counts("received", "activated")) == (1, (1, 1))


def test_a_blocked_connection_shows_why_and_goes_on_by_itself(stage: Stage) -> None:
    stage.connect()
    stage.marketo.script(Fault(code="603", path="leads.json", times=99, every=1))
    stage.post(ada(("a", REALIZED)))
    assert stage.invoke(stage.aws.receive()) == set()
    assert [(one.waits_for, one.events) for one in stage.parked] == [(WaitsFor.BLOCKED, 1)]
    blocked = stage.connections.get("connection-1")
    assert (blocked.status, (blocked.blocked_cause or "")[:3]) == (Status.BLOCKED, "603")
    stage.marketo.clear_faults()
    assert stage.invoke(stage.resume()) == set()
    repaired = stage.connections.get("connection-1")
    assert (repaired.status, repaired.blocked_cause) == (Status.ENABLED, None)
    assert len(stage.members(1001)) == 1


def test_a_connection_without_credentials_is_blocked_until_it_has_some(stage: Stage) -> None:
    stage.connect()
    Credentials(stage.aws.secrets, SECRETS_PREFIX).delete("connection-1")
    stage.post(ada(("a", REALIZED)))
    assert stage.invoke(stage.aws.receive()) == set()
    assert "credentials" in (stage.connections.get("connection-1").blocked_cause or "")
    given = stage.new_credentials("connection-1")
    stage.connections.update(replace(stage.connections.get("connection-1"), credentials_version=given))
    assert stage.invoke(stage.resume()) == set()
    assert stage.connections.get("connection-1").status is Status.ENABLED


def test_what_was_queued_before_disabling_is_delivered_after_enabling(stage: Stage) -> None:
    stage.connect()
    stage.post(ada(("a", REALIZED)))
    batch = stage.aws.receive()
    disabled = stage.connections.set_status("connection-1", 1, Status.DISABLED, NOW)
    assert stage.invoke(batch) == set()
    assert stage.calls() == 0
    stage.connections.set_status("connection-1", disabled.version, Status.ENABLED, NOW)
    assert stage.invoke(stage.resume()) == set()
    assert len(stage.members(1001)) == 1


def test_while_another_worker_delivers_to_the_instance_messages_are_requeued(stage: Stage) -> None:
    stage.connect()
    leases = Leases(stage.aws.dynamodb, "ConnectionsTable")
    now = datetime.now(UTC)
    held = leases.acquire(MUNCHKIN, now, now + timedelta(minutes=5))
    assert held is not None
    stage.post(ada(("a", REALIZED)))
    batch = stage.aws.receive()
    assert stage.invoke(batch, ALMOST_DONE) == {one["MessageId"] for one in batch}
    assert stage.calls() == 0
    leases.release(held, PaceState(), None)
    assert stage.invoke(batch) == set()


def test_two_connections_of_one_batch_are_kept_apart(stage: Stage) -> None:
    stage.connect()
    stage.connect(2001, id="connection-2", person_action=PersonAction.UPDATE_EXISTING_ONLY)
    stage.post(ada(("a", REALIZED)))
    stage.post(event("bob@example.org", ("b", REALIZED), at=NOW), connection_id="connection-2")
    assert stage.invoke(stage.aws.receive()) == set()
    assert (stage.total().counts["created"], stage.total("connection-2").counts["excluded"]) == (1, 1)
    assert stage.leads("bob@example.org") == []


def test_many_people_in_several_messages_share_calls(stage: Stage) -> None:
    stage.connect()
    people = [event(f"p{number}@example.org", ("a", REALIZED), at=NOW) for number in range(301)]
    for start in range(0, 301, 50):
        stage.post(*people[start : start + 50])
    assert stage.deliver() == set()
    assert (len(stage.members(1001)), stage.counts("received", "activated", "created")) == (301, (301, 301, 301))
    work = [call.path for call in stage.marketo.log() if call.path.endswith("leads.json")]
    assert len(work) == 6
    assert len([path for path in work if "/lists/" in path]) == 2


def test_events_are_followed_from_their_request_to_the_calls_to_marketo(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG", app.logger.name)
    stage.connect()
    stage.deliver(ada(("a", REALIZED)), known(("a", REALIZED)))
    lines = logged(app.logger, caplog)
    assert {line["function_request_id"] for line in lines} == {Context().aws_request_id}
    (delivered,) = (line for line in lines if line["message"] == "message delivered")
    assert (delivered["correlation_id"], delivered["connection_id"]) == ("request-7", "connection-1")
    assert (delivered["events"], delivered["receives"]) == (2, 1)
    calls = [line for line in lines if line["message"] == "marketo call answered"]
    assert [line["operation"] for line in calls].count("obtain access token") == 1
    assert len(calls) == stage.calls() + 1
    assert {(line["munchkin_id"], line["status"], line["level"]) for line in calls} == {(MUNCHKIN, 200, "DEBUG")}


@pytest.mark.parametrize(("code", "line"), [("608", "message requeued"), ("607", "message parked")])
def test_what_waits_or_is_no_message_is_logged_by_its_id(
    stage: Stage, caplog: pytest.LogCaptureFixture, code: str, line: str
) -> None:
    stage.connect()
    stage.marketo.script(Fault(code=code, path="leads.json", times=99, every=1))
    stage.aws.sqs.send_message(QueueUrl=stage.aws.queue_url, MessageBody="not JSON")
    stage.post(ada(("a", REALIZED)))
    requeued = stage.invoke(stage.aws.receive())
    lines = {one["message"]: one for one in logged(app.logger, caplog)}
    assert requeued == ({lines[line]["message_id"]} if code == "608" else set())
    assert lines[line]["correlation_id"] == "request-7"
    assert lines["message refused"]["code"] == "UNDECODABLE_MESSAGE"
    assert (lines["marketo call refused"]["code"], lines["marketo call refused"]["level"]) == (code, "INFO")
    assert "message delivered" not in lines


def test_letters_and_dead_letters_keep_the_id_of_their_request(stage: Stage) -> None:
    stage.connect()
    stage.marketo.script(Fault(effect="skip", code="1003", path="leads.json", method="POST", records=(0,), nth=2))
    stage.post(ada(("a", REALIZED)), connection_id="connection-2")
    stage.deliver(ada(("a", REALIZED)))
    found = [*stage.dead_letters(), *stage.letters()]
    assert [code for code, _ in found] == ["UNKNOWN_CONNECTION", "MARKETO_1003"]
    assert [decode(body).correlation_id for _, body in found] == ["request-7", "request-7"]


def test_a_batch_is_measured(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.connect(limits=Limits(calls_per_20s=50, concurrency=1, daily_calls=1_000))
    stage.marketo.script(Fault(effect="skip", code="1003", path="leads.json", method="POST", records=(0,), nth=2))
    stage.deliver(ada(("a", REALIZED)), known(("a", REALIZED)), event(None, ("a", REALIZED)))
    batch, *reasons = emitted(capsys.readouterr().out)
    values = {name: value[0] for name, value in batch.items() if isinstance(value, list)}
    calls = stage.calls()
    assert {name: values[name] for name in ("activated", "unchanged", "excluded", "failed")} == {
        "activated": 1,
        "unchanged": 0,
        "excluded": 1,
        "failed": 1,
    }
    assert (values["letters"], values["requeued"]) == (1, 0)
    assert (values["marketo_calls"], values["marketo_refusals"]) == (calls, 0)
    assert (values["window_used"], values["quota_used"]) == (100 * calls / 50, pytest.approx(100 * calls / 1_000, 0.2))
    assert values["batch_duration"] > 0
    assert 0 < values["latency_p50"] <= values["latency_p95"]
    assert batch["stack"] == "destination"
    found = {one["reason"]: one["not_delivered"] for one in reasons}
    assert found == {"MISSING_DEDUPE_VALUE": [1], "MARKETO_1003": [1]}


@pytest.mark.usefixtures("short_window")
@pytest.mark.parametrize(
    ("code", "metric"), [("606", "rate_reached"), ("607", "quota_reached"), ("615", "concurrency_reached")]
)
def test_calls_that_marketo_refuses_for_its_limits_are_measured(
    stage: Stage, capsys: pytest.CaptureFixture[str], code: str, metric: str
) -> None:
    stage.connect()
    stage.marketo.script(Fault(code=code, path="leads.json", times=99, every=1))
    stage.post(ada(("a", REALIZED)))
    stage.invoke(stage.aws.receive(), HURRIED)
    (batch,) = emitted(capsys.readouterr().out)
    assert batch[metric][0] == batch["marketo_refusals"][0] >= 1
    assert batch["requeued"][0] + batch["parked"][0] == 1
    assert batch["activated"] == [0]
    assert "latency_p50" not in batch


def test_neither_tables_nor_logs_hold_a_value_of_a_profile(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG", app.logger.name)
    stage.connect()
    stage.marketo.script(Fault(effect="skip", code="1003", path="leads.json", method="POST", records=(0,), nth=2))
    stage.deliver(ada(("a", REALIZED), company="Hush Ltd"), known(("a", REALIZED), company="Hush Ltd"))
    tables = [stage.aws.dynamodb.scan(TableName=name)["Items"] for name in ("LedgerTable", "RunsTable")]
    shown = json.dumps([tables, logged(app.logger, caplog)], default=repr)
    assert "batch delivered" in shown
    assert "marketo call answered" in shown
    names = [secret["Name"] for secret in stage.aws.secrets.list_secrets()["SecretList"]]
    (stored,) = (name for name in names if "/tokens/" in name)
    token = json.loads(stage.aws.secrets.get_secret_value(SecretId=stored)["SecretString"])["access_token"]
    for value in ("ada@", "known@", "Hush", "Lovelace", "secret", token):
        assert value not in shown
