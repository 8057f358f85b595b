"""What a preview says of events, and that it leaves everything as it is."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest

from destination.control.errors import IncompleteError, TooLargeError, UnreadableError
from destination.control.previews import MAX_BODY_BYTES, MAX_EVENTS, MAX_PERSONS
from destination.domain.connection import (
    ActiveConnection,
    Consent,
    MappingRow,
    OnInvalid,
    OptIn,
    PersonAction,
    Status,
    SyncType,
)
from destination.domain.event import MembershipStatus
from destination.domain.loss import MEMBERSHIP_STATUS_UNKNOWN, RECORD_NO_OBJECT, UNKNOWN_PROPERTY
from destination.domain.outcome import (
    ALREADY_DELIVERED,
    MISSING_REQUIRED_ATTRIBUTE,
    NO_CONSENT,
    NOT_ON_LIST,
    OUTSIDE_SCHEDULE,
    PERSON_NOT_FOUND,
    SUPERSEDED,
    Class,
    Reason,
)
from destination.domain.preview import CallKind, MembershipChange, PersonPreview, Preview
from destination.domain.schema import DIFFERS_IN_CASE, AttributeWarning
from destination.marketo.errors import ConnectionBlockedError, InstanceWaitsError
from marketo_simulator import Fault
from testing.memory import MemoryCredentials
from testing.previewing import preview, previews
from testing.world import EMAIL_MAPPING, START, World, audience, connection, event

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
ADA = {"id": 7, "email": "ada@example.org", "firstName": "Ada"}


def crowd(number: int) -> dict[str, object]:
    """An event that stands for a hundred persons."""
    return {
        "identities": {"email": [f"{number}-{other}@example.org" for other in range(100)]},
        "audiences": [{"id": "a", "status": "realized"}],
    }


def only(shown: Preview) -> PersonPreview:
    (person,) = shown.persons
    return person


def calls(shown: Preview) -> Mapping[CallKind, int]:
    return {call: number for call, number in shown.calls.items() if number}


def changes(person: PersonPreview) -> dict[str, tuple[MembershipChange | None, Reason | None]]:
    return {one.activation.name: (one.change, one.reason) for one in person.audiences}


def test_somebody_new_would_be_created_in_the_partition_and_put_on_the_list() -> None:
    world = World(connection(partition="EMEA"))
    shown = preview(world, event("ada@example.org", ("a", REALIZED), company="Engines"))
    person = only(shown)
    assert (person.outcome, person.reason, person.lead_id) == (Class.ACTIVATED, None, None)
    assert (person.created, person.updated, person.partition) == (True, False, "EMEA")
    assert sorted(person.fields) == ["company", "email", "firstName", "lastName"]
    assert changes(person) == {"a": (MembershipChange.ADDED, None)}
    assert calls(shown) == {CallKind.LOOK_UP: 1, CallKind.CREATE: 1, CallKind.ADD: 1}
    assert world.leads_now() == {}
    assert world.members("a") == []
    assert world.ledger.people == {}


def test_somebody_known_would_be_updated_and_taken_off_the_list() -> None:
    world = World(leads=[ADA])
    world.simulator.state.lists[1001].members.add(7)
    person = only(preview(world, event("ada@example.org", ("a", EXITED), company="Engines")))
    assert (person.lead_id, person.created, person.updated, person.partition) == (7, False, True, None)
    assert changes(person) == {"a": (MembershipChange.REMOVED, None)}
    assert world.members("a") == [7]


def test_whoever_leaves_a_list_without_being_on_it_changes_nothing() -> None:
    world = World(connection(sync_type=SyncType.AUDIENCE_ONLY), leads=[ADA])
    shown = preview(world, event("ada@example.org", ("a", EXITED)))
    assert (only(shown).outcome, only(shown).reason) == (Class.UNCHANGED, NOT_ON_LIST)
    assert calls(shown) == {CallKind.LOOK_UP: 1, CallKind.REMOVE: 1}


@pytest.mark.parametrize(
    ("action", "last_name", "reason"),
    [
        (PersonAction.UPDATE_EXISTING_ONLY, "Lovelace", PERSON_NOT_FOUND),
        (PersonAction.UPDATE_EXISTING_AND_CREATE_NEW, None, MISSING_REQUIRED_ATTRIBUTE),
    ],
)
def test_whoever_would_be_excluded_is_told_why(action: PersonAction, last_name: str | None, reason: Reason) -> None:
    of = event("ada@example.org", ("a", REALIZED), lastName=last_name)
    person = only(preview(World(connection(person_action=action)), of))
    assert (person.outcome, person.reason, person.fields) == (Class.EXCLUDED, reason, ())
    assert changes(person) == {"a": (None, reason)}


def test_what_was_delivered_before_is_unchanged_and_takes_no_call() -> None:
    world = World()
    world.deliver(event("ada@example.org", ("a", REALIZED)))
    shown = preview(world, event("ada@example.org", ("a", REALIZED)))
    assert (only(shown).reason, only(shown).lead_id) == (ALREADY_DELIVERED, *world.leads_now())
    assert calls(shown) == {}


def test_a_lead_that_is_gone_would_be_created_anew() -> None:
    world = World(connection(lead_cache=timedelta(hours=24)))
    world.deliver(event("ada@example.org", ("a", REALIZED)))
    (lead_id,) = world.leads_now()
    world.simulator.state.delete_lead(world.simulator.state.leads[lead_id])
    world.now += timedelta(hours=1)
    shown = preview(world, event("ada@example.org", ("b", REALIZED), at=world.now, company="New"))
    assert only(shown).created
    assert changes(only(shown)) == {"b": (MembershipChange.ADDED, None)}
    # It joins both lists, and the one that is gone leaves its own, once Marketo said that nobody else is that lead.
    looked_up, added = 2, 2
    assert calls(shown) == {
        CallKind.UPDATE: 1,
        CallKind.LOOK_UP: looked_up,
        CallKind.CREATE: 1,
        CallKind.REMOVE: 1,
        CallKind.ADD: added,
    }


def test_events_of_one_person_add_up_and_overtaken_ones_say_so() -> None:
    later = START - timedelta(minutes=1)
    events = [
        event("ada@example.org", ("a", REALIZED), at=later, company="New"),
        event("bob@example.org", ("a", REALIZED)),
        event("ADA@example.org", ("a", EXITED), at=later - timedelta(minutes=1), company="Old"),
    ]
    world = World()
    shown = preview(world, *events)
    assert [(one.index, one.person, one.reason) for one in shown.persons] == [
        (0, 1, None),
        (1, 2, None),
        (2, 1, SUPERSEDED),
    ]
    assert (shown.persons[2].created, shown.persons[2].fields) == (False, ())
    assert changes(shown.persons[2]) == {"a": (None, SUPERSEDED)}
    assert shown.tally.counts["created"] == 2


def test_an_attribute_that_does_not_fit_is_left_out_and_told_why() -> None:
    rows = (*EMAIL_MAPPING, MappingRow("shoe", "shoeSize"))
    of = event("ada@example.org", ("a", REALIZED), company="x" * 256, score="many")
    person = only(preview(World(connection(mapping=rows), leads=[ADA]), of))
    assert {name: error.code for name, error in person.dropped.items()} == {
        "company": "TOO_LONG",
        "leadScore": "INVALID_VALUE",
        "shoeSize": "UNKNOWN_FIELD",
    }
    assert {"company", "leadScore", "shoeSize"}.isdisjoint(person.fields)
    failed = only(preview(World(connection(mapping=rows, on_invalid=OnInvalid.FAIL), leads=[ADA]), of))
    assert (failed.outcome, failed.reason and failed.reason.code) == (Class.FAILED, "INVALID_ATTRIBUTE")
    assert failed.dropped.keys() == person.dropped.keys()


def test_an_opt_out_that_is_kept_is_told() -> None:
    for opt_in, fields, warned in ((OptIn.KEEP, 0, [("unsubscribed", "OPT_IN_KEPT")]), (OptIn.SEND, 1, [])):
        rows = (*EMAIL_MAPPING, MappingRow("out", "unsubscribed", opt_in=opt_in))
        person = only(
            preview(World(connection(mapping=rows), leads=[ADA]), event("ada@example.org", ("a", REALIZED), out=False))
        )
        assert (person.fields.count("unsubscribed"), list(person.warned), person.dropped) == (fields, warned, {})


def test_an_attribute_that_must_not_be_exported_is_named() -> None:
    rows = (*EMAIL_MAPPING[:3], MappingRow("company", "company", labels=("C12",)))
    of = event("ada@example.org", ("a", REALIZED), company="Analytical Engines")
    person = only(preview(World(connection(mapping=rows), leads=[ADA]), of))
    assert {name: error.code for name, error in person.dropped.items()} == {"company": "RESTRICTED"}
    assert "company" not in person.fields


def test_an_audience_outside_its_schedule_is_told() -> None:
    world = World()
    target = world.connections.stored["connection-1"]
    ended = replace(target.activations[audience("a")], end=START - timedelta(days=1))
    world.connections.stored["connection-1"] = replace(target, activations={**target.activations, audience("a"): ended})
    person = only(preview(world, event("ada@example.org", ("a", REALIZED), ("b", REALIZED))))
    assert changes(person) == {"a": (None, OUTSIDE_SCHEDULE), "b": (MembershipChange.ADDED, None)}


@pytest.mark.parametrize("status", [REALIZED, EXITED])
def test_an_audience_without_a_list_is_shown_as_if_it_had_one(status: MembershipStatus) -> None:
    world = World(connection(status=Status.DRAFT), leads=[ADA])
    target = world.connections.stored["connection-1"]
    listless = {key: replace(one, list_id=None, list_name=None) for key, one in target.activations.items()}
    world.connections.stored["connection-1"] = ActiveConnection(target.connection, listless)
    person = only(preview(world, event("ada@example.org", ("a", status))))
    change = MembershipChange.ADDED if status is REALIZED else None
    assert changes(person) == {"a": (change, None if change else NOT_ON_LIST)}
    assert person.audiences[0].activation.list_id is None


def test_events_that_concern_nobody_are_ignored() -> None:
    shown = preview(World(), event("ada@example.org", ("other", REALIZED)), event("bob@example.org", ("a", REALIZED)))
    assert shown.ignored == (0,)
    assert [one.index for one in shown.persons] == [1]
    assert shown.tally.counts["ignored"] == 1


def test_records_are_rejected_as_at_the_webhook() -> None:
    world = World()
    world.now += timedelta(hours=1)
    body = [{"profile": []}, {"profile": {"email": "a\ud800"}}, {"profile": {"email": "ada@example.org"}}]
    shown = previews(world)("connection-1", json.dumps(body).encode())
    assert [(index, one.path) for index, one in sorted(shown.rejected)] == [(0, "profile"), (1, "profile.email")]
    assert shown.ignored == (2,)


@pytest.mark.parametrize(("code", "error"), [("603", ConnectionBlockedError), ("713", InstanceWaitsError)])
def test_what_holds_the_delivery_up_is_raised(code: str, error: type[Exception]) -> None:
    world = World()
    world.simulator.script(Fault(code=code, path="^/rest/v1/leads.json"))
    with pytest.raises(error):
        preview(world, event("ada@example.org", ("a", REALIZED)))


def test_a_dedupe_field_that_is_not_searchable_is_refused() -> None:
    world = World(connection(dedupe_field="company"))
    with pytest.raises(ConnectionBlockedError, match="company"):
        preview(world, event("ada@example.org", ("a", REALIZED)))


@pytest.mark.parametrize(
    ("body", "error", "message"),
    [
        (b"{", UnreadableError, "not JSON"),
        (b" " * (MAX_BODY_BYTES + 1), TooLargeError, "1000000 bytes"),
        (json.dumps([{}] * (MAX_EVENTS + 1)).encode(), TooLargeError, "300 records"),
        (json.dumps([{}] * 20_001).encode(), TooLargeError, "300 records"),
        (
            json.dumps([crowd(number) for number in range(MAX_PERSONS // 100 + 1)]).encode(),
            TooLargeError,
            "1100 persons",
        ),
    ],
    ids=["not-json", "bytes", "records", "far-too-many-records", "persons"],
)
def test_a_preview_is_bounded(body: bytes, error: type[Exception], message: str) -> None:
    mapping = (MappingRow("identityMap.email", "DedupeField"), *EMAIL_MAPPING[1:])
    world = World(connection(mapping=mapping))
    with pytest.raises(error, match=message):
        previews(world)("connection-1", body)
    assert "/rest/v1/leads.json" not in world.calls()


def test_a_connection_needs_credentials_and_a_mapping() -> None:
    world = World(connection(mapping=(), status=Status.DRAFT))
    with pytest.raises(IncompleteError) as refused:
        replace(previews(world), credentials=MemoryCredentials())("connection-1", b"{}")
    assert [one.path for one in refused.value.problems] == ["credentials", "mapping"]


def on_lists_of_our_own(world: World) -> World:
    """Nobody but us puts people on the lists."""
    target = world.connections.stored[world.connection.id]
    own = {audience: replace(one, may_hold_others=False) for audience, one in target.activations.items()}
    world.connections.stored[world.connection.id] = replace(target, activations=own)
    return world


def test_who_withdraws_consent_would_be_taken_off_and_nobody_unknown_is_shown() -> None:
    world = on_lists_of_our_own(World(connection(consent=Consent("consent", ("y",))), leads=[ADA]))
    world.deliver(event("ada@example.org", ("a", REALIZED), consent="y"))
    withdrawal = event("ada@example.org", ("a", REALIZED), at=START + timedelta(minutes=1), consent="n")
    shown = preview(world, withdrawal, event("bob@example.org", consent="n"))
    person = only(shown)
    assert (person.outcome, person.reason, person.lead_id, person.fields) == (Class.EXCLUDED, NO_CONSENT, 7, ())
    assert changes(person) == {"a": (MembershipChange.REMOVED, NO_CONSENT)}
    assert calls(shown) == {CallKind.LOOK_UP: 1, CallKind.REMOVE: 1}
    assert (shown.ignored, shown.tally.counts["ignored"], shown.tally.counts["received"]) == ((1,), 1, 1)
    assert world.members("a") == [7]


def test_somebody_unknown_who_withdraws_consent_is_looked_up_where_others_may_have_put_them_on_a_list() -> None:
    world = World(connection(consent=Consent("consent", ("y",))), leads=[ADA])
    world.marketo.lists.add(1002, [7])
    shown = preview(world, event("ada@example.org", consent="n"), event("bob@example.org", consent="n"))
    ada, bob = shown.persons
    assert (ada.reason, ada.lead_id, bob.reason, bob.lead_id) == (NO_CONSENT, 7, NO_CONSENT, None)
    assert {(one.activation.name, one.change, one.is_named) for one in ada.audiences} == {
        (name, MembershipChange.REMOVED, False) for name in "ab"
    }
    assert calls(shown) == {CallKind.LOOK_UP: 1, CallKind.REMOVE: 2}
    assert world.members("b") == [7]


def test_a_preview_names_the_lists_that_withdrawing_consent_takes_a_person_off() -> None:
    world = World(connection(consent=Consent("consent", ("yes",))), leads=[ADA])
    world.deliver(event("ada@example.org", ("a", REALIZED), consent="yes"))
    world.now += timedelta(minutes=1)
    shown = preview(world, event("ada@example.org", at=world.now, consent="no"))
    [person] = shown.persons
    assert (person.reason, person.lead_id) == (NO_CONSENT, 7)
    left = {one.activation.name: (one.change, one.is_named) for one in person.audiences}
    assert left == {"a": (MembershipChange.REMOVED, False), "b": (MembershipChange.REMOVED, False)}
    assert world.members("a") == [7]


def test_a_preview_warns_of_what_the_delivery_finds_out() -> None:
    mapping = (MappingRow("number", "DedupeField"), MappingRow("email", "email"), *EMAIL_MAPPING[1:])
    world = World(connection(dedupe_field="customerNumber", mapping=mapping))
    world.simulator.seed({"fields": [{"name": "customerNumber", "ignores_case": True}]})
    world.simulator.seed({"leads": [{"id": 7, "customerNumber": "AB-17"}]})
    shown = preview(world, event("ada@example.org", ("a", REALIZED), number="ab-17"))
    warning = AttributeWarning("customerNumber", DIFFERS_IN_CASE)
    assert (only(shown).lead_id, only(shown).warned) == (7, (warning,))
    assert (shown.tally.warned, shown.tally.counts["warnings"]) == ({warning: 1}, 1)


def test_a_preview_counts_what_the_webhook_would_lose() -> None:
    world = World()
    bad = {"profile": {"email": "ada@example.org"}, "audiences": [{"id": "a", "status": "paused"}] * 1_500}
    shown = previews(world)("connection-1", json.dumps([bad, 7, bad | {"colour": "red"}, 7]).encode())
    assert (len(shown.warnings), shown.warning_count, len(shown.rejected)) == (1_000, 3_001, 2)
    assert shown.tally.losses == {MEMBERSHIP_STATUS_UNKNOWN: 3_000, UNKNOWN_PROPERTY: 1, RECORD_NO_OBJECT: 2}
    assert (shown.tally.counts["rejected"], shown.tally.counts["left_out"]) == (2, 3_001)
