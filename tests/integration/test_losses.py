"""What senders lose at the webhook is in the run: through the handlers of ingest and sync, over the stack's tables."""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from destination.api.run_reports import report
from destination.domain.audience import Activation
from destination.domain.connection import MappingRow, Status
from destination.domain.credentials import ClientCredentials
from destination.domain.loss import (
    BODY_NOT_JSON,
    BODY_WRONG_TYPE,
    IDENTITY_UNREADABLE,
    LOSSES,
    MEMBERSHIP_TIME_UNREADABLE,
    RECORD_NO_OBJECT,
)
from destination.domain.run import Run, total_of
from destination.marketo.reasons import message_of
from destination.store.audiences import Audiences
from destination.store.connections import Connections
from destination.store.parking import Parking
from destination.store.runs import Runs
from destination.store.secrets import Credentials
from functions.ingest import app as ingest
from functions.sync import app as sync
from marketo_simulator import Simulator
from marketo_simulator.server import serve
from testing.aws import SECRETS_PREFIX, Aws, Context, as_json, aws, emitted, sqs_batch, webhook_request
from testing.composition import composed
from testing.world import audience, connection

TOKEN = "token-of-the-test"
JSON = "application/json"
SEED: Mapping[str, Any] = {"lists": [{"name": "a", "id": 1001}]}
MAPPING = (
    MappingRow("personalEmail.address", "DedupeField"),
    MappingRow("person.name.firstName", "firstName"),
    MappingRow("person.name.lastName", "lastName"),
)


def profile(address: str, time: str, **more: object) -> dict[str, Any]:
    return {
        "personalEmail": {"address": address},
        "person": {"name": {"firstName": "Ada", "lastName": "Field"}},
        "segmentMembership": {"ups": {"a": {"status": "realized", "lastQualificationTime": time}}},
        **more,
    }


@dataclass
class Stage:
    """A connection `c-1` from the webhook to Marketo."""

    aws: Aws
    marketo: Simulator

    def post(self, body: object, content_type: str = JSON, token: str = TOKEN) -> int:
        text = body if isinstance(body, str) else json.dumps(body)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": content_type}
        answer: dict[str, Any] = ingest.handler(webhook_request("c-1", text, headers), Context())
        assert as_json(answer)
        return int(answer["statusCode"])

    def deliver(self) -> int:
        """Hand all that is queued to sync, and delete what is done; how many messages stay."""
        batch = self.aws.receive()
        stays = {one["itemIdentifier"] for one in sync.handler(sqs_batch(batch), Context())["batchItemFailures"]}
        for one in batch:
            if one["MessageId"] not in stays:
                self.aws.sqs.delete_message(QueueUrl=self.aws.queue_url, ReceiptHandle=one["ReceiptHandle"])
        return len(stays)

    def run(self) -> dict[str, Any]:
        """All runs, added up, as they are shown."""
        found = total_of(Runs(self.aws.dynamodb, "RunsTable").between("c-1", "2000", "3000"))
        return report(Run("c-1", "2026-11-21T10:00Z", tally=found), datetime.now(UTC), message_of)

    def losses(self) -> dict[str, int]:
        return {one["code"]: one["count"] for one in self.run()["losses"]}


@pytest.fixture
def stage() -> Iterator[Stage]:
    with aws() as account, serve(Simulator(seed=dict(SEED))) as server, composed(account.environment(server.url)):
        made = Credentials(account.secrets, SECRETS_PREFIX).put("c-1", ClientCredentials("client", "secret"))
        one = replace(connection(id="c-1", mapping=MAPPING), source_format="aep", credentials_version=made)
        stored = Connections(account.dynamodb, "ConnectionsTable")
        stored.create(one, hashlib.sha256(TOKEN.encode()).hexdigest())
        Audiences(account.dynamodb, "ConnectionsTable").put("c-1", Activation(audience("a"), "a", list_id=1001))
        yield Stage(account, server.simulator)


def test_a_record_that_is_rejected_and_a_membership_that_is_left_out_are_in_the_run(stage: Stage) -> None:
    body = [
        profile("warn@example.org", "2026-11-20T10:00:00z+1"),
        profile("id@example.org", "2026-11-20T10:00:00Z", identityMap={"crmid": [{"id": 1.5}]}),
        "rejected@example.org",
    ]
    assert (stage.post(body), stage.deliver()) == (202, 0)
    run = stage.run()
    assert (run["received"], run["activated"]["persons"], run["ignored"]) == (1, 1, 1)
    assert (run["rejected"], run["left_out"]) == (1, 2)
    assert run["losses"] == [
        {"code": loss.code, "class": kind, "count": 1, "message": LOSSES[loss]}
        for loss, kind in (
            (IDENTITY_UNREADABLE, "left_out"),
            (MEMBERSHIP_TIME_UNREADABLE, "left_out"),
            (RECORD_NO_OBJECT, "rejected"),
        )
    ]
    assert "example.org" not in json.dumps(run["losses"])


def test_bodies_that_are_refused_as_a_whole_are_in_the_run_and_cost_marketo_nothing(stage: Stage) -> None:
    assert [stage.post("not JSON"), stage.post("[]", "text/csv"), stage.post([7, 7])] == [400, 415, 400]
    assert stage.deliver() == 0
    expected = {BODY_NOT_JSON.code: 1, BODY_WRONG_TYPE.code: 1, RECORD_NO_OBJECT.code: 2}
    assert (stage.losses(), stage.run()["rejected"], stage.run()["received"]) == (expected, 4, 0)
    assert stage.marketo.log() == []


def test_what_strangers_send_is_in_no_run(stage: Stage) -> None:
    assert (stage.post("not JSON", token="another"), stage.aws.receive()) == (401, [])


def test_a_message_that_comes_again_counts_once(stage: Stage) -> None:
    stage.post([profile("ada@example.org", "2026-11-20T10:00:00Z"), 7])
    stage.post("not JSON")
    batch = stage.aws.receive()
    for _ in range(3):
        assert sync.handler(sqs_batch(batch), Context()) == {"batchItemFailures": []}
    assert (stage.losses(), stage.run()["received"]) == ({RECORD_NO_OBJECT.code: 1, BODY_NOT_JSON.code: 1}, 1)


def test_of_a_connection_that_was_disabled_meanwhile_the_losses_count_at_once(stage: Stage) -> None:
    stage.post([profile("ada@example.org", "2026-11-20T10:00:00Z"), 7])
    stage.post("not JSON")
    Connections(stage.aws.dynamodb, "ConnectionsTable").set_status("c-1", 1, Status.DISABLED, datetime.now(UTC))
    assert stage.deliver() == 0
    assert [one.events for one in Parking(stage.aws.s3, stage.aws.bucket).of("c-1")] == [1]
    assert (stage.losses(), stage.run()["received"]) == ({RECORD_NO_OBJECT.code: 1, BODY_NOT_JSON.code: 1}, 0)


def test_whole_bodies_are_measured_as_they_were(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    stage.post([profile("ada@example.org", "2026-11-20T10:00:00Z"), 7])
    stage.post("not JSON")
    found = Counter[str]()
    for metric in emitted(capsys.readouterr().out):
        found.update({name: sum(metric.get(name, ())) for name in ("accepted", "rejected", "refused")})
    assert found == {"accepted": 1, "rejected": 1, "refused": 1}
