"""Delivery through the deployed stack: nothing lost, nothing twice, the newest wins, and everything accounted for."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from tests.e2e.system import DELIVERY_SECONDS, Destination, System, profile, wait_for

AUDIENCE = "Webinar"
PROFILES = 1000
BROKEN = 437
LIST_CALL = "/rest/v1/lists/.*/leads.json"
LEADS_CALL = "/rest/v1/leads.json"
CONCURRENCY_WAIT_SECONDS = 5.0
"""How long the connection waits when Marketo says that too many calls are under way (615)."""

ENTERED, LEFT_BEFORE, LEFT_AFTER = "2026-11-20T12:00:00Z", "2026-11-20T11:00:00Z", "2026-11-20T13:00:00Z"


def emails(number: int, prefix: str = "person") -> list[str]:
    return [f"{prefix}{index:04}@example.org" for index in range(number)]


def text(records: Iterable[object], opening: str = "", between: str = "\n", end: str = "") -> bytes:
    return (opening + between.join(json.dumps(record) for record in records) + end).encode()


def about_people(calls: Iterable[Mapping[str, Any]]) -> Counter[str]:
    """Calls that look leads up, write them or change lists; what describes the instance is none."""
    return Counter(f"{call['method']} {call['endpoint']}" for call in calls if "/leads.json" in call["path"])


def test_one_broken_record_of_a_thousand_is_named_and_the_others_arrive_once(system: System) -> None:
    instance = system.instance()
    destination = system.connect(instance, AUDIENCE)
    checks = len(instance.calls())
    known = emails(PROFILES)
    lines = [json.dumps(profile(email, AUDIENCE)) for email in known]
    lines[BROKEN] = lines[BROKEN][:-20]
    body = ("[\n" + ",\n".join(lines) + "\n]").encode()

    answer = destination.post(body)
    assert answer["accepted"] == PROFILES - 1
    assert [one["index"] for one in answer["rejected"]] == [BROKEN]
    assert answer["rejected"][0]["errors"][0]["message"].startswith("not JSON")

    arrived = known[:BROKEN] + known[BROKEN + 1 :]
    delivered = destination.accounted(len(arrived))
    assert delivered == {name: len(arrived) for name in ("received", "created", "added", "persons")}
    assert instance.emails() == instance.members(AUDIENCE) == arrived
    told = about_people(instance.calls()[checks:])
    assert sum(told.values()) == 12  # look-up, creation, list: four calls each, as the body is one message

    again = destination.post(body)
    assert (again["accepted"], [one["index"] for one in again["rejected"]]) == (PROFILES - 1, [BROKEN])
    total = destination.accounted(2 * len(arrived))
    assert total == delivered | {
        "received": 2 * len(arrived),
        "unchanged": len(arrived),
        "reasons": {"ALREADY_DELIVERED": len(arrived)},
    }
    assert about_people(instance.calls()[checks:]) == told
    assert system.letters(destination.id) == {}


def test_an_older_exit_changes_nothing_and_a_newer_one_does(system: System) -> None:
    destination = system.connect(system.instance(), AUDIENCE)
    [email] = emails(1)
    destination.post(profile(email, AUDIENCE, "realized", at=ENTERED))
    destination.accounted(1)
    assert destination.instance.members(AUDIENCE) == [email]
    told = about_people(destination.instance.calls())

    destination.post(profile(email, AUDIENCE, "exited", at=LEFT_BEFORE))
    total = destination.accounted(2)
    assert (total["persons"], total["unchanged"], total.get("removed")) == (1, 1, None)
    assert destination.instance.members(AUDIENCE) == [email]
    assert about_people(destination.instance.calls()) == told

    destination.post(profile(email, AUDIENCE, "exited", at=LEFT_AFTER))
    assert destination.accounted(3)["removed"] == 1
    assert destination.instance.members(AUDIENCE) == []


def test_of_one_body_the_newest_membership_wins_whatever_its_place(system: System) -> None:
    destination = system.connect(system.instance(), AUDIENCE)
    stays, leaves = emails(2)
    destination.post(
        [
            profile(stays, AUDIENCE, "realized", at=ENTERED),
            profile(leaves, AUDIENCE, "exited", at=LEFT_AFTER),
            profile(stays, AUDIENCE, "exited", at=LEFT_BEFORE),
            profile(leaves, AUDIENCE, "realized", at=ENTERED),
        ]
    )
    total = destination.accounted(4)
    assert destination.instance.emails() == destination.instance.members(AUDIENCE) == [stays]
    assert (total["created"], total["added"], total.get("failed"), total.get("excluded")) == (1, 1, None, None)


def test_every_form_of_body_that_experience_platform_sends(system: System) -> None:
    destination = system.connect(system.instance(), AUDIENCE)
    people = {
        form: [profile(email, AUDIENCE) for email in emails(1 if form == "object" else 2, form)]
        for form in ("object", "array", "profiles", "lines", "row")
    }
    bodies = {
        "object": text(people["object"]),
        "array": text(people["array"], "[", ", ", "]"),
        "profiles": text(people["profiles"], '{"profiles": [', ", ", "]}"),
        "lines": text(people["lines"], end="\n"),
        "row": text(people["row"], between=""),
    }
    accepted = {form: destination.post(body)["accepted"] for form, body in bodies.items()}
    assert accepted == {form: len(profiles) for form, profiles in people.items()}
    destination.accounted(sum(accepted.values()))
    expected = sorted(email for form, number in accepted.items() for email in emails(number, form))
    assert destination.instance.emails() == destination.instance.members(AUDIENCE) == expected


def test_a_rejected_record_is_a_letter_and_arrives_once_it_is_redriven(system: System) -> None:
    destination = system.connect(system.instance(), AUDIENCE)
    both = emails(2)
    # The first call is the lookup, the second one creates.
    destination.instance.script({"effect": "skip", "code": "1003", "records": [1], "path": f"{LEADS_CALL}$", "nth": 2})
    destination.post([profile(email, AUDIENCE) for email in both])
    total = destination.accounted(2)
    counts = dict.fromkeys(("created", "added", "persons", "failed"), 1)
    assert total == {"received": 2, **counts, "reasons": {"MARKETO_1003": 1}}
    assert len(destination.instance.emails()) == 1
    assert system.letters(destination.id) == {"MARKETO_1003": 1}
    assert system.redrive(destination.id) == 1
    assert destination.made_good() == {"received": 2, "created": 2, "added": 2, "persons": 2}
    assert destination.instance.emails() == destination.instance.members(AUDIENCE) == both
    assert system.letters(destination.id) == {}


def test_access_tokens_that_end_on_the_way_are_renewed(system: System) -> None:
    destination = system.connect(system.instance(), AUDIENCE)
    first, second = emails(1, "first"), emails(1, "second")
    destination.instance.script(
        {"code": "601", "path": f"{LEADS_CALL}$"},
        {"code": "602", "path": LIST_CALL},
    )
    destination.post([profile(email, AUDIENCE) for email in first])
    assert destination.accounted(1) == {"received": 1, "created": 1, "added": 1, "persons": 1}
    assert destination.instance.codes() == {"601": 1, "602": 1}
    assert destination.instance.members(AUDIENCE) == first

    destination.post([profile(email, AUDIENCE) for email in second])
    assert destination.accounted(2)["persons"] == 2
    assert destination.instance.members(AUDIENCE) == [*first, *second]
    assert destination.instance.codes() == {"601": 1, "602": 1}


@pytest.fixture(scope="module")
def held_up(system: System) -> dict[str, Destination]:
    """Connections whose first lookup, or first list call, Marketo refuses for the moment, both posted to at once."""
    made = {
        "lookup": (system.connect(system.instance(), AUDIENCE), f"{LEADS_CALL}$"),
        "list": (system.connect(system.instance(), AUDIENCE), LIST_CALL),
    }
    for destination, path in made.values():
        destination.instance.script({"code": "615", "path": path})
        destination.post([profile(email, AUDIENCE) for email in emails(3)])
    return {name: destination for name, (destination, _) in made.items()}


@pytest.mark.parametrize("call", ["lookup", "list"])
def test_what_marketo_refuses_for_the_moment_is_delivered_later_and_counted_once(
    call: str, system: System, held_up: dict[str, Destination]
) -> None:
    destination = held_up[call]
    total = destination.accounted(3, within=CONCURRENCY_WAIT_SECONDS + DELIVERY_SECONDS)
    assert (total["received"], total["persons"], total["added"]) == (3, 3, 3)
    assert not {"failed", "excluded", "unchanged", "ignored", "reasons"} & total.keys()
    assert destination.instance.codes() == {"615": 1}
    assert destination.instance.emails() == destination.instance.members(AUDIENCE) == emails(3)
    assert system.letters(destination.id) == {}


def test_audiences_that_are_not_activated_are_ignored(system: System) -> None:
    destination = system.connect(system.instance(), AUDIENCE)
    inside, outside = emails(2)
    destination.post([profile(outside, "Elsewhere"), profile(inside, AUDIENCE)])
    total = destination.accounted(1)
    assert (total["received"], total["ignored"]) == (1, 1)
    assert destination.instance.emails() == [inside]


def test_two_connections_that_bring_the_same_new_people_make_one_lead_of_each(system: System) -> None:
    instance = system.instance()
    both = [system.connect(instance, name, name=name) for name in ("First", "Second")]
    bodies = [[profile(email, name) for email in emails(50)] for name in ("First", "Second")]
    for destination, body in zip(both, bodies, strict=True):
        destination.post(body)
    totals = [destination.accounted(50) for destination in both]
    assert [total["persons"] for total in totals] == [50, 50]
    assert sum(total.get("created", 0) for total in totals) == 50
    assert instance.emails() == instance.members("First") == instance.members("Second") == emails(50)


def test_an_event_can_be_followed_from_the_webhook_to_its_calls(system: System) -> None:
    destination = system.connect(system.instance(), AUDIENCE)
    answer = system.send(destination.id, destination.token, [profile(email, AUDIENCE) for email in emails(1)])
    correlation_id = answer.headers["X-Correlation-Id"]
    destination.accounted(1)

    def delivered() -> dict[str, Any] | None:
        lines = (json.loads(line) for line in system.log("sync") if correlation_id in line)
        return next((line for line in lines if line["message"] == "message delivered"), None)

    line = wait_for(delivered, DELIVERY_SECONDS, "the line of the message")
    assert (line["connection_id"], line["events"], line["correlation_id"]) == (destination.id, 1, correlation_id)
    accepted = [json.loads(one) for one in system.log("ingest") if correlation_id in one]
    assert [one["message"] for one in accepted] == ["events accepted"]
