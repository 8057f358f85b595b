"""Somebody is forgotten: nothing is left but the mark, and what was received before it never brings them back."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import count
from typing import Any

import pytest

from destination.delivery.erase_people import AT_ONCE
from destination.domain.audit import AuditAction, AuditChange
from destination.domain.connection import ActiveConnection, Consent, Scope, Status
from destination.domain.erasure import MAX_DURATION, Erasure, ErasureStatus, LeftList, Step
from destination.domain.mapping import key_by_ecid
from destination.domain.person import Applied
from destination.domain.shard import name_of as row_of
from destination.domain.verification import Repair
from destination.queue import decode
from destination.store.results import line_of
from marketo_simulator import Fault
from testing.counts import assert_balanced, outcomes
from testing.stages import ADA, BOB, CARL, EXITED, MINUTE, REALIZED
from testing.world import START, World, audience, connection, event, name_of
from tests.unit.delivery.test_crashes import deliver_dying
from tests.unit.delivery.test_legacy import ECID, known, said
from tests.unit.delivery.test_verify_lists import ID, address, drifted, request, slices

IN_A = ("a", REALIZED)
IN_B = ("b", REALIZED)
LATER = START + MINUTE


def later(made: World, minutes: float = 1) -> World:
    made.now += minutes * MINUTE
    return made


def renamed(made: World, lead: int, email: str) -> None:
    """Somebody gives a lead another address."""
    made.simulator.state.update_lead(made.simulator.state.leads[lead], {"email": email}, made.now)


def erased(made: World, email: str = ADA) -> Erasure:
    """The erasure, once it was carried on as far as it goes now."""
    asked = made.erase(email)
    later(made).deliver()
    return made.erasure(asked)


def everything(made: World) -> str:
    """All that is kept anywhere, but for Marketo and the marks."""
    results = [line_of(one) for own in made.results.stored.values() for one in own]
    kept = [made.ledger.people, made.ledger.failed, made.ledger.runs.parts, made.dead_letters.letters]
    bodies = [*made.waiting, *made.letters.bodies, *results]
    return f"{kept} {bodies}"


def assert_forgotten(made: World, email: str = ADA) -> None:
    kept = everything(made)
    assert email not in kept
    assert name_of(email) not in kept
    assert row_of(email) not in kept


def test_the_person_leaves_all_lists_and_the_ledger_and_stays_a_lead() -> None:
    made = World()
    made.deliver(event(ADA, IN_A, IN_B), event(BOB, IN_A))
    bob = made.leads_by_email(BOB)[0]["id"]
    found = erased(later(made))
    assert (made.members("a"), made.members("b")) == ([bob], [])
    assert found.status(made.now) is ErasureStatus.COMPLETED
    assert found.lists == (LeftList(audience("a"), 1001, 1), LeftList(audience("b"), 1002, 1))
    assert (found.rows, found.finished_at) == (1, made.now)
    assert len(made.leads_by_email(ADA)) == 1
    assert_forgotten(made)
    assert made.queue.waiting == {}


def test_every_lead_with_the_value_leaves_whoever_put_it_there() -> None:
    made = World(leads=[{"id": 7, "email": ADA}, {"id": 8, "email": ADA}, {"id": 9, "email": BOB}])
    for lead in (7, 8, 9):
        made.simulator.state.lists[1001].members.add(lead)
    found = erased(made)
    assert made.members("a") == [9]
    assert found.lists == (LeftList(audience("a"), 1001, 2),)
    assert found.rows == 0


def test_a_lead_that_the_person_had_before_leaves_the_list_too() -> None:
    made = World(leads=[{"id": 7, "email": ADA}])
    made.deliver(event(ADA, IN_A))
    made.simulator.state.lists[1002].members.add(7)
    renamed(made, 7, "elsewhere@example.org")
    erased(later(made))
    assert (made.members("a"), made.members("b")) == ([], [])


def test_a_lead_that_has_become_another_persons_stays_for_them() -> None:
    made = World(leads=[{"id": 7, "email": ADA}])
    made.deliver(event(ADA, IN_A))
    renamed(made, 7, BOB)
    later(made).deliver(event(BOB, IN_A, at=made.now))
    erased(later(made))
    assert made.members("a") == [7]
    assert made.ledger.row("connection-1", BOB) is not None
    assert made.ledger.row("connection-1", ADA) is None


def test_a_lead_that_has_become_somebodys_who_withdrew_consent_leaves() -> None:
    made = World(connection(consent=Consent("consent", ("y",))), leads=[{"id": 7, "email": ADA}])
    made.deliver(event(ADA, IN_A, consent="y"), event(BOB, IN_A, consent="y"))
    later(made).deliver(event(BOB, IN_A, at=made.now, consent="n"))
    assert made.members("a") == [7]
    renamed(made, 7, BOB)
    erased(later(made))
    assert made.members("a") == []


def test_the_list_of_an_audience_that_was_deactivated_is_left_too() -> None:
    made = World()
    made.deliver(event(ADA, IN_A))
    made.deactivate("a")
    erased(later(made))
    assert made.members("a") == []
    assert_forgotten(made)


def test_a_list_that_another_audience_has_by_now_is_left_to_it() -> None:
    made = World()
    made.deliver(event(ADA, IN_A), event(BOB, IN_A))
    made.deactivate("a")
    made.activate("c", list_id=1001, list_name="a")
    later(made).erase(ADA)
    later(made).deliver_beside(event(ADA, ("c", REALIZED), at=made.now))
    made.deliver()
    assert len(made.members("a")) == 2


def test_a_list_that_another_connection_has_by_now_is_left_to_it() -> None:
    made = World()
    made.deliver(event(ADA, IN_A))
    taken = made.target.activations[audience("a")]
    made.deactivate("a")
    other = replace(made.connection, id="connection-2")
    made.connections.stored[other.id] = ActiveConnection(other, {taken.audience: taken})
    found = erased(later(made))
    assert (found.lists, len(made.members("a"))) == ((), 1)
    assert_forgotten(made)


def test_a_second_erasure_finds_nothing_and_moves_the_mark() -> None:
    made = World()
    made.deliver(event(ADA, IN_A))
    first = erased(later(made))
    again = erased(later(made))
    assert (again.status(made.now), again.lists, again.rows) == (ErasureStatus.COMPLETED, (), 0)
    assert made.erasures.marks("connection-1", START) == {name_of(ADA): again.at}
    assert again.at > first.at


def test_what_was_received_before_is_dropped_wherever_it_waited() -> None:
    made = World()
    made.post(event(ADA, IN_A), event(BOB, IN_A))
    late = dict(made.queue.waiting)
    made.queue.waiting.clear()
    erased(later(made))
    made.queue.waiting |= late
    later(made).deliver()
    assert made.leads_by_email(ADA) == []
    assert made.members("a") == [made.leads_by_email(BOB)[0]["id"]]
    assert outcomes(made) == {"activated": 1, "excluded": 1}
    run = made.ledger.total("connection-1")
    assert {reason.code: number for reason, number in run.reasons.items()} == {"ERASED": 1}
    assert_forgotten(made)
    made.queue.waiting |= late  # It comes once more: nothing is counted twice.
    made.deliver()
    assert_balanced(made)
    assert outcomes(made) == {"activated": 1, "excluded": 1}


def test_what_is_received_later_is_of_a_person_whom_nobody_knows() -> None:
    made = World()
    made.deliver(event(ADA, IN_A))
    erased(later(made))
    later(made).deliver(event(ADA, IN_B, at=made.now))
    assert made.members("a") == []
    assert len(made.members("b")) == 1


def test_whoever_comes_again_before_the_erasure_was_carried_on_stays() -> None:
    made = World()
    made.deliver(event(ADA, IN_A, IN_B))
    asked = later(made).erase(ADA)
    later(made).deliver_beside(event(ADA, IN_B, at=made.now))
    made.deliver()
    assert made.members("a") == []
    assert len(made.members("b")) == 1
    row = made.ledger.row("connection-1", ADA)
    assert row is not None
    assert set(row.desired) == {audience("b")} == set(row.applied)
    assert made.erasure(asked).is_done


def test_whoever_comes_again_in_the_same_batch_is_delivered_after_it() -> None:
    made = World()
    made.deliver(event(ADA, IN_A, IN_B))
    later(made).erase(ADA)
    later(made).deliver(event(ADA, IN_B, at=made.now))
    assert made.members("a") == []
    assert len(made.members("b")) == 1


def test_a_senders_repetition_of_an_event_of_before_changes_nothing() -> None:
    made = World()
    said = replace(event(ADA, IN_A), id="e-1")
    made.deliver(said)
    erased(later(made))
    later(made).deliver(said)
    assert made.members("a") == []
    assert_forgotten(made)


@pytest.mark.parametrize("scope", [Scope.ACTIVATED_AUDIENCES, Scope.ALL_PROFILES])
def test_what_is_parked_says_nothing_of_the_person_any_more_and_keeps_its_numbers(scope: Scope) -> None:
    made = World(connection(scope=scope))
    made.reconfigure(status=Status.DISABLED)
    made.deliver(event(BOB, IN_A), event(ADA, IN_A), event(CARL, IN_A))
    [before] = made.parking.stored
    found = erased(later(made))
    assert (found.parked, list(made.parking.stored)) == (1, [before])
    assert_forgotten(made)
    [body] = made.parking.stored[before]
    assert [len(one.profile) for one in decode(body).events] == [3, 0, 3]
    made.reconfigure(status=Status.ENABLED)
    later(made).deliver()
    assert made.leads_by_email(ADA) == []
    assert len(made.members("a")) == 2
    assert outcomes(made) == {"activated": 2}
    assert made.parking.stored == {}


def test_what_was_parked_after_the_mark_stays() -> None:
    made = World()
    made.reconfigure(status=Status.DISABLED)
    asked = made.erase(ADA)
    later(made).deliver_beside(event(ADA, IN_A, at=made.now))
    made.deliver()
    assert made.erasure(asked).parked == 0
    made.reconfigure(status=Status.ENABLED)
    made.deliver()
    assert len(made.members("a")) == 1


def test_no_more_is_read_once_the_time_of_a_slice_is_over() -> None:
    made = World(connection(status=Status.DISABLED))
    for _ in range(2 * AT_ONCE + 1):
        made.deliver_beside(event(ADA, IN_A))
    asked = later(made).erase(ADA)
    rewrite = made.traces.rewrite

    def slowly(*given: Any) -> None:
        made.now += MINUTE / 10
        rewrite(*given)

    made.traces.rewrite = slowly  # type: ignore[method-assign, assignment]
    found = []
    while not made.erasure(asked).is_done:
        made.deliver()
        found.append(made.erasure(asked).parked)
    assert (found[0], found[-1]) == (2 * AT_ONCE, 2 * AT_ONCE + 1)


def test_letters_of_the_person_are_gone_and_those_of_others_stay() -> None:
    made = World(connection(status=Status.DISABLED))
    made.post(event(ADA, IN_A), event(BOB, IN_A))
    later(made, 30 * 24 * 60).deliver()
    [bundle] = made.letters.stored
    assert bundle.events == 2
    found = erased(later(made))
    assert found.letters == 1
    assert_forgotten(made)
    made.reconfigure(status=Status.ENABLED)
    later(made)
    made.redrive()
    made.deliver()
    assert made.leads_by_email(ADA) == []
    assert len(made.leads_by_email(BOB)) == 1
    assert_balanced(made)


def test_letters_of_nobody_else_are_removed() -> None:
    made = World(connection(status=Status.DISABLED))
    made.post(event(ADA, IN_A))
    later(made, 30 * 24 * 60).deliver()
    assert erased(later(made)).letters == 1
    assert made.letters.stored == {}


def test_what_waits_too_long_makes_no_letter_of_somebody_who_was_erased() -> None:
    made = World()
    made.post(event(ADA, IN_A))
    waiting = dict(made.queue.waiting)
    made.queue.waiting.clear()
    erased(later(made))
    made.queue.waiting |= waiting
    later(made, 30 * 24 * 60).deliver()
    assert made.letters.stored == {}
    assert outcomes(made) == {"excluded": 1}
    assert_forgotten(made)


@pytest.mark.parametrize("person_id", [None, "email", "firstName"])
def test_results_and_examples_name_the_person_no_longer(person_id: str | None) -> None:
    made = World(connection(person_id=person_id, person_action="update_existing_only"))
    made.deliver(event(ADA, IN_A), event(BOB, IN_A, firstName="Bob"))
    found = erased(later(made))
    assert (found.results, found.runs) == (1, 1)
    named = [(one.person_id, one.pseudonym) for own in made.results.stored.values() for one in own]
    assert sorted(name is None for _, name in named) == [False, True]
    assert_forgotten(made)
    assert outcomes(made) == {"excluded": 2}


def test_an_event_of_several_people_is_left_for_the_others() -> None:
    made = World()
    made.reconfigure(status=Status.DISABLED)
    made.deliver(event([ADA, BOB], IN_A))  # type: ignore[arg-type]
    assert erased(later(made)).parked == 0
    made.reconfigure(status=Status.ENABLED)
    later(made).deliver()
    assert made.leads_by_email(ADA) == []
    assert len(made.leads_by_email(BOB)) == 1
    assert outcomes(made) == {"activated": 1, "excluded": 1}


def test_a_value_that_identifies_nobody_does_not_keep_an_event() -> None:
    made = World()
    made.reconfigure(status=Status.DISABLED)
    made.deliver(event([ADA, "no address"], IN_A))  # type: ignore[arg-type]
    assert erased(later(made)).parked == 1
    assert_forgotten(made)


def test_an_event_that_was_damaged_keeps_those_beside_it_from_nothing() -> None:
    made = World()
    made.reconfigure(status=Status.DISABLED)
    made.post(event(ADA, IN_A), event(BOB, IN_A), event(CARL, IN_A))
    [(number, whole)] = made.queue.waiting.items()
    opening, ada, bob, *rest = whole.body.split("\n")
    made.queue.waiting[number] = replace(whole, body="\n".join([opening, ada, bob[: len(bob) // 2], *rest]))
    made.deliver()
    assert erased(later(made)).parked == 1
    assert_forgotten(made)
    made.reconfigure(status=Status.ENABLED)
    later(made).deliver()
    assert outcomes(made) == {"activated": 1, "failed": 1}
    assert made.leads_by_email(ADA) == []
    assert len(made.leads_by_email(CARL)) == 1


@pytest.mark.parametrize("status", [Status.DISABLED, Status.BLOCKED, Status.DELETING])
def test_it_is_done_whatever_the_state_of_the_connection(status: Status) -> None:
    made = World()
    made.deliver(event(ADA, IN_A))
    made.reconfigure(status=status, blocked_cause="603: refused" if status is Status.BLOCKED else None)
    assert erased(later(made)).is_done
    assert made.members("a") == []


def test_what_marketo_refuses_is_told_and_tried_again_and_holds_up_nobody() -> None:
    made = World()
    made.deliver(event(ADA, IN_A))
    made.simulator.script(Fault(path="/lists/1001/leads", method="DELETE", code="1077", times=1))
    asked = later(made).erase(ADA)
    later(made).deliver(event(BOB, IN_A, at=made.now))
    assert (made.erasure(asked).code, made.erasure(asked).step) == ("1077", Step.LISTS)
    assert len(made.leads_by_email(BOB)) == 1
    made.run(made.now + timedelta(hours=1))
    assert made.erasure(asked).is_done
    assert made.erasure(asked).code is None


def test_what_marketo_cannot_do_now_is_done_once_it_can() -> None:
    made = World()
    made.deliver(event(ADA, IN_A))
    made.simulator.script(Fault(path="/rest/v1/", code="602", times=3))
    made.simulator.script(Fault(path="/rest/v1/", code="608", times=2))
    asked = later(made).erase(ADA)
    made.run(made.now + timedelta(hours=6))
    assert made.erasure(asked).is_done
    assert made.members("a") == []


def test_it_has_failed_once_its_message_is_gone() -> None:
    made = World()
    made.deliver(event(ADA, IN_A))
    asked = made.erase(ADA)
    made.queue.waiting.clear()
    later(made, MAX_DURATION / MINUTE).deliver()
    assert made.erasure(asked).status(made.now) is ErasureStatus.FAILED


def test_a_list_that_is_gone_has_nobody_on_it() -> None:
    made = World()
    made.deliver(event(ADA, IN_A, IN_B))
    del made.simulator.state.lists[1001]
    found = erased(later(made))
    assert found.is_done
    assert found.lists == (LeftList(audience("b"), 1002, 1),)


def test_a_message_of_a_connection_that_is_gone_is_no_dead_letter() -> None:
    made = World()
    made.erase(ADA)
    made.connections.stored.clear()
    later(made).deliver()
    assert (made.queue.waiting, made.dead_letters.letters) == ({}, [])


def test_an_exit_since_the_mark_leaves_the_list() -> None:
    made = World()
    made.deliver(event(ADA, IN_A))
    later(made).erase(ADA)
    later(made).deliver_beside(event(ADA, ("a", EXITED), at=made.now))
    made.deliver()
    assert made.members("a") == []
    row = made.ledger.row("connection-1", ADA)
    assert row is not None
    assert row.applied == {audience("a"): Applied(1001, ())}


def test_who_is_known_by_an_ecid_alone_is_forgotten_by_it() -> None:
    made = known({"id": 7, "email": ADA, "ecid__c": ECID}, {"id": 8, "email": BOB})
    made.deliver(said(ecid=(ECID,)), said(BOB))
    assert made.members("a") == [7, 8]
    late = said(ecid=(ECID,))
    made.post(late)
    waiting = dict(made.queue.waiting)
    made.queue.waiting.clear()
    found = erased(later(made), key_by_ecid(ECID))
    assert (made.members("a"), found.rows) == ([8], 1)
    made.queue.waiting |= waiting
    later(made).deliver()
    assert made.members("a") == [8]


def test_parked_events_and_letters_of_an_ecid_are_found_by_it() -> None:
    made = known()
    made.reconfigure(status=Status.DISABLED)
    made.post(said(ecid=(ECID,)), said(BOB))
    later(made, 30 * 24 * 60).deliver(said(ecid=(ECID,)), said(BOB))
    found = erased(later(made), key_by_ecid(ECID))
    assert (found.letters, found.parked) == (1, 1)
    assert ECID not in everything(made)
    assert everything(made).count(BOB) == 2


def verified(made: World) -> list[int]:
    """Who is on the list once it was verified, with repair."""
    request(made, "a", repair=frozenset({Repair.MISSING}))
    for _ in slices(made):
        pass
    return made.members("a")


def test_who_is_known_by_an_ecid_too_is_forgotten_by_both() -> None:
    made = known({"id": 7, "email": ADA, "ecid__c": ECID})
    made.deliver(said(ADA), said(ecid=(ECID,)))
    made.reconfigure(status=Status.DISABLED)
    made.deliver(said(ecid=(ECID,)))
    made.post(said(ecid=(ECID,)))
    late = dict(made.queue.waiting)
    made.queue.waiting.clear()
    found = erased(later(made))
    assert (found.rows, found.parked, made.ledger.people) == (2, 1, {})
    assert ECID not in everything(made)
    made.reconfigure(status=Status.ENABLED)
    made.queue.waiting |= late
    later(made).deliver()
    assert verified(made) == []
    assert outcomes(made) == {"activated": 2, "excluded": 1}


def test_an_ecid_that_means_somebody_else_by_now_is_theirs() -> None:
    made = known({"id": 7, "email": ADA, "ecid__c": ECID})
    made.deliver(said(ADA))
    later(made).simulator.seed({"leads": [{"id": 8, "email": BOB, "ecid__c": ECID}]})
    made.deliver(said(ecid=(ECID,)))
    assert made.members("a") == [7, 8]
    erased(later(made))
    assert verified(made) == [8]


def test_a_lead_that_an_ecid_shares_with_an_address_stays_for_the_address() -> None:
    made = known({"id": 7, "email": ADA, "ecid__c": ECID})
    made.deliver(said(ADA), said(ecid=(ECID,)))
    found = erased(later(made), key_by_ecid(ECID))
    assert (found.rows, found.lists) == (1, ())
    assert verified(made) == [7]


def test_a_verification_puts_nobody_back_who_is_erased_meanwhile() -> None:
    made, _ = drifted(0, 25)
    request(made, "a", repair=frozenset({Repair.MISSING}))
    gone = [1, 700, 1_401]
    for number, _ in enumerate(slices(made)):
        if number == 1:
            assert made.verifications.stored[ID].finished_at is None
            for lead in gone:
                made.erase(address(lead))
    assert made.verifications.stored[ID].finished_at is not None
    assert set(range(2, 700)) <= set(made.members("a"))
    assert not set(gone) & set(made.members("a"))


def test_wherever_a_worker_dies_the_person_is_forgotten_in_the_end() -> None:
    for moments in count():
        made = World(connection(person_action="update_existing_only"), leads=[{"id": 7, "email": ADA}])
        made.deliver(event(ADA, IN_A, IN_B), event(CARL, IN_A))
        made.reconfigure(status=Status.DISABLED)
        later(made).deliver(event(ADA, ("a", EXITED), at=made.now), event(BOB, IN_A, at=made.now))
        made.reconfigure(status=Status.ENABLED)
        asked = later(made).erase(ADA)
        died = deliver_dying(made, moments)
        made.run(made.now + timedelta(hours=1))
        assert made.erasure(asked).is_done, moments
        assert (made.members("a"), made.members("b")) == ([], []), moments
        assert made.erasure(asked).lists == (LeftList(audience("a"), 1001, 1), LeftList(audience("b"), 1002, 1)) or died
        assert_forgotten(made)
        assert_balanced(made)
        if not died:
            return


def test_a_call_of_a_sender_erases_as_an_operator_does_and_the_audit_log_names_the_sender() -> None:
    made = World()
    made.deliver(event(ADA, IN_A, IN_B), event(BOB, IN_A))
    later(made).delete(ADA.upper())
    asked_at = made.now
    later(made).deliver()
    (found,) = made.erasures.stored.values()
    assert (found.name, found.at, found.status(made.now)) == (name_of(ADA), asked_at, ErasureStatus.COMPLETED)
    assert len(made.members("a")) == 1
    assert made.members("b") == []
    (record,) = made.erasures.records
    assert (record.actor, record.action) == (f"sender:{made.connection.id}", AuditAction.ERASE_PERSON)
    assert record.changes == (AuditChange("person", name_of(ADA), None),)
    assert_forgotten(made)
    assert made.queue.waiting == {}


def test_a_call_that_is_sent_again_forgets_nothing_that_came_since() -> None:
    made = World()
    made.deliver(event(ADA, IN_A))
    later(made).delete(ADA, "call-1")
    later(made).deliver()
    later(made).deliver(event(ADA, IN_A, at=made.now))
    later(made).delete(ADA, "call-1")
    later(made).deliver()
    assert len(made.members("a")) == 1
    assert len(made.erasures.records) == 1
    later(made).delete(ADA, "call-2")
    later(made).deliver()
    assert made.members("a") == []


def test_what_was_received_before_a_call_and_comes_with_it_is_dropped() -> None:
    made = World()
    made.post(event(ADA, IN_A))
    later(made).delete(ADA)
    made.deliver()
    assert made.members("a") == []
    assert made.leads_by_email(ADA) == []


def test_a_call_for_somebody_whom_the_field_cannot_hold_is_done() -> None:
    made = World()
    made.delete("no address")
    made.deliver()
    assert (made.erasures.stored, made.queue.waiting) == ({}, {})


@pytest.mark.parametrize("asked", [World.delete, World.erase])
def test_what_cannot_be_carried_out_becomes_a_dead_letter_before_the_queue_drops_it(
    asked: Callable[[World, str], object],
) -> None:
    made = World()
    asked(made, ADA)
    made.now += MAX_DURATION - timedelta(hours=1)
    made.deliver()
    (letter,) = made.dead_letters.letters
    assert letter.code == "ERASURE_NOT_DONE"
    made.queue.send(made.connection.id, [letter.body])
    made.now += timedelta(hours=2)
    made.deliver()
    assert [one.status(made.now) for one in made.erasures.stored.values()] == [ErasureStatus.COMPLETED]


def test_wherever_a_worker_dies_a_call_erases_exactly_once() -> None:
    """The sender sends its call again as well, as it would after an answer that it did not get."""
    for moments in count():
        made = World()
        made.deliver(event(ADA, IN_A, IN_B), event(BOB, IN_A))
        later(made).delete(ADA)
        died = deliver_dying(made, moments)
        made.run(made.now + timedelta(hours=1))
        later(made).delete(ADA)
        made.run(made.now + timedelta(hours=1))
        (found,) = made.erasures.stored.values()
        assert found.status(made.now) is ErasureStatus.COMPLETED, moments
        assert [one.changes for one in made.erasures.records] == [(AuditChange("person", name_of(ADA), None),)], moments
        assert (len(made.members("a")), made.members("b")) == (1, []), moments
        assert found.lists == (LeftList(audience("a"), 1001, 1), LeftList(audience("b"), 1002, 1)) or died
        assert_forgotten(made)
        assert_balanced(made)
        if not died:
            return
