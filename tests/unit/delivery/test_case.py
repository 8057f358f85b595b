"""Values that differ in case alone, where Marketo searches without case and where it does not."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from destination.domain.connection import MappingRow, PersonAction
from destination.domain.event import MembershipStatus, ProfileEvent
from destination.domain.schema import DIFFERS_IN_CASE, AttributeWarning
from destination.domain.verification import FILLS, AudienceCheck, Verification
from destination.marketo.leads import CHUNK
from destination.queue import verification_message
from testing.counts import assert_balanced, outcomes
from testing.world import START, World, audience, connection, event

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
MAPPING = (
    MappingRow("number", "DedupeField"),
    MappingRow("email", "email"),
    MappingRow("firstName", "firstName"),
    MappingRow("lastName", "lastName"),
)
MINUTE = timedelta(minutes=1)


def world(*leads: str, ignores_case: bool = True, **changes: Any) -> World:
    """Leads with these customer numbers, from id 7 on."""
    made = World(connection(dedupe_field="customerNumber", mapping=MAPPING, **changes))
    made.simulator.seed({"fields": [{"name": "customerNumber", "ignores_case": ignores_case}]})
    made.simulator.seed({"leads": [{"id": 7 + at, "customerNumber": one} for at, one in enumerate(leads)]})
    return made


def said(
    number: str, status: MembershipStatus = REALIZED, minutes: int = 0, email: str = "ada@example.org"
) -> ProfileEvent:
    return event(email, ("a", status), at=START + minutes * MINUTE, number=number)


def numbers(made: World) -> dict[int, str]:
    return {lead_id: lead["customerNumber"] for lead_id, lead in made.leads_now().items()}


def warned(made: World) -> int:
    """How many values of the run were told of as found in another case, and nothing else was told."""
    total = made.ledger.total(made.connection.id)
    found = total.warned.get(AttributeWarning("customerNumber", DIFFERS_IN_CASE), 0)
    assert (total.counts["warnings"], sum(total.warned.values()), total.dropped) == (found, found, {})
    assert_balanced(made)
    return found


def test_a_lead_that_differs_in_case_is_the_person_where_nothing_has_the_exact_value() -> None:
    made = world("AB-17")
    made.deliver(said("ab-17"))
    assert (made.members("a"), numbers(made), outcomes(made)) == ([7], {7: "AB-17"}, {"activated": 1})
    assert made.leads_now()[7]["email"] == "ada@example.org"
    assert warned(made) == 1


def test_who_is_found_so_leaves_again() -> None:
    made = world("AB-17")
    made.deliver(said("ab-17"))
    made.deliver(said("ab-17", EXITED, 1))
    assert made.members("a") == []


def test_the_same_again_costs_nothing_and_is_not_told_again() -> None:
    made = world("AB-17")
    made.deliver(said("ab-17"))
    calls = len(made.calls())
    made.deliver(said("ab-17"))
    assert (len(made.calls()), warned(made)) == (calls, 1)


@pytest.mark.parametrize("leads", [("AB-17", "ab-17"), ("ab-17", "AB-17")])
def test_an_exact_match_wins_over_a_newer_lead_in_another_case(leads: tuple[str, str]) -> None:
    made = world(*leads)
    made.deliver(said("ab-17"))
    exact = next(lead_id for lead_id, number in numbers(made).items() if number == "ab-17")
    assert (made.members("a"), warned(made)) == ([exact], 0)


def test_of_several_leads_in_other_cases_the_newest_is_the_person() -> None:
    made = world("AB-17", "Ab-17")
    state = made.simulator.state
    state.update_lead(state.leads[7], {"firstName": "Ada"}, made.now + MINUTE)
    made.deliver(said("ab-17"))
    assert (made.members("a"), warned(made)) == ([7], 1)


def test_where_marketo_knows_cases_apart_another_case_is_another_person() -> None:
    made = world("AB-17", ignores_case=False)
    made.deliver(said("ab-17"))
    assert (sorted(numbers(made).values()), warned(made)) == (["AB-17", "ab-17"], 0)


def test_an_address_needs_no_warning() -> None:
    made = World(leads=[{"id": 7, "email": "ADA@example.org"}])
    made.deliver(event("ada@example.org", ("a", REALIZED)))
    total = made.ledger.total(made.connection.id)
    assert (made.members("a"), total.warned) == ([7], {})


TWO: Sequence[ProfileEvent] = (said("AB-17"), said("ab-17", email="bob@example.org"))


@pytest.mark.parametrize("events", [TWO, TWO[::-1]], ids=["exact first", "exact last"])
def test_of_two_persons_the_lead_is_whose_value_it_has_exactly(events: Sequence[ProfileEvent]) -> None:
    """Marketo makes no second lead of the other, who is the same lead then: it says itself that they are one."""
    made = world("AB-17")
    made.deliver(*events)
    assert (made.members("a"), numbers(made), warned(made)) == ([7], {7: "AB-17"}, 1)
    assert set(outcomes(made)) <= {"activated", "unchanged"}


@pytest.mark.parametrize("events", [TWO, TWO[::-1]], ids=["exact first", "exact last"])
def test_of_two_persons_who_are_two_for_marketo_each_gets_a_lead(events: Sequence[ProfileEvent]) -> None:
    made = world("AB-17", ignores_case=False)
    made.deliver(*events)
    assert sorted(numbers(made).values()) == ["AB-17", "ab-17"]
    assert (len(made.members("a")), warned(made), outcomes(made)) == (2, 0, {"activated": 2})


@pytest.mark.parametrize("ignores_case", [False, True])
def test_of_two_new_persons_as_many_are_made_as_marketo_makes(*, ignores_case: bool) -> None:
    made = world(ignores_case=ignores_case)
    made.deliver(*TWO)
    found = {"AB-17"} if ignores_case else {"AB-17", "ab-17"}
    assert set(numbers(made).values()) == found
    assert (len(made.members("a")), warned(made)) == (len(found), int(ignores_case))
    assert set(outcomes(made)) <= {"activated", "unchanged"}


def test_two_persons_who_are_neither_exact_are_one_lead() -> None:
    made = world("AB-17")
    made.deliver(said("ab-17"), said("Ab-17"))
    assert (made.members("a"), numbers(made), warned(made)) == ([7], {7: "AB-17"}, 2)
    assert outcomes(made) == {"activated": 2}


def test_a_lead_stays_as_long_as_one_of_those_who_are_it_is_to_be_on_the_list() -> None:
    made = world("AB-17")
    made.deliver(said("AB-17"))
    made.deliver(said("ab-17", minutes=1))
    made.deliver(said("ab-17", EXITED, 2))
    assert made.members("a") == [7]
    made.deliver(said("AB-17", EXITED, 3))
    assert made.members("a") == []


def test_whoever_has_the_exact_value_decides_until_a_verification_puts_the_other_one_back() -> None:
    made = world("AB-17")
    made.deliver(said("AB-17"), said("ab-17"))
    made.deliver(said("AB-17", EXITED, 1))
    assert made.members("a") == []
    check = AudienceCheck.of(made.target.activations[audience("a")], 1001)
    found = Verification("20261121T100000000000Z-00000001", made.connection.id, FILLS, made.now, 1, is_whole=True)
    made.verifications.create(found, [check])
    made.queue.send(made.connection.id, [verification_message(made.connection.id, found.id, made.now)])
    made.deliver()
    assert made.members("a") == [7]


@pytest.mark.parametrize("between", [0, CHUNK], ids=["in one call", "in two calls"])
def test_a_lead_is_left_to_whose_value_it_has_exactly(between: int) -> None:
    made = world("AB-17", person_action=PersonAction.UPDATE_EXISTING_ONLY)
    others = [event(None, ("b", REALIZED), number=f"C-{at}") for at in range(between)]
    made.deliver(said("ab-17", email="bob@example.org"), *others, said("AB-17"))
    assert (made.leads_now()[7]["email"], made.members("a"), warned(made)) == ("ada@example.org", [7], 0)
    assert outcomes(made) == {"activated": 1, "excluded": 1 + between}


def test_who_is_only_updated_is_found_as_well() -> None:
    made = world("AB-17", person_action=PersonAction.UPDATE_EXISTING_ONLY)
    made.deliver(said("ab-17"), said("cd-18"))
    assert (made.members("a"), outcomes(made), warned(made)) == ([7], {"activated": 1, "excluded": 1}, 1)
