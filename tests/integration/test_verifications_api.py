"""The calls that request verifications and show them, and what the schedule requests."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from destination.composition import aws
from destination.composition import connections as composition
from destination.control.errors import VerifyingError
from destination.domain.audience import ANY_NAMESPACE, AudienceKey, activation_id
from destination.domain.lead_extract import ExtractStage, LeadExtract
from destination.domain.verification import (
    MAX_DURATION,
    AudienceCheck,
    Differences,
    Phase,
    Repair,
    Schedule,
    Verification,
    VerificationStatus,
)
from destination.monitoring.attempts import Attempts
from destination.monitoring.verifications import ScheduleVerifications
from destination.queue import decode
from destination.store.errors import StaleVersionError
from destination.store.verifications import Verifications
from testing.aws import refused
from testing.control_plane import (
    AUD_1,
    QUEUE_URL,
    activated,
    call,
    connections,
    created,
    dynamodb,
    sqs,
    stored,
)

pytestmark = pytest.mark.usefixtures("marketo")

NOW = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)


def enabled(*audiences: str, **properties: Any) -> str:
    connection_id = created(**properties)
    for name in audiences or ("aud-1",):
        assert activated(connection_id, id=name, name=name).status == 201
    assert call("POST", f"/connections/{connection_id}/enable").status == 200
    return connection_id


def queued() -> list[dict[str, Any]]:
    answer = sqs().receive_message(QueueUrl=QUEUE_URL, MaxNumberOfMessages=10)
    return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


def store() -> Verifications:
    return Verifications(dynamodb(), "RunsTable")


def finish(connection_id: str) -> Verification:
    """The newest verification, as it is when it is done."""
    [newest] = store().newest(connection_id, 1)
    done = replace(
        newest, status=VerificationStatus.COMPLETED, finished_at=newest.requested_at, position=newest.audiences
    )
    return store().put(done)


def test_all_lists_are_to_be_verified_unless_one_is_named() -> None:
    connection_id = enabled("aud-1", "aud-2")
    answer = call("POST", f"/connections/{connection_id}/verifications", {"repair": ["missing", "foreign"]})
    assert answer.status == 202
    made = answer.json
    assert (made["status"], made["progress"]) == ("queued", {"audiences": 2, "done": 0})
    assert made["repair"] == ["foreign", "missing"]
    assert [one["id"] for one in made["audiences"]] == ["aud-1", "aud-2"]
    assert {one["phase"] for one in made["audiences"]} == {"pending"}

    [message] = queued()
    envelope = decode(json.dumps(message))
    assert (envelope.connection_id, envelope.verification, envelope.events) == (connection_id, made["id"], ())

    finish(connection_id)
    path = f"/connections/{connection_id}/verifications"
    one = call("POST", path, {"activation_id": activation_id(AudienceKey(ANY_NAMESPACE, "aud-2"))}).json
    assert [each["id"] for each in one["audiences"]] == ["aud-2"]
    assert one["repair"] == ["leavers", "missing"]
    assert [each["id"] for each in call("GET", path).json["verifications"]] == sorted([made["id"], one["id"]])[::-1]


def test_nothing_is_repaired_where_that_is_wanted_and_foreign_people_only_by_name() -> None:
    connection_id = enabled()
    path = f"/connections/{connection_id}/verifications"
    assert call("POST", path, {"repair": []}).json["repair"] == []
    assert finish(connection_id).repair == frozenset()
    assert call("POST", path, {}).json["repair"] == ["leavers", "missing"]
    assert finish(connection_id).repair == {Repair.MISSING, Repair.LEAVERS}
    assert call("POST", path, {"repair": ["foreign"]}).json["repair"] == ["foreign"]
    call("PATCH", f"/connections/{connection_id}", {"verification": {"every": "P1D"}})
    assert stored(connection_id).verification == Schedule(timedelta(days=1))


def test_what_was_found_is_shown() -> None:
    connection_id = enabled()
    made = call("POST", f"/connections/{connection_id}/verifications", {}).json
    verification = finish(connection_id)
    [check] = store().checks(verification)
    found = replace(
        check,
        phase=Phase.DONE,
        expected=10,
        found=9,
        in_doubt=1,
        missing=Differences(2, 1, (7, 8), 8),
        leavers=Differences(1, 1, (9,), 9),
        waiting=Differences(4, 3, (3, 4), 4),
        foreign=Differences(1, 0, (99,), 99),
        gone=5,
        unapplied={"LEAD_UNKNOWN": 6, "PERSON_NOT_FOUND": 7},
        extract=LeadExtract(NOW, ExtractStage.READ, "e-1", ("id",), members_at=NOW + timedelta(minutes=1)),
    )
    store().put_check(verification, 0, found)
    shown = call("GET", f"/connections/{connection_id}/verifications/{made['id']}").json
    assert shown["status"] == "completed"
    [audience] = shown["audiences"]
    assert (audience["expected"], audience["found"], audience["in_doubt"]) == (10, 9, 1)
    assert audience["missing"] == {"count": 2, "repaired": 1, "lead_ids": [7, 8]}
    assert audience["leavers"] == {"count": 1, "repaired": 1, "lead_ids": [9]}
    assert audience["waiting"] == {"count": 4, "repaired": 3, "lead_ids": [3, 4]}
    assert audience["foreign"] == {"count": 1, "repaired": 0, "lead_ids": [99]}
    assert (audience["gone"], audience["unapplied"]) == (5, {"LEAD_UNKNOWN": 6, "PERSON_NOT_FOUND": 7})
    assert audience["extract"] == {
        "stage": "read",
        "begun_at": "2026-11-21T10:00:00Z",
        "members_at": "2026-11-21T10:01:00Z",
        "code": None,
    }


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"repair": "missing"}, 422, "invalid"),
        ({"repair": ["missing", "all"]}, 422, "invalid"),
        ({"audience": "aud-1"}, 422, "invalid"),
        ({"activation_id": "0123456789ab"}, 404, "not-found"),
        ([], 422, "invalid"),
    ],
)
def test_a_request_that_means_nothing_is_refused(body: object, status: int, kind: str) -> None:
    connection_id = enabled()
    answer = call("POST", f"/connections/{connection_id}/verifications", body)
    assert (answer.status, answer.json["type"].rpartition(":")[2]) == (status, kind)
    assert queued() == []


def test_only_what_delivers_to_lists_is_verified() -> None:
    draft = created()
    assert call("POST", f"/connections/{draft}/verifications", {}).errors.keys() == {"status"}
    profiles = enabled(sync_type="profile_only")
    assert call("POST", f"/connections/{profiles}/verifications", {}).errors.keys() == {"sync_type"}
    assert queued() == []


def test_one_verification_at_a_time() -> None:
    connection_id = enabled()
    path = f"/connections/{connection_id}/verifications"
    assert call("POST", path, {}).status == 202
    answer = call("POST", path, {})
    assert (answer.status, answer.json["type"]) == (409, "urn:marketo-destination:problem:verifying")
    finish(connection_id)
    again = call("POST", path, {})
    assert again.status == 202
    assert [one.id for one in store().newest(connection_id, 1)] == [again.json["id"]]  # within the same second


def test_a_request_stands_in_the_audit_log() -> None:
    connection_id = enabled()
    call("POST", f"/connections/{connection_id}/verifications", {"activation_id": AUD_1})
    newest = call("GET", "/audit", query={"connection_id": connection_id}).json["records"][0]
    assert newest["action"] == "request_verification"


def test_what_is_not_there_is_not_found() -> None:
    connection_id = enabled()
    assert call("GET", f"/connections/{connection_id}/verifications/20261121T100000000000Z-00000000").status == 404
    assert call("GET", "/connections/nobody/verifications").status == 404
    assert call("POST", "/connections/nobody/verifications", {}).status == 404


@pytest.mark.parametrize(
    ("verification", "path"),
    [
        ({"every": "PT30M"}, "verification.every"),
        ({"every": "P29D"}, "verification.every"),
        ({"every": "daily"}, "verification.every"),
        ({"every": "P1D", "repair": "missing"}, "verification.repair"),
        ({"every": "P1D", "repair": ["missing", "unexpected"]}, "verification.repair[1]"),
    ],
)
def test_a_schedule_has_bounds(verification: Mapping[str, str], path: str) -> None:
    answer = call("PATCH", f"/connections/{created()}", {"verification": verification})
    assert (answer.status, list(answer.errors)) == (422, [path])


def due(now: datetime) -> list[Verification]:
    """What the monitor requests, or queues again, at a time."""
    attempts = Attempts(lambda *_: None)
    manage = replace(composition.manage_verifications(), clock=lambda: now)
    requested = list(ScheduleVerifications(connections(), manage)(now, attempts))
    assert attempts.failed == []
    return requested


def test_the_schedule_requests_what_is_due() -> None:
    connection_id = enabled(verification={"every": "P1D", "repair": ["foreign"]})
    enabled("aud-2", name="Not scheduled", munchkin_id="999-ZZZ-999")
    assert stored(connection_id).verification == Schedule(timedelta(days=1), frozenset({Repair.FOREIGN}))

    now = datetime.now(UTC)
    assert [one.connection_id for one in due(now)] == [connection_id]
    [resumed] = due(now + timedelta(days=2))
    assert resumed.requeued_at is not None  # it is not finished yet
    finish(connection_id)
    assert due(now + timedelta(hours=23)) == []
    [again] = due(now + timedelta(hours=25))
    assert again.repair == {Repair.FOREIGN}
    finish(connection_id)
    call("POST", f"/connections/{connection_id}/disable")
    assert due(now + timedelta(days=9)) == []


def test_the_state_of_a_thousand_audiences_with_long_names_fits_into_an_item() -> None:
    checks = [
        AudienceCheck(AudienceKey("n" * 128, f"{number:0255}"), "n", 1, "n", missing=Differences(number % 2))
        for number in range(1_000)
    ]
    made = Verification("20261121T100000000000Z-00000000", "c-2", frozenset(), NOW, 1_000, is_whole=True)
    store().put_out_of_sync(made, checks)
    found = store().out_of_sync("c-2", lambda: [one.audience for one in checks])
    assert found is not None
    assert sum(found.values()) == 500


def test_one_that_does_not_come_to_its_end_makes_room_for_another() -> None:
    connection_id = enabled()
    path = f"/connections/{connection_id}/verifications"
    made = call("POST", path, {}).json
    [stuck] = store().newest(connection_id, 1)
    store().put(replace(stuck, requested_at=datetime.now(UTC) - MAX_DURATION))
    assert made["code"] is None
    [shown] = call("GET", path).json["verifications"]
    assert (shown["status"], shown["code"]) == ("failed", "EXPIRED")
    assert call("POST", path, {}).status == 202


def verification(connection_id: str, verification_id: str) -> Verification:
    found = store().get(connection_id, verification_id)
    assert found is not None
    return found


def cancelled(connection_id: str, verification_id: str) -> Any:
    return call("DELETE", f"/connections/{connection_id}/verifications/{verification_id}")


@pytest.mark.parametrize("status", ["queued", "running"])
def test_a_cancelled_verification_makes_room_for_another_at_once(status: str) -> None:
    connection_id = enabled()
    path = f"/connections/{connection_id}/verifications"
    made = call("POST", path, {}).json
    found = verification(connection_id, made["id"])
    store().put(replace(found, status=VerificationStatus(status), position=0))
    for _ in range(2):
        answer = cancelled(connection_id, made["id"])
        assert (answer.status, answer.json["status"], answer.json["code"]) == (200, "cancelled", None)
        assert answer.json["finished_at"] is not None
    actions = [one["action"] for one in call("GET", "/audit", query={"connection_id": connection_id}).json["records"]]
    assert actions.count("cancel_verification") == 1
    newest = call("GET", "/audit", query={"connection_id": connection_id}).json["records"][0]
    assert newest["changes"] == [{"path": f"verifications.{made['id']}.status", "before": status, "after": "cancelled"}]
    again = call("POST", path, {})
    assert again.status == 202
    assert [one["status"] for one in call("GET", path).json["verifications"]] == ["queued", "cancelled"]


def test_a_finished_verification_stays_as_it_is_when_it_is_cancelled() -> None:
    connection_id = enabled()
    made = call("POST", f"/connections/{connection_id}/verifications", {}).json
    done = finish(connection_id)
    answer = cancelled(connection_id, made["id"])
    assert (answer.status, answer.json["status"]) == (200, "completed")
    assert verification(connection_id, made["id"]) == done
    newest = call("GET", "/audit", query={"connection_id": connection_id}).json["records"][0]
    assert newest["action"] == "request_verification"


def test_cancelling_wins_over_whoever_carries_it_on() -> None:
    connection_id = enabled()
    made = call("POST", f"/connections/{connection_id}/verifications", {}).json
    found = verification(connection_id, made["id"])
    cancelled(connection_id, made["id"])
    for write in (
        lambda: store().put(replace(found, position=1)),
        lambda: store().put_check(found, 0, store().checks(found)[0]),
        lambda: store().put_read(found, 0, 0, [1]),
    ):
        with pytest.raises(StaleVersionError):
            write()
    assert verification(connection_id, made["id"]).status is VerificationStatus.CANCELLED


def test_what_is_not_there_cannot_be_cancelled() -> None:
    connection_id = enabled()
    assert cancelled(connection_id, "20261121T100000000000Z-00000000").status == 404
    assert cancelled("nobody", "20261121T100000000000Z-00000000").status == 404


@pytest.mark.parametrize("before", [0, 1])
def test_of_two_requests_at_once_one_is_refused(before: int) -> None:
    connection_id = enabled()
    path = f"/connections/{connection_id}/verifications"
    for _ in range(before):
        call("POST", path, {})
        finish(connection_id)
        queued()
    first = composition.manage_verifications()
    answers: list[int] = []

    def meanwhile() -> str:
        answers.append(call("POST", path, {}).status)
        return "0a1b2c3d"

    with pytest.raises(VerifyingError):
        replace(first, new_id=meanwhile).request(connection_id, None, frozenset())
    assert answers == [202]
    assert len(queued()) == 1
    assert len(call("GET", path).json["verifications"]) == before + 1
    actions = [one["action"] for one in call("GET", "/audit", query={"connection_id": connection_id}).json["records"]]
    assert actions.count("request_verification") == before + 1


def test_one_that_could_not_be_queued_goes_on_by_itself() -> None:
    connection_id = enabled()
    with refused(aws.sqs(), "SendMessageBatch"):
        made = call("POST", f"/connections/{connection_id}/verifications", {})
    assert (made.status, queued()) == (202, [])
    requested = verification(connection_id, made.json["id"]).requested_at
    assert due(requested + timedelta(minutes=14)) == []
    with refused(aws.sqs(), "SendMessageBatch"):
        assert due(requested + timedelta(minutes=15)) == []
    [resumed] = due(requested + timedelta(minutes=30))
    [message] = queued()
    envelope = decode(json.dumps(message))
    assert (envelope.verification, envelope.received_at) == (made.json["id"], resumed.queued_at)
    assert verification(connection_id, made.json["id"]) == resumed


def test_one_that_goes_on_is_not_queued_again() -> None:
    connection_id = enabled()
    made = call("POST", f"/connections/{connection_id}/verifications", {}).json
    found = verification(connection_id, made["id"])
    at = found.requested_at + timedelta(hours=3)
    store().put(replace(found, status=VerificationStatus.RUNNING, touched_at=at - timedelta(minutes=14)))
    assert due(at) == []
    assert [one.id for one in due(at + timedelta(minutes=1))] == [made["id"]]
    call("POST", f"/connections/{connection_id}/disable")
    assert due(at + timedelta(days=1)) == []


def test_a_connection_that_is_being_deleted_is_not_to_be_enabled_first() -> None:
    connection_id = enabled()
    assert call("DELETE", f"/connections/{connection_id}").status == 202
    answer = call("POST", f"/connections/{connection_id}/verifications", {})
    assert (answer.status, answer.json["type"]) == (409, "urn:marketo-destination:problem:deleting")
