"""The attributes of a profile: what a person needs, what is sent of it, and what Marketo cannot take."""

from dataclasses import replace
from datetime import timedelta

import pytest

from destination.domain.connection import (
    MappingRow,
    OnInvalid,
    OptIn,
    PersonAction,
    SyncType,
    WhenEmpty,
    WhenMissing,
)
from destination.domain.event import MembershipStatus, ProfileEvent
from testing.counts import outcomes, outcomes_of, reasons
from testing.events import having
from testing.world import EMAIL_MAPPING, START, World, connection, event

ADA = "ada@example.org"
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
CREATE, UPDATE = PersonAction.UPDATE_EXISTING_AND_CREATE_NEW, PersonAction.UPDATE_EXISTING_ONLY
PROFILE, AUDIENCE, BOTH = SyncType.PROFILE_ONLY, SyncType.AUDIENCE_ONLY, SyncType.AUDIENCE_AND_PROFILE


# What is needed of a profile


@pytest.mark.parametrize("value", [None, "", "   ", {}, []], ids=repr)
def test_without_a_dedupe_value_there_is_no_person(value: object) -> None:
    made = World()
    made.deliver(replace(event(None, ("a", REALIZED)), profile={"email": value, "firstName": "Ada", "lastName": "L."}))
    assert made.leads_now() == {}
    assert outcomes(made) == outcomes_of(made, "a") == {"excluded": 1}
    assert reasons(made) == {"MISSING_DEDUPE_VALUE": 1}


@pytest.mark.parametrize("value", ["nobody", "a,b@example.org", 17, True, {"address": ADA}], ids=repr)
def test_a_dedupe_value_that_marketo_cannot_have_identifies_nobody(value: object) -> None:
    made = World()
    made.deliver(replace(event(None, ("a", REALIZED)), profile={"email": value, "firstName": "Ada", "lastName": "L."}))
    assert made.leads_now() == {}
    assert outcomes(made) == {"excluded": 1}
    assert reasons(made) == {"INVALID_DEDUPE_VALUE": 1}


@pytest.mark.parametrize("missing", ["firstName", "lastName"])
@pytest.mark.parametrize("value", [None, "", {}], ids=repr)
def test_to_create_names_must_not_be_empty(missing: str, value: object) -> None:
    made = World(leads=[{"id": 7, "email": "bob@example.org", missing: "Kept"}])
    made.deliver(
        having(event(ADA, ("a", REALIZED)), {missing: value}),
        having(event("bob@example.org", ("a", REALIZED)), {missing: value}),
    )
    assert made.members("a") == list(made.leads_now()) == [7]
    assert made.leads_now()[7][missing] == "Kept"
    assert outcomes(made) == {"activated": 1, "excluded": 1}
    assert reasons(made) == {"MISSING_REQUIRED_ATTRIBUTE": 1}


def test_a_required_value_that_marketo_cannot_take_excludes_a_new_person_only() -> None:
    made = World(leads=[{"id": 7, "email": "bob@example.org", "firstName": "Bob"}])
    long = "x" * 256
    made.deliver(event(ADA, ("a", REALIZED), firstName=long), event("bob@example.org", ("a", REALIZED), firstName=long))
    assert [lead["firstName"] for lead in made.leads_now().values()] == ["Bob"]
    assert outcomes(made) == {"activated": 1, "excluded": 1}
    assert reasons(made) == {"INVALID_REQUIRED_ATTRIBUTE": 1}


# Attributes


def test_zero_and_false_are_values() -> None:
    mapping = (*EMAIL_MAPPING, MappingRow("unsubscribed", "unsubscribed", opt_in=OptIn.SEND))
    made = World(connection(mapping=mapping), [{"id": 7, "email": ADA, "leadScore": 5, "unsubscribed": True}])
    made.deliver(event(ADA, ("a", REALIZED), score=0, unsubscribed=False))
    assert (made.leads_now()[7]["leadScore"], made.leads_now()[7]["unsubscribed"]) == (0, False)


@pytest.mark.parametrize("absent", [{}, {"company": None}, {"company": {}}, {"company": [None]}], ids=repr)
@pytest.mark.parametrize("when_missing", list(WhenMissing))
def test_an_attribute_that_is_not_on_the_profile(when_missing: WhenMissing, absent: dict[str, object]) -> None:
    mapping = (*EMAIL_MAPPING[:3], MappingRow("company", "company", when_missing=when_missing))
    made = World(connection(mapping=mapping), [{"id": 7, "email": ADA, "company": "Old"}])
    said = event(ADA, ("a", REALIZED))
    made.deliver(replace(said, profile={**said.profile, **absent}))
    assert made.leads_now()[7].get("company") == ("Old" if when_missing is WhenMissing.IGNORE else None)


def test_what_is_cleared_does_not_hinder_a_creation() -> None:
    mapping = (*EMAIL_MAPPING[:3], MappingRow("company", "company", when_missing=WhenMissing.CLEAR))
    made = World(connection(mapping=mapping))
    made.deliver(event(ADA, ("a", REALIZED)))
    assert [lead.get("company") for lead in made.leads_now().values()] == [None]


@pytest.mark.parametrize("when_empty", list(WhenEmpty))
def test_an_empty_text_is_sent_only_where_the_mapping_says_so(when_empty: WhenEmpty) -> None:
    mapping = (*EMAIL_MAPPING[:3], MappingRow("company", "company", when_empty=when_empty))
    made = World(connection(mapping=mapping), [{"id": 7, "email": ADA, "company": "Old"}])
    made.deliver(event(ADA, ("a", REALIZED), company=""))
    assert made.leads_now()[7].get("company") == ("Old" if when_empty is WhenEmpty.IGNORE else None)


INVALID: list[tuple[str, object]] = [
    ("company", "x" * 256),
    ("company", {"name": "Engines"}),
    ("score", "many"),
    ("score", 1.5),
    ("score", 10**400),
    ("readOnly", "x"),
    ("acquired", "yesterday"),
    ("acquired", "0001-01-01T00:00:00+14:00"),
    ("unsubscribed", "perhaps"),
]
INVALID_MAPPING = (
    *EMAIL_MAPPING,
    MappingRow("readOnly", "originalSourceType"),
    MappingRow("acquired", "mktoAcquisitionDate"),
    MappingRow("unsubscribed", "unsubscribed"),
)


@pytest.mark.parametrize(("name", "value"), INVALID, ids=lambda one: str(one)[:20])
def test_what_marketo_cannot_take_is_dropped_and_the_rest_arrives(name: str, value: object) -> None:
    made = World(connection(mapping=INVALID_MAPPING))
    made.deliver(having(event(ADA, ("a", REALIZED)), {name: value}), event("bob@example.org", ("a", REALIZED)))
    assert sorted(lead["email"] for lead in made.leads_now().values()) == [ADA, "bob@example.org"]
    assert outcomes(made) == {"activated": 2}
    assert made.ledger.total(made.connection.id).counts["warnings"] == 1
    assert made.letters.bodies == []


@pytest.mark.parametrize(("name", "value"), INVALID, ids=lambda one: str(one)[:20])
def test_what_marketo_cannot_take_fails_the_person_if_the_connection_says_so(name: str, value: object) -> None:
    made = World(connection(mapping=INVALID_MAPPING, on_invalid=OnInvalid.FAIL))
    made.deliver(having(event(ADA, ("a", REALIZED)), {name: value}), event("bob@example.org", ("a", REALIZED)))
    assert [lead["email"] for lead in made.leads_now().values()] == ["bob@example.org"]
    assert outcomes(made) == {"activated": 1, "failed": 1}
    assert reasons(made) == {"INVALID_ATTRIBUTE": 1}
    assert made.letters.codes == ["INVALID_ATTRIBUTE"]


def test_a_target_that_marketo_does_not_have_is_dropped_with_a_warning() -> None:
    made = World(connection(mapping=(*EMAIL_MAPPING, MappingRow("company", "noSuchField"))))
    made.deliver(event(ADA, ("a", REALIZED)))
    assert outcomes(made) == {"activated": 1}
    assert made.ledger.total(made.connection.id).counts["warnings"] == 1


def test_paths_lead_into_the_profile_and_identities_give_their_first_value_elsewhere() -> None:
    mapping = (
        MappingRow("personalEmail.address", "DedupeField"),
        MappingRow("person.name.firstName", "firstName"),
        MappingRow("person.name.lastName", "lastName"),
        MappingRow("_tenant.loyalty.tier", "company"),
        MappingRow("identityMap.crm", "department"),
    )
    said = ProfileEvent(
        at=START,
        profile={
            "personalEmail": {"address": ADA},
            "person": {"name": {"firstName": "Ada", "lastName": "Lovelace"}},
            "_tenant": {"loyalty": {"tier": "gold"}},
        },
        identities={"crm": ("first", "second")},
        memberships=event(ADA, ("a", REALIZED)).memberships,
        received_at=START,
    )
    made = World(connection(mapping=mapping))
    made.deliver(said)
    [lead] = made.leads_now().values()
    assert (lead["email"], lead["firstName"], lead["company"], lead["department"]) == (ADA, "Ada", "gold", "first")


@pytest.mark.parametrize("field", ["unsubscribed", "doNotCall", "marketingSuspended"])
def test_who_opts_out_in_marketo_stays_out_whatever_the_source_still_says(field: str) -> None:
    rows = (*EMAIL_MAPPING, MappingRow("out", field, opt_in=OptIn.KEEP))
    made = World(connection(mapping=rows), [{"id": 7, "email": ADA, field: True}])
    made.deliver(event(ADA, ("a", REALIZED), out=False))
    made.deliver(event(ADA, ("a", REALIZED), at=START + timedelta(minutes=1), out=False, score=3))
    assert (made.leads_now()[7][field], made.leads_now()[7]["leadScore"]) == (True, 3)
    run = made.ledger.total(made.connection.id)
    assert (run.counts["warnings"], run.warned, run.dropped) == (2, {(field, "OPT_IN_KEPT"): 2}, {})


def test_an_opt_out_is_sent_and_keeping_others_fails_nobody() -> None:
    mapping = (*EMAIL_MAPPING, MappingRow("out", "unsubscribed", opt_in=OptIn.KEEP))
    made = World(connection(mapping=mapping, on_invalid=OnInvalid.FAIL))
    made.deliver(event(ADA, ("a", REALIZED), out="1"), event("bob@example.org", ("a", REALIZED), out="0"))
    assert {one["email"]: one.get("unsubscribed") for one in made.leads_now().values()} == {
        ADA: True,
        "bob@example.org": None,
    }
    assert outcomes(made) == {"activated": 2}
    assert made.ledger.total(made.connection.id).counts["warnings"] == 1


def test_an_opt_out_stands_when_the_same_batch_says_later_that_there_is_none() -> None:
    made = World(connection(mapping=(*EMAIL_MAPPING, MappingRow("out", "unsubscribed", opt_in=OptIn.KEEP))))
    later = START + timedelta(minutes=1)
    made.deliver(event(ADA, ("a", REALIZED), out=True), event(ADA, ("a", REALIZED), at=later, out=False))
    assert [one["unsubscribed"] for one in made.leads_now().values()] == [True]


def test_an_emoji_arrives_with_a_warning_and_fails_nobody() -> None:
    made = World(connection(mapping=EMAIL_MAPPING, on_invalid=OnInvalid.FAIL))
    made.deliver(event(ADA, ("a", REALIZED), company="Café 👍 Ltd."))
    assert [one["company"] for one in made.leads_now().values()] == ["Café 👍 Ltd."]
    run = made.ledger.total(made.connection.id)
    assert (run.counts["warnings"], run.warned) == (1, {("company", "MAY_BE_CUT"): 1})
