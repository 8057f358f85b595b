"""The pause after a delivery that was held up."""

from datetime import timedelta

import pytest

from destination.domain.pause import MAX_PAUSE, UNKNOWN_CREATION, Pause, pause_after
from testing.persons import START

MINUTE = timedelta(minutes=1)


def paused(
    before: Pause | None = None,
    *,
    code: str = "608",
    wait: timedelta = MINUTE,
    unknown_creation: bool = False,
    chance: float = 0,
) -> Pause:
    return pause_after(
        before, code=code, cause="…", wait=wait, unknown_creation=unknown_creation, now=START, chance=chance
    )


def after_failures(failures: int, wait: timedelta = MINUTE) -> Pause:
    pause = paused(wait=wait)
    for _ in range(failures - 1):
        pause = paused(pause, wait=wait)
    return pause


@pytest.mark.parametrize(("failures", "minutes"), [(1, 1), (2, 2), (3, 4), (4, 8), (5, 15), (50, 15)])
def test_it_doubles_with_every_failure_in_a_row_up_to_a_quarter_of_an_hour(failures: int, minutes: int) -> None:
    assert after_failures(failures).until == START + minutes * MINUTE


def test_another_code_begins_anew() -> None:
    assert paused(after_failures(4), code="604").failures == 1


@pytest.mark.parametrize("failures", [1, 2, 9])
def test_a_pause_that_is_longer_by_itself_does_not_grow(failures: int) -> None:
    assert after_failures(failures, wait=timedelta(hours=6)).until == START + timedelta(hours=6)


def test_after_an_unknown_creation_it_lasts_until_marketo_must_have_ended_it() -> None:
    assert paused(wait=timedelta(seconds=1), unknown_creation=True).until == START + UNKNOWN_CREATION


@pytest.mark.parametrize(("wait", "spread"), [(MINUTE, MINUTE / 4), (MAX_PAUSE, MINUTE), (timedelta(hours=6), MINUTE)])
def test_it_is_spread_by_a_quarter_and_a_minute_at_most(wait: timedelta, spread: timedelta) -> None:
    assert paused(wait=wait, chance=1).until - paused(wait=wait).until == spread
