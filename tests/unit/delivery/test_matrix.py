"""The table of sync types and person actions, over leads that match and memberships that come: what Marketo holds then.

Source: Adobe, "Marketo Engage destination", sync type and person action table, and its important considerations.
"""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.connection import (
    MappingRow,
    PersonAction,
    Scope,
    SyncType,
)
from destination.domain.event import MembershipStatus
from destination.domain.person import Applied, Desired, LedgerRow, Said
from testing.counts import assert_balanced, changes, outcomes, outcomes_of, reasons
from testing.world import EMAIL_MAPPING, START, World, audience, connection, event

ADA = "ada@example.org"
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
CREATE, UPDATE = PersonAction.UPDATE_EXISTING_AND_CREATE_NEW, PersonAction.UPDATE_EXISTING_ONLY
PROFILE, AUDIENCE, BOTH = SyncType.PROFILE_ONLY, SyncType.AUDIENCE_ONLY, SyncType.AUDIENCE_AND_PROFILE

NO_MATCH: tuple[dict[str, object], ...] = ()
ONE_MATCH: tuple[dict[str, object], ...] = ({"id": 7, "email": ADA, "partition": "EMEA", "firstName": "A."},)
SEVERAL: tuple[dict[str, object], ...] = (
    {"id": 3, "email": ADA, "firstName": "A."},
    {"id": 5, "email": "Ada@Example.org", "partition": "EMEA", "firstName": "A."},
    {"id": 9, "email": ADA, "partition": "EMEA", "firstName": "A."},
)
"""Of these, 5 was changed last."""

ROWS = [(sync_type, action) for sync_type in (PROFILE, AUDIENCE, BOTH) for action in (CREATE, UPDATE)]


def world(sync_type: SyncType, action: PersonAction, leads: tuple[dict[str, object], ...], **rest: Any) -> World:
    """A world whose leads are an hour old, except for lead 5, which was changed half an hour ago."""
    made = World(
        connection(sync_type=sync_type, person_action=action, **rest), leads, now=START - timedelta(minutes=60)
    )
    made.now = START - timedelta(minutes=30)
    if any(lead.get("id") == 5 for lead in leads):
        change_in_marketo(made, 5, middleName="M.")
    made.now = START
    return made


def change_in_marketo(world: World, lead_id: int, **fields: str) -> None:
    """Somebody edits the lead by hand."""
    state = world.simulator.state
    state.update_lead(state.leads[lead_id], fields, world.now)


def row(world: World) -> LedgerRow:
    """What the ledger knows of Ada."""
    kept = world.ledger.row(world.connection.id, ADA)
    assert kept is not None
    return kept


def desired(status: MembershipStatus) -> dict[AudienceKey, Desired]:
    """What the source said of audience a at the start."""
    return {audience("a"): Desired(status, Said(START, START))}


def names(world: World) -> dict[int, object]:
    return {lead_id: lead.get("firstName") for lead_id, lead in world.leads_now().items()}


# What the table says of a matched lead


@pytest.mark.parametrize(("leads", "matched"), [(ONE_MATCH, 7), (SEVERAL, 5)], ids=["one", "several"])
@pytest.mark.parametrize(("sync_type", "action"), ROWS)
def test_realized_with_a_matched_lead(
    sync_type: SyncType, action: PersonAction, leads: tuple[dict[str, object], ...], matched: int
) -> None:
    made = world(sync_type, action, leads)
    before = made.leads_now()
    made.deliver(event(ADA, ("a", REALIZED), company="Analytical Engines"))
    assert made.leads_now() == (before if sync_type is AUDIENCE else updated(before, matched))
    assert made.members("a") == ([] if sync_type is PROFILE else [matched])
    assert made.members("b") == []
    assert outcomes(made) == outcomes_of(made, "a") == {"activated": 1}
    assert (
        changes(made) == {PROFILE: {"updated": 1}, AUDIENCE: {"added": 1}, BOTH: {"updated": 1, "added": 1}}[sync_type]
    )
    kept = row(made)
    assert kept.lead_id == (matched if leads is ONE_MATCH else None)
    assert (kept.attributes and kept.attributes.said.at) == (None if sync_type is AUDIENCE else START)
    assert kept.desired == desired(REALIZED)
    assert kept.applied == ({} if sync_type is PROFILE else {audience("a"): Applied(1001, (matched,))})


@pytest.mark.parametrize("was_on_list", [True, False], ids=["member", "no member"])
@pytest.mark.parametrize(("leads", "matched"), [(ONE_MATCH, 7), (SEVERAL, 5)], ids=["one", "several"])
@pytest.mark.parametrize(("sync_type", "action"), ROWS)
def test_exited_with_a_matched_lead(
    sync_type: SyncType, action: PersonAction, leads: tuple[dict[str, object], ...], matched: int, *, was_on_list: bool
) -> None:
    made = world(sync_type, action, leads)
    if was_on_list:
        made.simulator.state.lists[1001].members.add(matched)
    before = made.leads_now()
    made.deliver(event(ADA, ("a", EXITED), company="Analytical Engines"))
    assert made.leads_now() == (before if sync_type is AUDIENCE else updated(before, matched))
    assert made.members("a") == ([matched] if was_on_list and sync_type is PROFILE else [])
    took_off = was_on_list and sync_type is not PROFILE
    if sync_type is AUDIENCE and not was_on_list:
        assert outcomes(made) == {"unchanged": 1}
        assert reasons(made) == {"NOT_ON_LIST": 1}
    else:
        assert outcomes(made) == {"activated": 1}
    assert changes(made) == ({} if sync_type is AUDIENCE else {"updated": 1}) | ({"removed": 1} if took_off else {})
    assert row(made).desired == desired(EXITED)
    assert row(made).applied == ({} if sync_type is PROFILE else {audience("a"): Applied(1001, ())})
    assert_balanced(made)


def test_of_matches_as_old_as_each_other_the_highest_id_is_the_person() -> None:
    made = World(leads=[{"id": lead_id, "email": ADA} for lead_id in (12, 30, 9)])
    made.deliver(event(ADA, ("a", REALIZED)))
    assert made.members("a") == [30]
    assert names(made) == {9: None, 12: None, 30: "Ada"}


# What the table says of a profile that matches nobody


@pytest.mark.parametrize("partition", [None, "EMEA"])
@pytest.mark.parametrize("sync_type", list(SyncType))
def test_realized_without_a_match_creates(sync_type: SyncType, partition: str | None) -> None:
    made = world(sync_type, CREATE, NO_MATCH, partition=None if sync_type is AUDIENCE else partition)
    made.deliver(event(ADA, ("a", REALIZED), company="Analytical Engines", score=0))
    [lead] = made.leads_now().values()
    assert lead["partition"] == ("EMEA" if partition and sync_type is not AUDIENCE else "Default")
    assert (lead["email"], lead["firstName"], lead["lastName"]) == (ADA, "Ada", "Lovelace")
    assert (lead["company"], lead["leadScore"]) == ("Analytical Engines", 0)
    assert made.members("a") == ([] if sync_type is PROFILE else [lead["id"]])
    assert outcomes(made) == outcomes_of(made, "a") == {"activated": 1}
    assert changes(made) == {"created": 1} | ({} if sync_type is PROFILE else {"added": 1})
    kept = row(made)
    assert (kept.lead_id, kept.looked_up_at, kept.attributes and kept.attributes.said.at) == (lead["id"], START, START)


def test_who_was_excluded_is_tried_again_when_sent_again() -> None:
    made = world(BOTH, UPDATE, NO_MATCH)
    made.deliver(event(ADA, ("a", REALIZED)))
    made.simulator.seed({"leads": [{"id": 7, "email": ADA}]})
    made.deliver(event(ADA, ("a", REALIZED)))
    assert made.members("a") == [7]
    assert outcomes(made) == {"excluded": 1, "activated": 1}


@pytest.mark.parametrize("sync_type", list(SyncType))
def test_realized_without_a_match_is_excluded_where_only_existing_people_are_updated(sync_type: SyncType) -> None:
    made = world(sync_type, UPDATE, NO_MATCH)
    made.deliver(event(ADA, ("a", REALIZED), company="Analytical Engines"))
    assert made.leads_now() == {}
    assert made.members("a") == []
    assert outcomes(made) == outcomes_of(made, "a") == {"excluded": 1}
    assert reasons(made) == {"PERSON_NOT_FOUND": 1}
    assert (row(made).desired, row(made).applied, row(made).attributes) == (desired(REALIZED), {}, None)


@pytest.mark.parametrize(("sync_type", "action"), ROWS)
def test_nobody_is_created_because_they_left(sync_type: SyncType, action: PersonAction) -> None:
    made = world(sync_type, action, NO_MATCH)
    made.deliver(event(ADA, ("a", EXITED), company="Analytical Engines"))
    assert made.leads_now() == {}
    assert outcomes(made) == outcomes_of(made, "a") == {"unchanged": 1}
    assert reasons(made) == {"NOT_ON_LIST": 1}
    assert row(made).desired == desired(EXITED)


@pytest.mark.parametrize(("sync_type", "action"), ROWS)
def test_an_exit_of_nobody_said_again_with_newer_attributes_stays_unchanged(
    sync_type: SyncType, action: PersonAction
) -> None:
    made = world(sync_type, action, NO_MATCH)
    left = event(ADA, ("a", EXITED))
    made.deliver(left)
    made.deliver(replace(left, at=START + timedelta(minutes=1), profile={**left.profile, "company": "Engines"}))
    assert made.leads_now() == {}
    assert outcomes(made) == {"unchanged": 2}


def test_one_realized_audience_creates_although_another_one_was_left() -> None:
    made = World()
    made.deliver(event(ADA, ("a", EXITED), ("b", REALIZED)))
    [lead_id] = made.leads_now()
    assert (made.members("a"), made.members("b")) == ([], [lead_id])
    assert changes(made) == {"created": 1, "added": 1}


def test_an_exit_that_found_nobody_takes_nothing_from_the_entry_into_another_audience() -> None:
    """Its attributes reached no lead, so they cannot be newer than what Marketo has."""
    made = World()
    made.deliver(event(ADA, ("a", EXITED), at=START - timedelta(minutes=1)))
    made.deliver(event(ADA, ("b", REALIZED), at=START - timedelta(minutes=2)))
    [lead_id] = made.leads_now()
    assert made.members("b") == [lead_id]


@pytest.mark.parametrize("sync_type", list(SyncType))
def test_after_an_exit_that_found_nobody_an_entry_with_equal_attributes_creates(sync_type: SyncType) -> None:
    made = World(connection(sync_type=sync_type))
    made.deliver(event(ADA, ("a", EXITED)))
    made.deliver(event(ADA, ("a", REALIZED), at=START + timedelta(minutes=1)))
    assert names(made) == {1: "Ada"}
    assert outcomes(made) == {"activated": 1, "unchanged": 1}


def test_attributes_that_found_nobody_are_told_to_the_lead_that_is_there_later() -> None:
    made = World()
    made.deliver(event(ADA, ("a", EXITED)))
    made.simulator.seed({"leads": [{"id": 7, "email": ADA, "firstName": "Old"}]})
    made.deliver(event(ADA, ("a", REALIZED), at=START + timedelta(minutes=1)))
    assert names(made) == {7: "Ada"}
    assert made.members("a") == [7]


@pytest.mark.parametrize(("action", "reason"), [(CREATE, "MISSING_REQUIRED_ATTRIBUTE"), (UPDATE, "PERSON_NOT_FOUND")])
def test_who_left_without_being_found_was_told_nothing(action: PersonAction, reason: str) -> None:
    made = World(connection(sync_type=PROFILE, person_action=action))
    made.deliver(event(ADA, ("a", EXITED)))
    entered = event(ADA, ("a", REALIZED), at=START + timedelta(minutes=1))
    made.deliver(replace(entered, profile={"email": ADA}))
    assert reasons(made) == {"NOT_ON_LIST": 1, reason: 1}


# Partition and dedupe field


def test_the_partition_says_where_new_people_go_and_moves_nobody() -> None:
    made = World(connection(partition="EMEA"), [{"id": 7, "email": ADA}])
    made.deliver(event(ADA, ("a", REALIZED)), event("bob@example.org", ("a", REALIZED)))
    assert {lead["email"]: lead["partition"] for lead in made.leads_now().values()} == {
        ADA: "Default",
        "bob@example.org": "EMEA",
    }


def test_a_partition_that_an_audience_only_connection_has_all_the_same_is_not_used() -> None:
    made = World(connection(sync_type=AUDIENCE, partition="EMEA"))
    made.deliver(event(ADA, ("a", REALIZED)))
    assert [lead["partition"] for lead in made.leads_now().values()] == ["Default"]


def test_email_matches_without_case_and_space_and_stays_as_marketo_has_it() -> None:
    made = World(leads=[{"id": 7, "email": "Ada@Example.org"}])
    made.deliver(event("  ADA@example.ORG ", ("a", REALIZED)))
    assert [(lead["id"], lead["email"]) for lead in made.leads_now().values()] == [(7, "Ada@Example.org")]
    assert made.members("a") == [7]


def test_one_address_in_two_spellings_is_one_new_person() -> None:
    made = World()
    made.deliver(
        event(ADA, ("a", REALIZED)), event(" ADA@example.org", ("b", REALIZED), at=START + timedelta(seconds=1))
    )
    [lead_id] = made.leads_now()
    assert (made.members("a"), made.members("b")) == ([lead_id], [lead_id])
    assert outcomes(made) == {"activated": 2}


CUSTOM_MAPPING = (MappingRow("customer", "DedupeField"), MappingRow("email", "email"), *EMAIL_MAPPING[1:])


def custom_world(data_type: str = "string", **changes: Any) -> World:
    made = World(connection(dedupe_field="customerNumber", mapping=CUSTOM_MAPPING, **changes))
    made.simulator.seed({"fields": [{"name": "customerNumber", "data_type": data_type}]})
    return made


def test_a_custom_field_identifies_and_people_may_share_an_address() -> None:
    made = custom_world()
    made.deliver(event(ADA, ("a", REALIZED), customer="C-1"), event(ADA, ("a", REALIZED), customer="c-1"))
    assert sorted(lead["customerNumber"] for lead in made.leads_now().values()) == ["C-1", "c-1"]
    made.deliver(event("ada@example.com", ("a", REALIZED), at=START + timedelta(seconds=1), customer=" C-1 "))
    assert {lead["customerNumber"]: lead["email"] for lead in made.leads_now().values()} == {
        "C-1": "ada@example.com",
        "c-1": ADA,
    }


def test_to_create_by_another_field_the_email_must_not_be_empty() -> None:
    made = custom_world()
    made.deliver(event(None, ("a", REALIZED), customer="C-1"))
    assert made.leads_now() == {}
    assert reasons(made) == {"MISSING_REQUIRED_ATTRIBUTE": 1}


def test_a_number_identifies_however_it_is_written() -> None:
    made = custom_world("integer")
    made.deliver(event(ADA, ("a", REALIZED), customer=17))
    made.deliver(event("ada@example.com", ("a", REALIZED), at=START + timedelta(seconds=1), customer="17"))
    assert [(one["customerNumber"], one["email"]) for one in made.leads_now().values()] == [(17, "ada@example.com")]


def test_a_number_in_a_text_field_identifies_as_a_double_too() -> None:
    made = custom_world()
    made.simulator.seed({"leads": [{"id": 7, "customerNumber": "417", "email": ADA}]})
    made.deliver(event(ADA, ("a", REALIZED), customer=417.0))
    assert (list(made.leads_now()), made.members("a")) == ([7], [7])


def test_an_identity_with_several_values_is_one_person_each() -> None:
    mapping = (MappingRow("identityMap.Email", "DedupeField"), *EMAIL_MAPPING[1:])
    made = World(connection(mapping=mapping), [{"id": 7, "email": "bob@example.org"}])
    ids = {"email": (ADA, "bob@example.org", "ADA@example.org")}
    made.deliver(replace(event(None, ("a", REALIZED)), identities=ids))
    assert sorted(lead["email"] for lead in made.leads_now().values()) == [ADA, "bob@example.org"]
    assert len(made.members("a")) == 2
    assert outcomes(made) == {"activated": 2}
    assert changes(made) == {"created": 1, "updated": 1, "added": 2}


# Audiences


def test_audiences_that_are_not_activated_are_as_if_not_there() -> None:
    made = World()
    made.deliver(
        event(ADA, ("a", REALIZED), ("elsewhere", REALIZED)), event("bob@example.org", ("elsewhere", REALIZED))
    )
    assert [lead["email"] for lead in made.leads_now().values()] == [ADA]
    assert outcomes(made) == {"activated": 1}
    total = made.ledger.total(made.connection.id)
    assert total.counts["ignored"] == 1
    assert {key.id for key in total.audiences} == {"a"}


def test_the_same_id_in_another_namespace_is_another_audience() -> None:
    made = World()
    said = event(ADA, ("a", REALIZED))
    [membership] = said.memberships
    other = membership._replace(audience=membership.audience._replace(namespace="aep"))
    made.deliver(replace(said, memberships=(other,)))
    assert made.leads_now() == {}
    assert made.ledger.total(made.connection.id).counts["ignored"] == 1


def test_a_realized_audience_that_is_not_activated_creates_nobody() -> None:
    made = World()
    made.deliver(event(ADA, ("a", EXITED), ("elsewhere", REALIZED)))
    assert made.leads_now() == {}
    assert reasons(made) == {"NOT_ON_LIST": 1}


@pytest.mark.parametrize("sync_type", [PROFILE, BOTH])
def test_with_all_profiles_in_scope_existing_leads_are_updated_and_nobody_is_created(sync_type: SyncType) -> None:
    made = World(connection(sync_type=sync_type, scope=Scope.ALL_PROFILES), [{"id": 7, "email": "bob@example.org"}])
    made.deliver(event(ADA), event("bob@example.org", ("elsewhere", REALIZED)))
    assert names(made) == {7: "Ada"}
    assert outcomes(made) == {"activated": 1, "excluded": 1}
    assert reasons(made) == {"PERSON_NOT_FOUND": 1}
    assert made.ledger.total(made.connection.id).counts["ignored"] == 0


def test_on_exit_the_lead_that_we_put_on_the_list_leaves_even_if_another_is_the_match_by_now() -> None:
    made = world(BOTH, CREATE, SEVERAL)
    made.deliver(event(ADA, ("a", REALIZED)))
    assert made.members("a") == [5]
    made.now += timedelta(minutes=5)
    change_in_marketo(made, 3, middleName="M.")
    made.deliver(event(ADA, ("a", EXITED), at=made.now))
    assert made.members("a") == []
    assert made.leads_now()[3]["firstName"] == "Ada"
    assert changes(made) == {"updated": 2, "added": 1, "removed": 1}


def updated(before: dict[int, dict[str, Any]], lead_id: int) -> dict[int, dict[str, Any]]:
    """The leads as they are to be once the event's attributes are on this one."""
    written = {"firstName": "Ada", "lastName": "Lovelace", "company": "Analytical Engines"}
    return {**before, lead_id: {**before[lead_id], **written, "updatedAt": "2026-11-21T10:00:00Z"}}
