"""What is told of a person: which lead it is and why, whether audiences are as desired, what the next event does."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.connection import Consent, PersonAction, SyncType
from destination.domain.event import MembershipStatus
from destination.domain.matching import Lead
from destination.domain.outcome import ALREADY_DELIVERED, NO_CONSENT, PERSON_NOT_FOUND, SUPERSEDED, Class
from destination.domain.parking import Hold, WaitsFor
from destination.domain.person import UNKNOWN, LedgerRow, Said
from destination.domain.person_lookup import (
    AGREEMENTS,
    Agreement,
    Identity,
    NextEvent,
    audiences_of,
    found_leads,
    next_event,
)
from destination.domain.plan import Write
from testing.persons import (
    ADA,
    START,
    activation,
    active,
    audience,
    desired,
    entered,
    in_audience,
    lead,
    left,
    minute,
    on,
    out_of_audience,
    row,
    unit,
    word,
)

WHO = Identity(ADA, ADA)
NEVER = datetime.min.replace(tzinfo=UTC)


def next_of(known: LedgerRow | None, *leads: Lead, target: object = None, **others: object) -> NextEvent:
    given: dict[str, object] = {"parked": (), "hold": None, **others}
    return next_event(target or active(), WHO, known, leads, now=START, **given)  # type: ignore[arg-type]


# Leads


def test_the_newest_lead_is_the_person_and_of_equal_times_the_highest_id() -> None:
    found = found_leads([lead(3), lead(7, updated=1), lead(9, updated=1), lead(1, updated=-1)], ADA, {9: "EMEA"})
    assert [(one.id, one.is_person, one.partition, one.why) for one in found] == [
        (9, True, "EMEA", "Updated last of 4 leads."),
        (7, False, None, "Lead 9 was updated at the same time and has the higher id."),
        (3, False, None, "Updated earlier."),
        (1, False, None, "Updated earlier."),
    ]
    assert {one.values for one in found} == {None}


def test_a_lead_in_another_case_says_so_and_one_found_by_another_field_does_not() -> None:
    [near] = found_leads([lead(key="ADA@example.org")], ADA, {})
    assert (
        near.why == "The only lead with the value. It has the value in another case, and no lead has exactly this one."
    )
    for key in (ADA, "", "another@example.org"):
        assert [one.why for one in found_leads([lead(key=key)], ADA, {})] == ["The only lead with the value."]


def test_values_are_there_where_they_were_asked_for() -> None:
    [found] = found_leads([lead(7)], ADA, {}, {7: {"company": "Engines"}})
    assert found.values == {"company": "Engines"}


# Audiences


@pytest.mark.parametrize(
    ("known", "is_on", "expected"),
    [
        (UNKNOWN, None, Agreement.NOTHING_SAID),
        (row(), True, Agreement.AS_DESIRED),
        (row(), None, Agreement.AS_DESIRED),
        (row(), False, Agreement.CHANGED_IN_MARKETO),
        (row(applied={}), None, Agreement.TO_JOIN),
        (row(applied=on("a")), False, Agreement.TO_JOIN),
        (row(applied=on("a", 7, list_id=99)), None, Agreement.TO_JOIN),
        (row(applied=on("a", 3)), None, Agreement.TO_MOVE),
        (row(applied=on("a", 3, 7)), True, Agreement.TO_MOVE),
        (row(applied=on("a", 7, is_sure=False)), True, Agreement.IN_DOUBT),
        (row(desired={audience("a"): out_of_audience()}), True, Agreement.TO_LEAVE),
        (row(desired={audience("a"): out_of_audience()}, applied=on("a")), False, Agreement.AS_DESIRED),
        (row(desired={audience("a"): out_of_audience()}, applied=on("a")), True, Agreement.CHANGED_IN_MARKETO),
        (row(desired={audience("a"): out_of_audience()}, applied={}), None, Agreement.AS_DESIRED),
    ],
)
def test_an_audience_is_as_desired_or_not(known: LedgerRow, is_on: bool | None, expected: Agreement) -> None:
    [found] = audiences_of(active(activation("a")), known, 7, {} if is_on is None else {1001: is_on}, START)
    assert (found.agreement, found.is_on_list) == (expected, is_on)
    assert (found.desired, found.applied) == (known.desired.get(audience("a")), known.applied.get(audience("a")))


def test_no_list_is_kept_outside_the_schedule_nor_by_a_connection_of_profiles() -> None:
    later = activation("a", start=minute(60))
    assert [one.agreement for one in audiences_of(active(later), row(), 7, {}, START)] == [Agreement.NOT_KEPT]
    profiles = active(activation("a"), sync_type=SyncType.PROFILE_ONLY)
    assert [one.agreement for one in audiences_of(profiles, row(), 7, {}, START)] == [Agreement.NOT_KEPT]


def test_without_consent_the_person_is_to_leave() -> None:
    target = active(activation("a"), consent=Consent("consent", ("y",)))
    [found] = audiences_of(target, row(consent=word(given=False)), 7, {1001: True}, START)
    assert found.agreement is Agreement.TO_LEAVE


def test_audiences_are_told_by_name() -> None:
    target = active(replace(activation("a"), name="Zebra"), replace(activation("b"), name="Ape"))
    assert [one.activation.name for one in audiences_of(target, UNKNOWN, None, {}, START)] == ["Ape", "Zebra"]


def test_every_agreement_has_its_sentence() -> None:
    assert AGREEMENTS.keys() == set(Agreement)


# The next event


def test_of_somebody_of_whom_all_is_done_nothing_is_left() -> None:
    found = next_of(row(), lead())
    assert (found.outcome, found.reason, found.is_parked) == (Class.UNCHANGED, ALREADY_DELIVERED, False)
    assert found.sentence == "Nothing would change, unless it brings other attributes or memberships."


def test_what_is_to_be_done_is_said_in_one_sentence() -> None:
    both = {audience("a"): in_audience(), audience("b"): out_of_audience()}
    found = next_of(row(desired=both, applied=on("b", 3, 5)), lead())
    assert found.sentence == (
        "Lead 7 would be put on a (list 1001), and lead 7, 3 and 5 would be taken off b (list 1002)."
    )
    assert found.plan is not None
    assert found.plan.joining == {(audience("a"), 7)}
    assert found.plan.leaving == {(audience("b"), one) for one in (3, 5, 7)}


def test_who_is_to_be_created_needs_attributes() -> None:
    found = next_of(row(applied={}, lead_id=None, attributes=None))
    assert (found.outcome, found.needs) == (Class.ACTIVATED, ("firstName", "lastName", "email"))
    assert found.plan is not None
    assert (found.plan.write, found.plan.add) == (Write.CREATE, (audience("a"),))
    assert found.sentence == (
        "A new lead would be created in partition Default and put on a (list 1001) "
        "if the event has firstName, lastName and email."
    )


def test_who_is_not_found_is_excluded_with_the_reason_where_nobody_is_created() -> None:
    target = active(person_action=PersonAction.UPDATE_EXISTING_ONLY)
    found = next_of(row(applied={}), target=target)
    assert (found.outcome, found.reason) == (Class.EXCLUDED, PERSON_NOT_FOUND)
    assert found.sentence.startswith("Nothing would change. No lead has this dedupe value")


def test_events_of_somebody_of_whom_nothing_is_known_are_ignored() -> None:
    found = next_of(None)
    assert (found.outcome, found.plan) == (None, None)
    assert found.sentence.startswith("It would be ignored")


@pytest.mark.parametrize(("given", "reason"), [(True, ALREADY_DELIVERED), (False, NO_CONSENT)])
def test_consent_is_as_it_was_said_last(given: bool, reason: object) -> None:
    target = active(consent=Consent("consent", ("y",)))
    applied = on("a", 7) if given else on("a")
    assert next_of(row(consent=word(given=given), applied=applied), lead(), target=target).reason == reason


def test_an_audience_in_any_namespace_is_said_again_in_each_of_them() -> None:
    key = AudienceKey("", "a")
    said = Said(minute(-60), minute(-60))
    inner = desired(MembershipStatus.REALIZED, -60)
    target = active(activation("a", audience=key))
    known = row(desired={key: inner._replace(said=said, parts=((5, inner),))}, applied={})
    found = next_of(known, lead(), target=target)
    assert found.plan is not None
    assert found.plan.add == (key,)


def test_what_is_parked_is_what_comes_next() -> None:
    parked = (unit(0, *left("a"), at=1, fields={"firstName": "Ada", "lastName": "Lovelace"}),)
    found = next_of(row(), lead(), parked=parked)
    assert (found.is_parked, found.outcome) == (True, Class.ACTIVATED)
    assert found.sentence == "Lead 7 would be updated, and lead 7 would be taken off a (list 1001)."
    older = (unit(0, *entered("a", at=-90), at=-90),)
    assert next_of(row(), lead(), parked=older).reason == SUPERSEDED
    assert next_of(row(), lead(), parked=older).sentence == "Nothing would change."


def test_what_holds_the_connection_up_comes_first() -> None:
    hold = Hold(WaitsFor.DISABLED, "the connection is disabled", None, None)
    assert next_of(row(), lead(), hold=hold).sentence == (
        "It would wait first: the connection is disabled. "
        "Then: nothing would change, unless it brings other attributes or memberships."
    )


def test_somebody_whose_lead_is_gone_gets_the_attributes_anew() -> None:
    """Nobody has what was sent to a lead that is no more, however new it was."""
    fields = {"firstName": "Ada", "lastName": "Lovelace", "email": ADA}
    parked = (unit(0, *entered("a"), at=-90, fields=fields),)
    found = next_of(row(), parked=parked)
    assert found.plan is not None
    assert found.plan.write is Write.CREATE
    assert found.plan.fields.keys() == fields.keys()
