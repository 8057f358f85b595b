"""When somebody whom calls are refused for is tried again, and when that has an end."""

from datetime import timedelta

import pytest

from destination.domain.pause import Pause
from destination.domain.refusal import (
    MAX_RETRY,
    MAX_WAIT,
    MIN_REFUSALS,
    MIN_REFUSED_FOR,
    REMEMBERED,
    Circuit,
    KindOfCalls,
    Refusals,
    fails,
    refused_again,
)
from testing.persons import START

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("times", "hours", "is_final"),
    [(MIN_REFUSALS, 12, True), (MIN_REFUSALS - 1, 12, False), (MIN_REFUSALS, 11.99, False), (100, 1, False)],
)
def test_it_takes_so_many_refusals_over_so_long(times: int, hours: float, *, is_final: bool) -> None:
    assert MIN_REFUSED_FOR == 12 * HOUR
    assert Refusals("611", START, START + hours * HOUR, times).is_final is is_final


@pytest.mark.parametrize(
    ("since", "wait"),
    [(0 * HOUR, MAX_WAIT), (MAX_WAIT / 2, MAX_WAIT), (HOUR, HOUR), (3 * HOUR, MAX_RETRY), (40 * HOUR, MAX_RETRY)],
)
def test_it_is_tried_again_later_and_later(since: timedelta, wait: timedelta) -> None:
    assert Refusals("611", START, START + since).retry_at == START + since + wait


def test_whoever_was_refused_among_others_is_tried_again_soon() -> None:
    assert Refusals("611", START, START + HOUR, among=18).retry_at == START + HOUR + MAX_WAIT


def test_nobody_fails_by_a_refusal_that_others_got_as_well() -> None:
    before = Refusals("611", START, START + HOUR, MIN_REFUSALS)
    late = START + MIN_REFUSED_FOR
    assert not fails(before, before._replace(at=late))
    assert fails(before, before._replace(at=late, times=MIN_REFUSALS + 1))
    assert not fails(None, Refusals("611", START, START, 1))


@pytest.mark.parametrize(
    ("times", "among", "is_own"), [(0, 1, True), (1, 1, True), (1, 0, True), (0, 0, False), (9, 18, False)]
)
def test_whether_it_is_refused_for_the_person_alone(times: int, among: int, *, is_own: bool) -> None:
    assert Refusals("611", START, START, times, among).is_own is is_own


def again(before: Refusals | None, *, among: int = 1, worked: timedelta | None = None, works: bool = False) -> Refusals:
    circuit = None if worked is None else Circuit(START, worked_at=START + worked)
    return refused_again(before, "604", START + 2 * HOUR, among=among, circuit=circuit, works=works)


def test_a_refusal_counts_while_the_kind_works_for_others_and_of_somebody_alone() -> None:
    before = Refusals("611", START, START + HOUR, 3)
    assert again(None, works=True) == Refusals("604", START + 2 * HOUR, START + 2 * HOUR, 1)
    assert again(None).times == again(None, among=17, works=True).times == 0
    assert again(before, works=True) == Refusals("604", START, START + 2 * HOUR, 4)
    assert again(before, among=0, works=True).times == 4
    assert again(before, among=17, works=True) == Refusals("604", START, START + 2 * HOUR, 3, 17)
    assert again(before).times == 3


@pytest.mark.parametrize(("worked", "times"), [(0.5, 3), (1, 3), (1.5, 4)])
def test_it_counts_too_if_the_kind_worked_since_the_last_one(worked: float, times: int) -> None:
    assert again(Refusals("611", START, START + HOUR, 3), worked=worked * HOUR).times == times


def test_a_circuit_is_kept_while_it_is_open_and_for_a_day() -> None:
    pause = Pause(START, "611", "...", 1)
    assert Circuit(START - 10 * REMEMBERED, pause).is_kept(START + REMEMBERED - SECOND)
    assert not Circuit(START - 10 * REMEMBERED, pause).is_kept(START + REMEMBERED)
    assert Circuit(START).is_kept(START + REMEMBERED - HOUR)
    assert not Circuit(START).is_kept(START + REMEMBERED)


def test_the_names_of_kinds() -> None:
    assert [KindOfCalls("create").name, KindOfCalls("add to list", "7").name] == ["create", "add to list 7"]
