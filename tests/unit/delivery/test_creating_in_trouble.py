"""Imports that create, and that Marketo refuses, loses or fails: everybody is created once, and told what is newest."""

from collections import Counter
from datetime import timedelta

import pytest

from destination.domain.lead_extract import (
    DAILY_BYTES,
    EXTRACT_SHARE_USED,
    EXTRACT_TOO_SLOW,
    MAX_ATTEMPTS,
    quota_day,
)
from destination.domain.lead_import import LOST_AFTER, ImportStage
from destination.marketo.pace import OutOfTimeError
from marketo_simulator import Fault
from marketo_simulator.state import Lead
from testing.counts import assert_balanced, assert_known, changes, outcomes
from testing.importing import (
    CREATES,
    EVERYBODY,
    EXTRACT,
    HOUR,
    IN,
    LOOK_UP,
    OUT,
    PEOPLE,
    UPLOAD,
    WRITE,
    address,
    assert_all_told,
    broken_off,
    calls,
    emails,
    ended,
    events,
    imports,
    moments_of,
    upload,
    world_of,
)
from testing.world import MUNCHKIN, World, event

DAY = 24 * HOUR
MINUTE = timedelta(minutes=1)


pytestmark = pytest.mark.usefixtures("few_are_many")


def new_world(**changes: object) -> World:
    return world_of(people=0, known=CREATES, **changes)


def assert_all_created(world: World) -> None:
    """There is one lead of everybody, with the new name and on the list; each is counted once, and nothing waits."""
    assert_all_told(world)
    assert emails(world) == EVERYBODY
    assert set(world.members("a")) == set(world.leads_now())
    assert_known(world, *EVERYBODY)


def somebody_else_creates(world: World, partition: int = 1) -> Lead:
    """A lead of one of the people."""
    values = {"email": address(3), "firstName": "Other", "lastName": "L"}
    return world.simulator.state.create_lead(values, partition, world.now)


@pytest.mark.parametrize("code", ["1016", "1019", "1029", "606", "607"])
def test_while_marketo_has_no_room_for_an_import_it_is_sent_again(code: str) -> None:
    world = new_world()
    world.simulator.script(upload(code=code, times=3, every=1))
    world.deliver(*events(("a", IN)))
    ended(world, 30 * HOUR)
    assert_all_created(world)
    (one,) = imports(world)
    assert (one.is_through, one.lost, calls(world)[WRITE]) == (True, 0, 0)


LOST: list[Fault] = [
    upload("drop", executes=True),
    upload("drop", executes=False),
    upload("http", status=502, executes=True),
    upload("http", status=502, executes=False),
    upload("error", "611", executes=False),
    upload("error", "9999", executes=True),
    upload("malformed", damage="cut"),
]


@pytest.mark.parametrize("fault", LOST)
def test_an_import_whose_answer_is_lost_is_never_sent_again(fault: Fault) -> None:
    """If it were, that would succeed."""
    was_taken = int(fault.executes or fault.effect == "malformed")
    world = new_world()
    world.simulator.script(fault)
    world.deliver(*events(("a", IN)))
    ended(world, HOUR)
    assert outcomes(world) == {}
    assert calls(world)[WRITE] == 0
    ended(world, 3 * HOUR)
    assert_all_created(world)
    (one,) = imports(world)
    assert (one.stage, one.is_through, calls(world)[UPLOAD]) == (ImportStage.ENDED, False, was_taken)


def test_what_is_lost_is_left_alone_as_long_as_marketo_may_create_it() -> None:
    world = new_world(settings={"import_queue_seconds": LOST_AFTER.total_seconds() - 60})
    world.simulator.script(upload("drop", executes=True, every=1))
    world.deliver(*events(("a", IN)))
    ended(world, 4 * HOUR)
    assert_all_created(world)
    assert changes(world) == {"updated": PEOPLE, "added": PEOPLE}


@pytest.mark.parametrize("code", ["1003", "610", "603", "1013"])
def test_an_import_that_marketo_refuses_is_done_by_calls(code: str) -> None:
    world = new_world()
    world.simulator.script(upload(code=code, every=1))
    world.deliver(*events(("a", IN)))
    ended(world, 2 * HOUR)
    assert_all_created(world)
    (one,) = imports(world)
    assert (one.is_through, one.code, calls(world)[UPLOAD]) == (False, code, 1)
    assert world.target.connection.blocked_cause is None


@pytest.mark.parametrize("minutes", [0, 2])
def test_whom_somebody_else_creates_meanwhile_is_that_lead(minutes: int) -> None:
    world = new_world()
    world.deliver(*events(("a", IN)))
    world.now += minutes * MINUTE
    made = somebody_else_creates(world)
    ended(world)
    assert_all_created(world)
    assert made.id in world.members("a")


def test_whom_somebody_else_creates_twice_meanwhile_is_looked_up() -> None:
    world = new_world()
    world.deliver(*events(("a", IN)))
    world.now += 3 * MINUTE
    for _ in range(2):
        somebody_else_creates(world)
    ended(world)
    assert emails(world) == EVERYBODY + Counter([address(3)])
    assert outcomes(world) == {"activated": PEOPLE}
    assert calls(world)[LOOK_UP] > 1
    assert_balanced(world)


def test_who_is_among_the_failures_is_told_by_calls() -> None:
    """A lead of another partition, which somebody made meanwhile, is not the import's to update."""
    world = new_world(settings={"import_other_partition": "refuse"})
    world.deliver(*events(("a", IN)))
    somebody_else_creates(world, partition=2)
    ended(world)
    (one,) = imports(world)
    assert (one.is_through, one.exceptions) == (True, 1)
    exceptions = world.imports.texts[one.id, "exceptions"]
    assert len(exceptions) == 32
    assert emails(world) == EVERYBODY
    assert outcomes(world) == {"activated": PEOPLE}
    assert changes(world)["created"] == PEOPLE - 1


def test_a_value_that_marketo_cuts_is_written_by_calls() -> None:
    world = new_world()
    world.deliver(*events(("a", IN)))
    (name,) = [one for one in world.imports.texts if one[1] != "exceptions"]
    text = world.imports.texts[name]
    world.imports.texts[name] = text.replace(f"{address(3)},New", f"{address(3)},{'New' * 100}")
    ended(world)
    (one,) = imports(world)
    assert (one.is_through, one.exceptions) == (True, 1)
    assert_all_created(world)


def test_a_lead_that_is_deleted_before_its_id_is_read_is_created_again() -> None:
    world = new_world()
    world.simulator.script(Fault("error", "713", path="/export/[^/]+/status.json", times=2, every=1))
    world.deliver(*events(("a", IN)))
    while not world.members("a"):
        world.run(world.now + MINUTE / 6)
    state = world.simulator.state
    state.delete_lead(next(one for one in state.leads.values() if one.values["email"] == address(3)))
    ended(world)
    assert_all_created(world)


EXTRACTS: list[tuple[Fault, str]] = [
    (Fault("error", "1029", path="/export/create.json", every=1), "1029"),
    (Fault("error", "1035", path="/export/create.json", every=1), "1035"),
    (Fault("error", "603", path="/export/create.json", every=1), "603"),
    (Fault("error", "713", path="/export/create.json", every=1), "713"),
    (Fault("drop", path="/export/create.json", executes=True, every=1), "CONNECTION_LOST"),
    (Fault("error", "1029", path="/enqueue.json", every=1), "1029"),
    (Fault("drop", path="/enqueue.json", every=1), "CONNECTION_LOST"),
    (Fault("error", "611", path="/export/[^/]+/status.json", every=1), "611"),
    (Fault("error", "1013", path="/export/[^/]+/status.json", every=1), "FILE_GONE"),
    (Fault("http", status=404, path="/export/[^/]+/file.json", every=1), "FILE_GONE"),
    (Fault("malformed", damage="cut", path="/export/[^/]+/file.json", every=1), "FILE_DAMAGED"),
    (Fault("malformed", damage="empty", path="/export/[^/]+/file.json", every=1), "FILE_DAMAGED"),
]


@pytest.mark.parametrize(("fault", "code"), EXTRACTS)
def test_where_ids_cannot_be_read_back_everybody_is_looked_up(fault: Fault, code: str) -> None:
    world = new_world()
    world.simulator.script(fault)
    world.deliver(*events(("a", IN)))
    ended(world, 3 * HOUR)
    assert_all_created(world)
    (one,) = imports(world)
    assert (one.is_through, one.code) == (False, code)
    assert calls(world)[UPLOAD] == 1
    assert calls(world)[EXTRACT] <= MAX_ATTEMPTS


def test_what_passes_keeps_nobody_from_being_read_back() -> None:
    world = new_world()
    world.simulator.script(
        Fault("drop", path="/export/create.json", nth=1),
        Fault("drop", path="/enqueue.json", executes=True, nth=1),
        Fault("error", "713", path="/export/[^/]+/status.json", nth=1),
        Fault("http", status=404, path="/export/[^/]+/file.json", nth=1),
    )
    world.deliver(*events(("a", IN)))
    ended(world, 2 * HOUR)
    assert_all_created(world)
    assert changes(world) == {"created": PEOPLE, "added": PEOPLE}
    assert calls(world)[LOOK_UP] == 1


def out_of_time(monkeypatch: pytest.MonkeyPatch, calls_of: object, name: str, times: int) -> None:
    """So often no time is left for a call of Marketo, and it is not made."""
    make, left = getattr(calls_of, name), [*range(times)]

    def made(*args: object) -> object:
        if left:
            left.pop()
            raise OutOfTimeError("no time is left for an answer")
        return make(*args)

    monkeypatch.setattr(calls_of, name, made)


@pytest.mark.parametrize("name", ["create", "create_of_time", "enqueue", "state", "rows"])
def test_a_call_that_there_was_no_time_for_is_made_later_however_often(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    world = new_world()
    calls_of = world.marketo.imports if name == "create" else world.marketo.extracts
    out_of_time(monkeypatch, calls_of, name, 2 * MAX_ATTEMPTS)
    world.deliver(*events(("a", IN)))
    ended(world, 3 * HOUR)
    assert_all_created(world)
    assert changes(world) == {"created": PEOPLE, "added": PEOPLE}
    assert calls(world)[UPLOAD] == 1


@pytest.mark.parametrize("path", ["/export/create.json", "/enqueue.json", "/export/[^/]+/status.json"])
def test_what_holds_up_the_whole_instance_is_no_reason_to_give_up(path: str) -> None:
    world = new_world()
    world.simulator.script(Fault("error", "607", path=path, times=2 * MAX_ATTEMPTS, every=1))
    world.deliver(*events(("a", IN)))
    ended(world, 2 * DAY)
    assert_all_created(world)
    assert changes(world)["created"] == PEOPLE


def test_an_extract_that_takes_too_long_is_given_up() -> None:
    world = new_world(settings={"export_seconds": DAY.total_seconds()})
    world.deliver(*events(("a", IN)))
    ended(world, 4 * HOUR)
    assert_all_created(world)
    (one,) = imports(world)
    assert (one.is_through, one.code) == (False, EXTRACT_TOO_SLOW)


def test_beyond_our_share_of_marketos_bytes_everybody_is_looked_up() -> None:
    world = new_world()
    world.extracted.add(MUNCHKIN, quota_day(world.now), DAILY_BYTES - 100)
    world.deliver(*events(("a", IN)))
    ended(world)
    assert_all_created(world)
    (one,) = imports(world)
    assert (one.code, calls(world)[EXTRACT]) == (EXTRACT_SHARE_USED, 0)


def test_rows_and_ids_that_are_gone_cost_calls_alone() -> None:
    for name in ("rows", "ids"):
        world = new_world(settings={"export_seconds": 600.0})
        world.deliver(*events(("a", IN)))
        while not world.members("a"):
            world.run(world.now + MINUTE)
        if name == "rows":
            world.imports.texts.clear()
        else:
            world.run(world.now + 20 * MINUTE)
            world.imports.texts.clear()
        ended(world, 3 * HOUR)
        assert_all_created(world)


def posted() -> World:
    made = new_world()
    made.post(*events(("a", IN)))
    return made


@pytest.mark.parametrize("part", range(8))
def test_a_worker_that_dies_at_any_moment_of_an_import_leaves_everybody_created_once(part: int) -> None:
    moments = moments_of(posted)
    assert moments > 90
    for number in range(part, moments, 8):
        made = broken_off(posted, number)
        ended(made, 6 * HOUR)
        assert_all_created(made)
        assert calls(made)[UPLOAD] <= 1
        assert all(not one.is_going_on for one in imports(made) if one.parts)


@pytest.mark.parametrize("part", range(4))
def test_whatever_breaks_off_a_newer_event_wins(part: int) -> None:
    for number in range(part, moments_of(posted), 4):
        made = broken_off(posted, number)
        made.post(event(address(0), ("a", OUT), at=made.now, firstName="Newest", lastName="L"))
        ended(made, 6 * HOUR)
        made.deliver()
        (newest,) = made.leads_by_email(address(0)) or [{"id": 0, "firstName": "Newest"}]
        assert newest["firstName"] == "Newest"
        assert newest["id"] not in made.members("a")
        assert len(made.members("a")) == PEOPLE - 1
        assert emails(made) <= EVERYBODY
        assert_balanced(made)
