"""What Marketo refuses of one person: who fails, who does not, how it is redriven, and when a lead is gone."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from requests import PreparedRequest

from destination.domain.connection import Limits, MappingRow, SyncType
from marketo_simulator import Fault
from testing.counts import assert_balanced, changes, outcomes, outcomes_of, reasons
from testing.meddler import calm, creates, disturb, meddle
from testing.stages import ADA, BOB, CARL, EXITED, LEADS, LISTS, MINUTE, REALIZED, held
from testing.world import EMAIL_MAPPING, START, World, connection, event

# One record is rejected


SOMEBODY_ELSE = {"1004", "1005", "1007", "1010"}
"""These are looked into: the lead is gone, or another one is there."""
FIELD_UNKNOWN = "1006"
"""This makes the description of the instance be read again."""
REJECTED = ["1003", "1015", "1018"]
"""These fail the person at once."""


def skip(code: str, record: int, **where: Any) -> Fault:
    return Fault("skip", code, records=(record,), **where)


def redrive(world: World) -> None:
    world.redrive()
    world.deliver()


@pytest.mark.parametrize("code", REJECTED)
@pytest.mark.parametrize("place", ["create", "join"])
def test_a_rejected_record_fails_that_person_alone_and_can_be_redriven(code: str, place: str) -> None:
    world = World()
    world.simulator.script(skip(code, 1, path=LEADS, nth=2) if place == "create" else skip(code, 1, path=LISTS))
    report = world.deliver(*(event(one, ("a", REALIZED)) for one in (ADA, BOB, CARL)))
    assert report.requeued == ()
    assert held(world)[1] == [ADA, CARL]
    assert outcomes(world) == {"activated": 2, "failed": 1}
    assert reasons(world) == {f"MARKETO_{code}": 1}
    [letter] = world.letters.bodies
    assert world.letters.codes == [f"MARKETO_{code}"]
    [failed] = json.loads(letter)["events"]
    assert failed["profile"]["email"] == BOB
    redrive(world)
    assert held(world)[1] == [ADA, BOB, CARL]
    assert outcomes(world) == {"activated": 3}
    assert reasons(world) == {}
    assert changes(world) == {"created": 3, "added": 3}
    assert_balanced(world)


@pytest.mark.parametrize("code", REJECTED)
def test_a_rejected_update_fails_that_person_alone(code: str) -> None:
    world = World(leads=[{"id": 7, "email": BOB}, {"id": 8, "email": CARL}])
    world.simulator.script(skip(code, 0, path=LEADS, nth=2))
    world.deliver(event(BOB, ("a", REALIZED)), event(CARL, ("a", REALIZED)))
    assert world.members("a") == [7, 8], "lists do not wait for attributes"
    assert outcomes(world) == {"activated": 1, "failed": 1}
    assert_balanced(world)
    redrive(world)
    assert world.members("a") == [7, 8]
    assert world.leads_now()[7]["firstName"] == "Ada"


def test_whoever_leaves_is_taken_off_though_the_update_is_refused() -> None:
    world = World(leads=[{"id": 7, "email": BOB}])
    world.deliver(event(BOB, ("a", REALIZED)))
    disturb(world, writes_leads, Fault("skip", "1018"))
    world.deliver(event(BOB, ("a", EXITED), ("b", REALIZED), at=START + MINUTE, company="New"))
    assert (world.members("a"), world.members("b")) == ([], [7])
    assert reasons(world) == {"MARKETO_1018": 1}
    assert_balanced(world)
    calm(world)
    redrive(world)
    assert (world.members("a"), world.members("b"), world.leads_now()[7]["company"]) == ([], [7], "New")
    assert reasons(world) == {}
    assert_balanced(world)


@pytest.mark.parametrize("code", ["413", *REJECTED])
def test_a_rejected_request_is_halved_until_the_person_it_is_about_stands_alone(code: str) -> None:
    """Whole requests are refused for one record's sake; 299 others must arrive."""
    world = World()
    refused = "person-17@example.org"

    disturb(world, lambda request: creates(request) and refused in str(request.body), Fault(code=code))
    world.deliver(*(event(f"person-{number}@example.org", ("a", REALIZED)) for number in range(64)))
    assert outcomes(world) == {"activated": 63, "failed": 1}
    assert reasons(world) == {f"MARKETO_{code}": 1}
    assert len(world.members("a")) == 63


@pytest.mark.parametrize("code", ["713", "1014", "9999"])
@pytest.mark.parametrize("place", ["create", "join"])
def test_a_record_that_is_to_be_tried_later_stays_in_the_queue(code: str, place: str) -> None:
    world = World()
    world.simulator.script(skip(code, 1, path=LEADS, nth=2) if place == "create" else skip(code, 1, path=LISTS))
    world.post(event(ADA, ("a", REALIZED)))
    report = world.deliver(event(BOB, ("a", REALIZED)))
    assert len(report.requeued) >= 1
    world.sleep(max(world.queue.invisible_for.values()))
    world.deliver()
    assert held(world)[1] == [ADA, BOB]
    assert outcomes(world) == {"activated": 2}
    assert len(world.leads_now()) == 2


def test_who_is_refused_by_one_list_of_two_needs_only_that_one_when_redriven() -> None:
    world = World(connection(limits=Limits(concurrency=1)))
    world.simulator.script(Fault("skip", "1003", path="/lists/1002/"))
    world.deliver(event(ADA, ("a", REALIZED), ("b", REALIZED)))
    assert held(world)[1:] == ([ADA], [])
    assert outcomes(world) == {"failed": 1}
    assert (outcomes_of(world, "a"), outcomes_of(world, "b")) == ({"activated": 1}, {"failed": 1})
    calls = len(world.calls())
    redrive(world)
    assert [call for call in world.calls()[calls:] if "lists" in call] == ["POST /rest/v1/lists/{id}/leads.json"]
    assert held(world)[1:] == ([ADA], [ADA])
    assert outcomes(world) == {"activated": 1}
    assert outcomes_of(world, "a") == outcomes_of(world, "b") == {"activated": 1}
    assert_balanced(world)


def test_of_one_event_with_two_people_the_refused_one_alone_is_done_again() -> None:
    mapping = (MappingRow("identityMap.email", "DedupeField"), *EMAIL_MAPPING[1:])
    world = World(connection(mapping=mapping))
    world.simulator.script(skip("1003", 1, path=LEADS, nth=2))
    world.deliver(replace(event(None, ("a", REALIZED)), identities={"email": (ADA, BOB)}))
    assert outcomes(world) == {"activated": 1, "failed": 1}
    redrive(world)
    assert held(world)[1] == [ADA, BOB]
    assert outcomes(world) == {"activated": 2}


def test_more_leads_than_marketo_lists_fail_that_person_alone() -> None:
    world = World(leads=[{"email": ADA} for _ in range(1_001)])
    world.deliver(event(ADA, ("a", REALIZED)), event(BOB, ("a", REALIZED)))
    assert outcomes(world) == {"activated": 1, "failed": 1}
    assert reasons(world) == {"TOO_MANY_MATCHES": 1}
    assert world.letters.codes == ["TOO_MANY_MATCHES"]


@pytest.mark.parametrize("stays", [False, True])
def test_a_field_that_marketo_does_not_know_is_looked_into_before_it_fails_anybody(*, stays: bool) -> None:
    world = World()
    world.simulator.script(Fault("skip", FIELD_UNKNOWN, path=LEADS, nth=2))
    if stays:
        world.simulator.script(Fault("skip", FIELD_UNKNOWN, path=LEADS, nth=4))
    world.deliver(event(ADA, ("a", REALIZED)))
    assert world.calls().count("GET /rest/v1/leads/describe2.json") == 2
    assert outcomes(world) == ({"failed": 1} if stays else {"activated": 1})


def test_a_field_removed_in_marketo_is_dropped_and_the_rest_arrives() -> None:
    world = World(connection(mapping=(*EMAIL_MAPPING, MappingRow("tier", "tier"))))
    world.simulator.seed({"fields": [{"name": "tier"}]})
    world.deliver(event(ADA, ("a", REALIZED), tier="gold"))
    world.simulator.seed({"fields": [{"name": "tier", "rest": False}]})
    world.deliver(*(event(one, ("a", REALIZED), at=START + MINUTE, tier="silver", score=5) for one in (ADA, BOB)))
    assert [lead["leadScore"] for lead in world.leads_now().values()] == [5, 5]
    assert outcomes(world) == {"activated": 3}
    assert world.ledger.total(world.connection.id).counts["warnings"] == 2


TIER = (*EMAIL_MAPPING, MappingRow("tier", "tier"))


def writes_leads(request: PreparedRequest) -> bool:
    return b'"updateOnly"' in (request.body if isinstance(request.body, bytes) else b"")


def writes_tier(request: PreparedRequest) -> bool:
    return b'"tier"' in (request.body if isinstance(request.body, bytes) else b"")


def test_calls_that_are_refused_for_a_field_that_is_gone_are_made_once_more_without_it() -> None:
    world = World(connection(mapping=TIER))
    world.simulator.seed({"fields": [{"name": "tier"}]})
    world.deliver(event(ADA, ("a", REALIZED), tier="gold"))
    world.simulator.seed({"fields": [{"name": "tier", "rest": False}]})
    disturb(world, writes_tier, Fault(code="1003"))
    people = [f"p{number}@example.org" for number in range(300)]
    before = len(world.calls())
    world.deliver(*(event(one, ("a", REALIZED), at=START + MINUTE, tier="gold") for one in people))
    assert outcomes(world) == {"activated": 301}
    assert world.ledger.total(world.connection.id).counts["warnings"] == 300
    # Looked up, refused, the schema read anew, created, put on the list.
    assert len(world.calls()) - before <= 6


@pytest.mark.parametrize("kind", ["integer", "date", "boolean"])
def test_a_value_that_no_longer_fits_its_field_is_dropped_and_the_rest_arrives(kind: str) -> None:
    world = World(connection(mapping=TIER))
    world.simulator.seed({"fields": [{"name": "tier"}]})
    world.deliver(event(ADA, ("a", REALIZED), tier="gold"))
    world.simulator.seed({"fields": [{"name": "tier", "data_type": kind}]})
    world.deliver(*(event(one, ("a", REALIZED), at=START + MINUTE, tier="gold", score=5) for one in (BOB, CARL)))
    assert outcomes(world) == {"activated": 3}
    assert world.ledger.total(world.connection.id).counts["warnings"] == 2
    assert [lead["leadScore"] for lead in world.leads_now().values() if lead["email"] != ADA] == [5, 5]


def test_a_call_that_is_refused_for_one_persons_value_fails_that_person_alone() -> None:
    world = World(connection(mapping=TIER))
    world.simulator.seed({"fields": [{"name": "tier"}]})
    disturb(world, lambda request: writes_tier(request) and b"poison" in (request.body or b""), Fault(code="1003"))
    people = [f"p{number}@example.org" for number in range(300)]
    world.deliver(*(event(one, ("a", REALIZED), tier="poison" if one == people[7] else "gold") for one in people))
    assert outcomes(world) == {"activated": 299, "failed": 1}
    assert reasons(world) == {"MARKETO_1003": 1}
    assert world.leads_by_email(people[7]) == []


# The lead is gone, or somebody else made one


def gone(world: World, lead_id: int) -> None:
    world.simulator.state.delete_lead(world.simulator.state.leads[lead_id])


@pytest.mark.parametrize("sync_type", list(SyncType))
def test_a_lead_that_was_merged_is_looked_up_again_once(sync_type: SyncType) -> None:
    world = World(connection(sync_type=sync_type, lead_cache=timedelta(hours=24)), [{"id": 7, "email": ADA}])
    world.deliver(event(ADA, ("a", REALIZED)))
    gone(world, 7)
    world.simulator.seed({"leads": [{"id": 9, "email": ADA}]})
    calls = world.calls().count("GET /rest/v1/leads.json")
    world.deliver(event(ADA, ("a", REALIZED), ("b", REALIZED), at=START + MINUTE, score=5))
    # Where it leaves a list Marketo is asked, too, whose lead the old one is.
    assert world.calls().count("GET /rest/v1/leads.json") == calls + (1 if sync_type is SyncType.PROFILE_ONLY else 2)
    assert list(world.leads_now()) == [9]
    assert world.leads_now()[9].get("leadScore") == (None if sync_type is SyncType.AUDIENCE_ONLY else 5)
    on_lists: list[int] = [] if sync_type is SyncType.PROFILE_ONLY else [9]
    assert (world.members("a"), world.members("b")) == (on_lists, on_lists)
    assert outcomes(world) == {"activated": 2}
    assert_balanced(world)


def test_a_lead_that_was_deleted_is_created_again() -> None:
    world = World(leads=[{"id": 7, "email": ADA}])
    world.deliver(event(ADA, ("a", REALIZED)))
    gone(world, 7)
    world.deliver(event(ADA, ("a", REALIZED), at=START + MINUTE, score=5))
    [lead] = world.leads_now().values()
    assert (lead["email"], lead["leadScore"]) == (ADA, 5)
    assert world.members("a") == [lead["id"]]


def test_an_exit_of_a_deleted_lead_is_done() -> None:
    world = World(leads=[{"id": 7, "email": ADA}])
    world.deliver(event(ADA, ("a", REALIZED)))
    gone(world, 7)
    report = world.deliver(event(ADA, ("a", EXITED), at=START + MINUTE))
    assert report.requeued == ()
    assert outcomes(world) == {"activated": 1, "unchanged": 1}
    assert world.leads_now() == {}


@pytest.mark.parametrize("partition", ["Default", "EMEA"])
def test_who_was_created_by_somebody_else_meanwhile_is_found_and_updated(partition: str) -> None:
    world = World()
    rival = {"leads": [{"id": 70, "email": ADA, "partition": partition}]}
    meddle(world, creates, lambda: world.simulator.seed(rival))
    world.deliver(event(ADA, ("a", REALIZED)))
    assert {lead_id: lead["firstName"] for lead_id, lead in world.leads_now().items()} == {70: "Ada"}
    assert world.members("a") == [70]
    assert outcomes(world) == {"activated": 1}


@pytest.mark.parametrize("code", sorted(SOMEBODY_ELSE - {"1004"}))
def test_a_creation_that_is_refused_twice_fails(code: str) -> None:
    world = World()
    world.simulator.script(Fault("skip", code, path=LEADS, every=1))
    world.deliver(event(ADA, ("a", REALIZED)))
    assert outcomes(world) == {"failed": 1}
    assert reasons(world) == {f"MARKETO_{code}": 1}
    world.simulator.clear_faults()
    redrive(world)
    assert outcomes(world) == {"activated": 1}


def test_an_exit_takes_the_lead_off_into_which_ours_was_merged() -> None:
    world = World(leads=[{"id": 7, "email": ADA}])
    world.deliver(event(ADA, ("a", REALIZED)))
    gone(world, 7)
    world.simulator.seed({"leads": [{"id": 9, "email": ADA}]})
    world.simulator.state.lists[1001].members.add(9)
    left = event(ADA, ("a", EXITED), at=START + MINUTE)
    world.deliver(replace(left, profile={"email": ADA}))
    assert world.members("a") == []
    assert outcomes(world) == {"activated": 2}
