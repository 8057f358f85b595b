"""Who did not arrive is told with why, once, until a redrive makes it good; and nothing is kept of who arrived."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from destination.control.persons import TIME, PersonQuery, ReadPersons
from destination.domain.connection import Limits, MappingRow, OnInvalid, PersonAction
from destination.domain.flaw import Flaw
from destination.domain.not_arrived import Ended, NotArrived
from destination.domain.outcome import Class
from marketo_simulator import Fault
from testing.counts import outcomes
from testing.crashes import CrashError, mortal
from testing.persons import RUN
from testing.results import assert_listed, events_of, not_arrived
from testing.stages import ADA, BOB, CARL, LEADS, REALIZED
from testing.world import EMAIL_MAPPING, START, World, audience, connection, event, name_of

IN_A = ("a", REALIZED)
UPDATING = connection(person_action=PersonAction.UPDATE_EXISTING_ONLY)
STRICT = connection(on_invalid=OnInvalid.FAIL)
SCORE = "leadScore"


def listed(world: World) -> list[Ended]:
    assert_listed(world)
    return not_arrived(world, RUN)


def told(world: World) -> NotArrived:
    """The only one."""
    [one] = listed(world)
    return one.person


def test_whoever_arrives_leaves_nothing_in_the_bucket() -> None:
    world = World(leads=[{"id": 7, "email": BOB}])
    world.deliver(event(ADA, IN_A), event(BOB, IN_A))
    world.deliver(event(ADA, IN_A))
    assert outcomes(world)["activated"] == 2
    assert world.results.stored == {}


def test_somebody_who_is_excluded_is_told_by_pseudonym_with_why() -> None:
    world = World(UPDATING)
    world.deliver(event(ADA, IN_A))
    [one] = listed(world)
    assert one.at == world.now
    assert one.person == NotArrived(
        one.person.origin,
        one.person.shard,
        Class.EXCLUDED,
        "PERSON_NOT_FOUND",
        START,
        pseudonym=name_of(ADA),
        audiences=(audience("a"),),
    )
    assert one.person.event == "envelope-0/0"


def test_those_of_a_turn_and_run_are_stored_together() -> None:
    world = World(UPDATING)
    world.post(event(ADA, IN_A), event(BOB, IN_A))
    world.post(event(CARL, IN_A))
    world.deliver()
    world.now += timedelta(hours=1)
    world.deliver(event("dora@example.org", IN_A))
    assert sorted((key.run_id, key.persons) for key in world.results.stored) == [(RUN, 3), ("2026-11-21T11:00Z", 1)]
    assert len(listed(world)) == 3


@pytest.mark.parametrize(
    ("target", "said", "code", "flaws"),
    [
        (connection(), event(None, IN_A), "MISSING_DEDUPE_VALUE", [("email", "MISSING", None)]),
        (
            connection(),
            event("ada at example.org", IN_A),
            "INVALID_DEDUPE_VALUE",
            [("email", "INVALID_VALUE", "text of 18 characters")],
        ),
        (
            connection(),
            event(ADA, IN_A, firstName=None, lastName=" "),
            "MISSING_REQUIRED_ATTRIBUTE",
            [("firstName", "MISSING", None), ("lastName", "MISSING", None)],
        ),
        (
            connection(),
            event(ADA, IN_A, firstName="A" * 256, lastName=None),
            "INVALID_REQUIRED_ATTRIBUTE",
            [("firstName", "TOO_LONG", "text of 256 characters"), ("lastName", "MISSING", None)],
        ),
        (
            STRICT,
            event(ADA, IN_A, score="many"),
            "INVALID_ATTRIBUTE",
            [(SCORE, "INVALID_VALUE", "text of 4 characters")],
        ),
        (STRICT, event(ADA, IN_A, score={"a": 1}), "INVALID_ATTRIBUTE", [(SCORE, "INVALID_VALUE", "object")]),
        (STRICT, event(ADA, IN_A, score=True), "INVALID_ATTRIBUTE", [(SCORE, "INVALID_VALUE", "boolean")]),
        (STRICT, event(ADA, IN_A, score=1.5), "INVALID_ATTRIBUTE", [(SCORE, "INVALID_VALUE", "number")]),
        (
            connection(on_invalid=OnInvalid.FAIL, mapping=(*EMAIL_MAPPING, MappingRow("x", "gone"))),
            event(ADA, IN_A),
            "INVALID_ATTRIBUTE",
            [("gone", "UNKNOWN_FIELD", None)],
        ),
    ],
)
def test_the_field_is_told_and_what_is_wrong_with_it(
    target: Any, said: Any, code: str, flaws: list[tuple[str, str, str | None]]
) -> None:
    world = World(target)
    world.deliver(said)
    one = told(world)
    assert one.code == code
    assert [(flaw.field, flaw.code, flaw.value) for flaw in one.flaws] == flaws
    assert all(flaw.message for flaw in one.flaws)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ("Invalid value for field 'company' and value 'lastName'", "company"),
        ("Field 'company' not found", "company"),
        ("Invalid value for field 'secret' and value 'company'", None),
        ("Lead's company is invalid", None),
        ("company", None),
        ("", None),
    ],
)
def test_of_a_refusal_the_field_is_told_that_marketo_names_if_it_was_sent(message: str, field: str | None) -> None:
    world = World(leads=[{"id": 7, "email": ADA}])
    world.simulator.script(*(Fault("skip", "1003", path=LEADS, nth=number, message=message) for number in (2, 4)))
    world.deliver(event(ADA, IN_A, company="Acme"))
    one = told(world)
    assert one.code == "MARKETO_1003"
    assert one.flaws == (() if field is None else (Flaw(field, "REFUSED", "Marketo does not take the value"),))


def test_no_value_of_a_profile_is_kept() -> None:
    world = World(STRICT)
    world.deliver(event(ADA, IN_A, score="very many", company="Acme"), event("not an address", IN_A))
    kept = repr(world.results.stored)
    assert "INVALID_ATTRIBUTE" in kept
    for value in (ADA, "very many", "Acme", "not an address"):
        assert value not in kept


def test_people_are_told_by_the_id_that_the_connection_names_them_by() -> None:
    world = World(replace(UPDATING, person_id="crm.id"))
    world.deliver(
        event(ADA, IN_A, crm={"id": "C-1"}), event(BOB, IN_A, crm={"id": 42.0}), event(CARL, IN_A), event(None, IN_A)
    )
    assert [(one.person.person_id, one.person.pseudonym) for one in listed(world)] == [
        ("C-1", name_of(ADA)),
        ("42", name_of(BOB)),
        (None, name_of(CARL)),
        (None, None),
    ]


@pytest.mark.parametrize("value", ["", "  ", "x" * 256, {"a": 1}, None, "\x00"])
def test_where_the_id_is_none_the_pseudonym_stands(value: object) -> None:
    world = World(replace(UPDATING, person_id="crm"))
    world.deliver(event(ADA, IN_A, crm=value))
    assert (told(world).person_id, told(world).pseudonym) == (None, name_of(ADA))


def test_a_redrive_that_succeeds_takes_its_person_off_the_list() -> None:
    world = World(leads=[{"id": 7, "email": ADA}])
    world.simulator.script(Fault("skip", "1018", path=LEADS, nth=2))
    world.deliver(event(ADA, IN_A))
    assert told(world).code == "MARKETO_1018"
    world.simulator.script(Fault("skip", "1015", path=LEADS, nth=2))
    world.redrive()
    world.deliver()
    assert (told(world).code, told(world).origin.attempt) == ("MARKETO_1015", 1)
    world.redrive()
    world.deliver()
    assert listed(world) == []
    assert outcomes(world) == {"activated": 1}


def test_what_cannot_be_stored_keeps_its_person_in_the_queue_and_nobody_else() -> None:
    world = World(UPDATING, leads=[{"id": 7, "email": BOB}])
    world.results.refuses = True
    world.deliver(event(ADA, IN_A), event(BOB, IN_A))
    assert outcomes(world) == {"activated": 1}
    assert listed(world) == []
    world.results.refuses = False
    world.deliver()
    assert outcomes(world) == {"activated": 1, "excluded": 1}
    assert told(world).pseudonym == name_of(ADA)


def test_those_of_an_audience_are_told_by_it() -> None:
    world = World(UPDATING)
    world.deliver(event(ADA, IN_A, ("b", REALIZED)), event(BOB, IN_A))
    found = listed(world)
    assert events_of(found, audience("a")) == ["envelope-0/0", "envelope-0/1"]
    assert events_of(found, audience("b")) == ["envelope-0/0"]


@pytest.mark.parametrize("ending", ["as before", "found by then", "refused by then"])
def test_after_a_crash_at_any_moment_everybody_is_told_as_counted(ending: str) -> None:
    """The event ends otherwise when it is delivered again, so that what the dead worker stored is not true."""
    died, moments = True, 0
    while died:
        world = World(replace(UPDATING, limits=Limits(concurrency=1)))
        world.post(event(ADA, IN_A), event(None, IN_A), event(BOB, IN_A))
        life = mortal(world)
        life.moments = moments
        died = False
        try:
            world.sync(list(world.queue.waiting.values()), timedelta(minutes=5))
        except CrashError:
            died = True
        life.moments = None
        assert_listed(world)
        world.now += timedelta(minutes=10)
        if ending != "as before":
            state = world.simulator.state
            state.create_lead({"email": ADA}, 1, world.now)
            if ending == "refused by then":
                world.simulator.script(Fault("skip", "1018", path=LEADS, nth=2))
        world.deliver()
        assert sum(outcomes(world).values()) == 3
        assert_listed(world)
        moments += 1
    assert moments > 20


def test_no_page_is_longer_than_was_asked_for_and_none_is_missed() -> None:
    world = World(UPDATING)
    emails = [f"p{number}@example.org" for number in range(23)]
    for start in range(0, len(emails), 7):
        world.deliver(*(event(one, IN_A) for one in emails[start : start + 7]))
        world.now += timedelta(minutes=1)
    for page in (1, 2, 5, 7, 22, 23, 100):
        found = not_arrived(world, RUN, page=page)
        assert [one.person.pseudonym for one in found] == [name_of(one) for one in emails]
    assert not_arrived(world, RUN, PersonQuery(outcome=Class.FAILED)) == []
    assert len(not_arrived(world, RUN, PersonQuery(code="PERSON_NOT_FOUND"))) == 23


def test_a_page_that_takes_too_long_ends_and_the_next_goes_on() -> None:
    world = World(UPDATING)
    emails = [f"p{number}@example.org" for number in range(5)]
    world.deliver(*(event(one, IN_A) for one in emails))

    def slow() -> datetime:
        world.now += TIME
        return world.now

    read = ReadPersons(world.connections, world.ledger.runs, world.results, world.ledger, slow)
    found: list[str | None] = []
    page = read(world.connection.id, RUN, PersonQuery())
    while page.cursor is not None:
        assert len(page.persons) == 1
        found += [one.person.pseudonym for one in page.persons]
        page = read(world.connection.id, RUN, PersonQuery(cursor=page.cursor))
    assert [*found, *(one.person.pseudonym for one in page.persons)] == [name_of(one) for one in emails]
