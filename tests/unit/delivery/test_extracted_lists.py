"""Lists that a verification reads by an extract of Marketo's: the same result by fewer calls, whatever goes wrong."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import count, pairwise
from typing import Any

import pytest

from destination.delivery import extract_list
from destination.delivery.verify_lists import SLICE
from destination.domain.lead_extract import (
    DAILY_BYTES,
    EXTRACT_FAILED,
    EXTRACT_SHARE_USED,
    EXTRACT_TOO_SLOW,
    FRESH,
    MAX_ATTEMPTS,
    MAX_DURATION,
    MAX_WAIT,
    ExtractStage,
    LeadExtract,
    quota_day,
)
from destination.domain.verification import AudienceCheck, ListSize, Phase, Repair, VerificationStatus
from marketo_simulator import Fault
from testing.crashes import CrashError, mortal
from testing.persons import out_of_audience
from testing.world import MUNCHKIN, World, audience, event
from tests.unit.delivery.test_verify_lists import (
    ALL,
    ID,
    LEAVERS,
    NOTHING,
    REALIZED,
    A,
    B,
    address,
    delete,
    differences,
    know,
    known,
    left,
    merge,
    put,
    request,
    seeded,
    slices,
    slow_ledger,
    verified,
    verified_again,
)

CREATE, ENQUEUE, STATUS, FILE = (f"/export/.*{one}.json" for one in ("create", "enqueue", "status", "file"))
PAGE = f"/lists/{A}/leads.json"
IN_SIMULATOR: dict[str, object] = {"export_queue_seconds": 60, "export_seconds": 240}
MEMBERS = 600


def extracting(
    people: int = MEMBERS, *, on_list: int | None = None, known_size: bool = True, at: int = 300, **settings: Any
) -> World:
    """A world whose lists are read by an extract from `at` members on; of list a it is known that it has so many."""
    world = seeded(people, on_list=on_list, **{**IN_SIMULATOR, **settings})
    world.extract_from = at
    world.sync = world.delivery()
    if known_size:
        know_size(world, "a", people)
    return world


def know_size(world: World, name: str, people: int) -> None:
    activation = world.target.activations[audience(name)]
    sizes = world.verifications.sizes.setdefault(world.connection.id, {})
    sizes[activation.id] = ListSize(activation.list_id or 0, people, world.now)


def drifted(people: int = MEMBERS) -> World:
    """A world in which somebody is out of place in each way, and one lead is no more."""
    world = extracting(people, on_list=people - 10, at=people // 2)
    world.simulator.seed({"leads": [{"id": people + one, "email": f"x{one}@example.com"} for one in range(1, 6)]})
    put(world, A, *range(people + 1, people + 4))
    for number in range(1, 8):
        know(world, number, desired={audience("a"): out_of_audience()})
    for number in range(20, 23):
        know(world, number, applied={})
    world.simulator.state.lists[A].members -= {20, 30, 31}
    delete(world, 30)
    return world


def made(world: World, path: str) -> int:
    """How many calls of this kind counted."""
    return sum(1 for one in world.simulator.log() if one.counted and path in one.path)


def extract_of(world: World) -> LeadExtract:
    extract = world.verifications.found[ID, 0].extract
    assert extract is not None
    return extract


def code_of(world: World) -> str | None:
    """Why the extract of the list was given up, once the verification is finished."""
    extract = extract_of(world)
    assert extract.stage is (ExtractStage.READ if extract.code is None else ExtractStage.GIVEN_UP)
    return extract.code


def test_a_list_that_is_long_by_its_last_size_is_read_by_an_extract() -> None:
    world = extracting(20_000)
    before = len(world.calls())
    check = verified(world, repair=ALL)
    assert (check.expected, check.found, differences(check)) == (20_000, 20_000, {})
    assert (code_of(world), made(world, PAGE)) == (None, 0)
    created, enqueued, looked_at, file, others = 1, 1, 5, 1, 2
    assert len(world.calls()) - before <= created + enqueued + looked_at + file + others
    assert (world.verifications.leads, world.verifications.keyed) == ({}, {})


@pytest.mark.parametrize(("extra", "is_long"), [(0, False), (1, True)])
def test_a_list_of_unknown_size_is_paged_until_it_shows_that_it_is_long(extra: int, *, is_long: bool) -> None:
    world = extracting(300 + extra, known_size=False)
    check = verified(world)
    assert (check.found, made(world, PAGE)) == (300 + extra, 1)
    assert (check.extract is not None) == is_long


def test_the_size_of_another_list_says_nothing() -> None:
    world = extracting(10)
    activation = world.target.activations[audience("a")]
    world.verifications.sizes[world.connection.id] = {activation.id: ListSize(B, 10_000, world.now)}
    assert (verified(world).found, made(world, CREATE)) == (10, 0)


@pytest.mark.parametrize("empty", ["header", "null"])
def test_a_list_that_was_long_and_is_empty_is_filled_again(empty: str) -> None:
    world = extracting(on_list=0, export_empty_file=empty)
    check = verified(world, repair=ALL)
    assert (check.found, code_of(world), differences(check)) == (0, None, {"missing": (MEMBERS, MEMBERS)})
    assert len(world.members("a")) == MEMBERS


@pytest.mark.parametrize("repair", [NOTHING, LEAVERS, ALL])
def test_an_extract_and_pages_lead_to_the_same(repair: frozenset[Repair]) -> None:
    paged, extracted = drifted(), drifted()
    paged.extract_from = 10_000
    paged.sync = paged.delivery()
    checks = [verified(one, repair=repair) for one in (paged, extracted)]
    assert [one.extract is None for one in checks] == [True, False]
    assert replace(checks[1], extract=None) == replace(checks[0], extract=None)
    assert extracted.members("a") == paged.members("a")
    assert extracted.ledger.people == paged.ledger.people
    assert (left(extracted), extracted.verifications.sizes.keys()) == (left(paged), paged.verifications.sizes.keys())
    assert differences(verified_again(extracted)) == differences(verified_again(paged))


def test_who_came_and_went_while_marketo_wrote_is_in_place() -> None:
    world = extracting(on_list=MEMBERS - 1)
    know(world, MEMBERS, desired={}, applied={})
    request(world, "a", repair=ALL)
    steps = slices(world)
    for _ in range(3):  # It is written down by then.
        next(steps)
    world.now += timedelta(seconds=1)
    world.post(event(address(1), ("a", out_of_audience().status), at=world.now))
    world.post(event(address(MEMBERS), ("a", REALIZED), at=world.now))
    for _ in steps:
        pass
    check = world.verifications.found[ID, 0]
    assert (code_of(world), check.found, differences(check)) == (None, MEMBERS - 1, {})
    assert world.members("a") == list(range(2, MEMBERS + 1))


def test_while_an_extract_is_waited_for_other_lists_are_read() -> None:
    world = extracting()
    world.deliver(event("b@example.org", ("b", REALIZED)))
    request(world, "a", "b")
    next(slices(world))
    phases = [world.verifications.found[ID, number].phase for number in (0, 1)]
    assert phases == [Phase.READING, Phase.COMPARING]
    assert world.queue.invisible_for.popitem()[1] == 60


def test_two_extracts_are_under_way_at_most() -> None:
    world = extracting()
    names = [f"x{number}" for number in range(4)]
    activations = dict(world.target.activations)
    for name in names:
        made_list = world.marketo.lists.ensure(name, "Default")
        activations[audience(name)] = replace(
            activations[audience("a")], audience=audience(name), name=name, list_id=made_list.id, list_name=name
        )
        put(world, made_list.id, *range(1, MEMBERS + 1))
    world.connections.stored[world.connection.id] = replace(world.target, activations=activations)
    for name in names:
        know_size(world, name, MEMBERS)
    request(world, *names)
    under_way = set()
    for _ in slices(world):
        checks = [world.verifications.found[ID, number] for number in range(4)]
        under_way.add(sum(1 for one in checks if one.extract is not None and one.extract.is_under_way))
    assert max(under_way) == 2
    assert {one.found for one in checks} == {MEMBERS}
    assert {one.extract.code for one in checks if one.extract is not None} == {None}


def test_waits_grow_with_the_time_that_it_takes() -> None:
    world = extracting(export_seconds=5 * 3_600)
    verified(world)
    assert code_of(world) is None
    assert made(world, STATUS.partition(".*")[2]) < 40
    waits = [two.time - one.time for one, two in pairs(world, "status.json")]
    assert (min(waits), max(waits)) == (timedelta(seconds=60), MAX_WAIT)


def pairs(world: World, path: str) -> Iterator[tuple[Any, Any]]:
    calls = [one for one in world.simulator.log() if path in one.path]
    return pairwise(calls)


# What goes wrong


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (Fault(code="603", path=CREATE, every=1), "603"),
        (Fault(code="1029", path=CREATE, every=1), "1029"),
        (Fault(code="1029", path=ENQUEUE, every=1), "1029"),
        (Fault(code="1035", path=CREATE), "1035"),
        (Fault(code="1003", path=CREATE), "1003"),
        (Fault(code="611", path=CREATE, every=1), "611"),
        (Fault(code="611", path=STATUS, every=1), "611"),
        (Fault(effect="http", status=502, path=FILE, every=1), "502"),
        (Fault(effect="drop", path=CREATE, executes=True, every=1), "CONNECTION_LOST"),
        (Fault(effect="http", status=404, path=FILE, every=1), "FILE_GONE"),
        (Fault(effect="malformed", damage="cut", path=FILE, every=1), "FILE_DAMAGED"),
        (Fault(code="1013", path=STATUS), "FILE_GONE"),
    ],
    ids=lambda one: f"{one.effect} {one.code or one.status} {one.path[11:]}" if isinstance(one, Fault) else "",
)
def test_what_marketo_refuses_of_extracts_is_read_page_by_page(fault: Fault, code: str) -> None:
    world = extracting()
    world.simulator.script(fault)
    check = verified(world)
    assert (check.found, check.code, code_of(world)) == (MEMBERS, None, code)
    assert made(world, "create.json") <= MAX_ATTEMPTS
    assert world.leases.pauses.get(MUNCHKIN) is None


@pytest.mark.parametrize(
    "fault",
    [
        Fault(code="611", path=CREATE, times=2),
        Fault(effect="drop", path=CREATE, executes=True),
        Fault(effect="drop", path=ENQUEUE, executes=True),
        Fault(code="608", path=ENQUEUE),
        Fault(code="611", path=STATUS, times=2),
        Fault(effect="http", status=404, path=FILE, times=2),
        Fault(effect="malformed", damage="cut", path=FILE, times=2),
        Fault(effect="malformed", damage="charset", path=FILE),
        Fault(effect="malformed", damage="html", path=FILE),
        Fault(code="606", path=FILE),
    ],
    ids=lambda one: f"{one.effect} {one.code or one.status or one.damage} {one.path[11:]}",
)
def test_what_passes_is_tried_again(fault: Fault) -> None:
    world = extracting()
    world.simulator.script(fault)
    check = verified(world)
    assert (check.found, code_of(world), made(world, PAGE)) == (MEMBERS, None, 0)


def test_a_list_that_is_gone_is_said_to_be_so() -> None:
    world = extracting()
    del world.simulator.state.lists[A]
    request(world, "a")
    for _ in slices(world):
        pass
    check = world.verifications.found[ID, 0]
    assert (check.phase, check.code, check.out_of_sync) == (Phase.DONE, "1013", 0)


@pytest.mark.parametrize("cancelled", [True, False])
def test_a_job_that_failed_or_was_cancelled_is_given_up(*, cancelled: bool) -> None:
    world = extracting()
    request(world, "a")
    steps = slices(world)
    next(steps)
    if cancelled:
        world.marketo.extracts.cancel(extract_of(world).id or "")
    else:
        del world.simulator.state.lists[A]
        world.sleep(60)
        world.marketo.usage()  # The job begins, and finds no list.
        world.simulator.seed({"lists": [{"name": "again", "id": A, "members": list(range(1, MEMBERS + 1))}]})
    for _ in steps:
        pass
    assert (code_of(world), world.verifications.found[ID, 0].found) == (EXTRACT_FAILED, MEMBERS)


def test_a_job_that_takes_too_long_is_cancelled_and_given_up() -> None:
    world = extracting(export_seconds=timedelta(days=1).total_seconds())
    begun = world.now
    check = verified(world)
    assert (code_of(world), check.found) == (EXTRACT_TOO_SLOW, MEMBERS)
    assert MAX_DURATION <= world.now - begun <= MAX_DURATION + MAX_WAIT + timedelta(minutes=2)
    assert world.marketo.extracts.state(extract_of_job(world)).status == "Cancelled"


def extract_of_job(world: World) -> str:
    path = next(one.path for one in world.simulator.log() if "enqueue" in one.path)
    return path.split("/")[-2]


def test_a_file_that_is_not_read_in_a_slice_is_begun_anew_and_given_up_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(extract_list, "PART", 100)
    world = extracting()
    stored = world.verifications.put_read

    def slowly(*args: Any) -> None:
        world.sleep(31)
        stored(*args)

    monkeypatch.setattr(world.verifications, "put_read", slowly)
    assert (verified(world).found, code_of(world)) == (MEMBERS, EXTRACT_TOO_SLOW)


def test_the_share_of_the_days_bytes_is_kept() -> None:
    world = extracting()
    day = quota_day(world.now)
    world.extracted.add(MUNCHKIN, day, DAILY_BYTES - 10 * MEMBERS + 1)
    assert (verified(world).found, code_of(world), made(world, "create")) == (MEMBERS, EXTRACT_SHARE_USED, 0)
    world.now += timedelta(days=1)
    verified_again(world)
    assert (code_of(world), made(world, "create")) == (None, 1)


def test_where_the_share_has_room_for_ids_alone_these_are_read() -> None:
    world = extracting()
    world.extracted.add(MUNCHKIN, quota_day(world.now), DAILY_BYTES - 10 * MEMBERS)
    verified(world, repair=LEAVERS)
    assert (extract_of(world).fields, code_of(world)) == (("id",), None)


def test_what_an_extract_takes_of_the_share_is_counted_by_its_size() -> None:
    world = extracting(1_200)
    know_size(world, "a", 300)
    verified(world, repair=LEAVERS)
    extract = extract_of(world)
    state = world.marketo.extracts.state(extract.id or "")
    assert extract.fields == ("id", "email")
    assert world.extracted.of_day(MUNCHKIN, quota_day(world.now)) == state.size
    assert (state.size or 0) > extract.reserved > 0


@pytest.mark.parametrize("path", [STATUS, FILE])
def test_what_takes_the_instance_ends_the_slice_and_not_the_extract(path: str) -> None:
    """A quota that is used up is that of pages as well, and is no attempt in vain."""
    world = extracting()
    world.simulator.script(Fault(code="607", path=path, times=MAX_ATTEMPTS, every=1))
    request(world, "a")
    for _ in slices(world):
        pass
    assert world.verifications.stored[ID].status is VerificationStatus.COMPLETED
    assert (code_of(world), world.verifications.found[ID, 0].found) == (None, MEMBERS)


def test_a_worker_that_dies_at_any_moment_leaves_the_extract_to_the_next() -> None:
    expected = drifted(60)
    verified(expected, repair=ALL)
    for moments in count():
        world = drifted(60)
        request(world, "a", repair=ALL)
        life = mortal(world)
        life.moments = moments
        survived = True
        while world.queue.waiting:
            try:
                world.deliver()
            except CrashError:
                survived = False
                life.moments = None
                world.sleep(3_600)
            world.sleep(min((world.queue.invisible_for.get(one, 0) for one in world.queue.waiting), default=0))
        check = world.verifications.found[ID, 0]
        assert world.members("a") == expected.members("a"), moments
        assert (check.phase, check.out_of_sync, extract_of(world).code) == (Phase.DONE, 0, None), moments
        assert made(world, "create") <= 2
        if survived:
            return


@pytest.mark.parametrize(
    ("stage", "code"),
    [
        (ExtractStage.CREATING, EXTRACT_FAILED),
        (ExtractStage.WAITING, EXTRACT_FAILED),
        (ExtractStage.READING, EXTRACT_TOO_SLOW),
    ],
)
def test_a_step_in_which_every_worker_dies_is_not_begun_for_ever(stage: ExtractStage, code: str) -> None:
    world = extracting()
    request(world, "a")
    steps = slices(world)
    next(steps)
    begun = replace(extract_of(world), stage=stage, attempts=MAX_ATTEMPTS, look_at=None)
    world.verifications.found[ID, 0] = replace(world.verifications.found[ID, 0], extract=begun)
    for _ in steps:
        pass
    assert (code_of(world), world.verifications.found[ID, 0].found) == (code, MEMBERS)


# Whose leads they are


def leaving(world: World, *numbers: int) -> None:
    for number in numbers:
        know(world, number, desired={audience("a"): out_of_audience()})


def test_who_is_taken_off_takes_one_call_for_300() -> None:
    world = extracting(1_200)
    leaving(world, *range(1, 601))
    check = verified(world, repair=LEAVERS)
    assert differences(check) == {"leavers": (600, 600)}
    assert world.members("a") == list(range(601, 1_201))
    assert (made(world, PAGE), made(world, "ismember"), made(world, "/rest/v1/leads.json")) == (2, 0, 0)
    assert known(world, 1).applied[audience("a")].leads == ()


def between(world: World, change: Callable[[], None]) -> AudienceCheck:
    """The check, with a change after the list was read and before it is compared."""
    slow_ledger(world, MEMBERS, SLICE.total_seconds())
    request(world, "a", repair=LEAVERS)
    steps = slices(world)
    while world.verifications.found[ID, 0].phase is not Phase.COMPARING:
        next(steps)
    change()
    for _ in steps:
        pass
    return world.verifications.found[ID, 0]


def test_who_is_not_on_the_list_any_more_is_no_leaver() -> None:
    world = extracting()
    leaving(world, 1, 2, 3)

    def change() -> None:
        delete(world, 3)
        world.simulator.state.lists[A].members -= {2}

    check = between(world, change)
    assert (differences(check), check.changed) == ({"leavers": (1, 1)}, -1)
    assert world.members("a") == list(range(4, MEMBERS + 1))
    assert known(world, 2).applied[audience("a")].leads == ()


def test_a_lead_that_cannot_be_taken_off_is_counted_and_not_repaired() -> None:
    world = extracting()
    leaving(world, 1, 2)
    world.simulator.script(Fault(effect="skip", code="1008", path=PAGE, method="DELETE", every=1, records=(0,)))
    check = verified(world, repair=LEAVERS)
    assert (differences(check), world.members("a")) == (
        {"leavers": (2, 1)},
        list(range(1, 2)) + list(range(3, MEMBERS + 1)),
    )
    assert left(world) == {audience("a"): 1}


def merged() -> World:
    """Lead 1 left, and is lead 2's person by a merge, who is in the audience."""
    world = extracting()
    leaving(world, 1)
    merge(world, 1, 2, address(2))
    return world


def test_a_lead_that_is_somebody_elses_by_now_stays() -> None:
    world = merged()
    check = verified(world, repair=LEAVERS)
    assert "leavers" not in differences(check)
    assert 1 in world.members("a")
    assert made(world, "/rest/v1/leads.json") == 1


@pytest.mark.parametrize(("age", "is_asked"), [(timedelta(0), False), (FRESH, True)])
def test_an_extract_of_long_ago_tells_nothing_of_whose_a_lead_is(age: timedelta, *, is_asked: bool) -> None:
    world = extracting()
    leaving(world, 1)
    check = between(world, lambda: world.sleep(age.total_seconds()))
    assert (differences(check), made(world, "/rest/v1/leads.json")) == ({"leavers": (1, 1)}, is_asked)


def test_a_merge_of_the_last_hour_is_seen_where_the_extract_is_older() -> None:
    world = extracting()
    leaving(world, 1)

    def change() -> None:
        merge(world, 1, 2, address(2))
        world.sleep(FRESH.total_seconds())

    assert ("leavers" in differences(between(world, change)), 1 in world.members("a")) == (False, True)
