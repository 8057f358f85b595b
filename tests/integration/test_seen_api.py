"""What is sent is seen, from the webhook to the answer, also of a draft: from it a mapping is built."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.seen import DAYS, Seen, SeenAttribute, SeenAudience
from destination.store.seen import SeenDays
from testing.control_plane import call
from testing.stack import MAPPING, RunningStack, stack

ADA = {
    "profile": {
        "email": "marker@example.org",
        "person": {"firstName": "Marker", "birthDate": "1815-12-10"},
        "emails": [{"address": "marker@example.org", "primary": True}],
        "score": 7,
        "spouses": {"marker@example.org": {"since": 1835}},
    },
    "identities": {"CRMID": ["marker-17"]},
    "audiences": [
        {"id": "aud-1", "name": "Webinar"},
        {"id": "aud-2", "status": "exited"},
        {"id": "aud-1", "namespace": "crm"},
    ],
}


@pytest.fixture
def running() -> Iterator[RunningStack]:
    with stack({"lists": [{"name": "Webinar", "id": 1001, "workspace": "Default"}]}) as made:
        yield made


def seen(connection_id: str) -> Any:
    answer = call("GET", f"/connections/{connection_id}/seen")
    assert answer.status == 200, answer.text
    assert "marker" not in answer.text.lower()
    return answer.json


def test_what_is_sent_to_a_draft_is_refused_and_seen(running: RunningStack) -> None:
    connection = running.connect(mapping=MAPPING[:3])

    assert running.send(connection, [ADA, ADA]) == 409
    assert running.deliver() == set()

    found = seen(connection[0])
    assert [(one["path"], one["types"], one["events"], one["mapped"]) for one in found["attributes"]] == [
        ("email", {"string": 2}, 2, True),
        ("emails[*].address", {"string": 2}, 2, False),
        ("emails[*].primary", {"boolean": 2}, 2, False),
        ("person.birthDate", {"date": 2}, 2, False),
        ("person.firstName", {"string": 2}, 2, False),
        ("score", {"integer": 2}, 2, False),
    ]
    [identity] = found["identities"]
    assert (identity["namespace"], identity["path"], identity["mapped"]) == ("crmid", "identityMap.crmid", False)
    assert {
        (one["namespace"], one["id"]): (one["realized"], one["exited"], one["name"]) for one in found["audiences"]
    } == {
        ("ups", "aud-1"): (2, 0, "Webinar"),
        ("ups", "aud-2"): (0, 2, None),
        ("crm", "aud-1"): (2, 0, None),
    }
    assert not any(one["activated"] for one in found["audiences"])
    assert (found["events"], found["sampled_events"], found["unnamed_events"], found["truncated"]) == (2, 2, 2, False)
    assert not running.marketo.log()


def test_a_mapping_made_of_what_was_seen_can_be_enabled(running: RunningStack) -> None:
    connection = running.connect(mapping=[])
    connection_id, _ = connection
    running.send(connection, [ADA])
    running.deliver()
    found = seen(connection_id)
    sources = {one["path"] for one in (*found["attributes"], *found["identities"])}
    chosen = [
        {"source": "emails[*].address", "target": "DedupeField"},
        {"source": "emails[*].address", "target": "email"},
        {"source": "identityMap.crmid", "target": "company"},
        {"source": "person.firstName", "target": "firstName"},
        {"source": "person.firstName", "target": "lastName"},
    ]
    assert sources >= {row["source"] for row in chosen}
    assert call("PUT", f"/connections/{connection_id}/mapping", chosen).status == 200
    audience = next(one for one in found["audiences"] if one["namespace"] == "ups" and one["realized"])
    body = {"id": audience["id"], "namespace": audience["namespace"], "name": audience["name"]}
    activated = call("POST", f"/connections/{connection_id}/audiences", body).json
    assert call("POST", f"/connections/{connection_id}/enable").status == 200

    after = seen(connection_id)
    assert {one["path"] for one in (*after["attributes"], *after["identities"]) if one["mapped"]} == {
        "emails[*].address",
        "identityMap.crmid",
        "person.firstName",
    }
    assert {one["activation_id"]: one["namespace"] for one in after["audiences"] if one["activated"]} == {
        activated["activation_id"]: "ups"
    }
    assert running.send(connection, [ADA]) == 202
    running.deliver()
    assert running.members(1001) == {"Marker"}


def test_an_audience_in_any_namespace_takes_those_of_all(running: RunningStack) -> None:
    connection = running.connect(mapping=MAPPING[:3])
    activated = call("POST", f"/connections/{connection[0]}/audiences", {"id": "aud-1", "name": "Webinar"}).json
    assert call("POST", f"/connections/{connection[0]}/enable").status == 200
    assert running.send(connection, [ADA]) == 202
    running.deliver()
    found = seen(connection[0])["audiences"]
    assert {(one["namespace"], one["id"], one["activation_id"]) for one in found} == {
        ("ups", "aud-1", activated["activation_id"]),
        ("crm", "aud-1", activated["activation_id"]),
        ("ups", "aud-2", None),
    }


def test_the_last_days_are_added_up_and_older_ones_are_not_shown(running: RunningStack) -> None:
    connection_id, _ = running.connect(mapping=MAPPING[:3])
    now = datetime.now(UTC)
    days = SeenDays(running.aws.dynamodb, "RunsTable")
    for age in (0, DAYS - 1, DAYS):
        at = now - timedelta(days=age)
        one = Seen(
            {f"of_day_{age}": SeenAttribute(1, at, {}), "email": SeenAttribute(1, at, {})},
            {},
            {AudienceKey("ups", "aud-1"): SeenAudience(2, 1, at, f"named {age}")},
            events=3,
            sampled=1,
        )
        days.add(connection_id, at.date(), one)

    found = seen(connection_id)

    assert [(one["path"], one["events"]) for one in found["attributes"]] == [
        ("email", 2),
        ("of_day_0", 1),
        (f"of_day_{DAYS - 1}", 1),
    ]
    [audience] = found["audiences"]
    assert (audience["events"], audience["realized"], audience["exited"], audience["name"]) == (6, 4, 2, "named 0")
    assert (found["events"], found["sampled_events"]) == (6, 2)
    assert found["since"] == f"{now - timedelta(days=DAYS - 1):%Y-%m-%d}T00:00:00Z"
    assert datetime.fromisoformat(found["until"]) >= now


def test_of_a_connection_without_events_there_is_nothing(running: RunningStack) -> None:
    found = seen(running.connect()[0])
    assert (found["attributes"], found["identities"], found["audiences"], found["events"]) == ([], [], [], 0)


def test_of_a_connection_that_is_not_there_nothing_is_told(running: RunningStack) -> None:
    assert call("GET", "/connections/none/seen").status == 404


def test_no_value_is_in_the_queue_or_in_the_table(running: RunningStack) -> None:
    connection = running.connect()
    running.send(connection, [ADA])
    [message] = running.aws.receive()
    assert "marker" not in message["Body"].lower()
    assert json.loads(message["Body"])["events"] == []
