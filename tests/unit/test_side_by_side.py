"""Workers side by side: one runs at a time, each as far as it sleeps, and time passes for all of them together."""

import functools

import pytest

from testing.side_by_side import SideBySide, one_after_the_other
from testing.timeline import Timeline


class Stage:
    """Workers that write down what they do, and when."""

    def __init__(self) -> None:
        self.side_by_side = SideBySide(Timeline())
        self.said: list[tuple[float, str]] = []

    def say(self, word: str) -> None:
        self.said.append((self.side_by_side.timeline.now, word))

    def worker(self, name: str, seconds: float) -> str:
        self.say(f"{name} begins")
        self.side_by_side.sleep(seconds)
        self.say(f"{name} ends")
        return name

    def run(self) -> list[tuple[float, str]]:
        self.side_by_side.timeline.run(100)
        return self.said


def test_while_one_sleeps_the_others_go_on() -> None:
    stage = Stage()
    for name, seconds in (("slow", 5.0), ("fast", 2.0)):
        stage.side_by_side.start(functools.partial(stage.worker, name, seconds))
    assert stage.run() == [(0, "slow begins"), (0, "fast begins"), (2, "fast ends"), (5, "slow ends")]


def test_no_time_is_no_sleep() -> None:
    stage = Stage()
    for name in ("first", "second"):
        stage.side_by_side.start(functools.partial(stage.worker, name, 0.0))
    assert [word for _, word in stage.run()] == ["first begins", "first ends", "second begins", "second ends"]


def test_whoever_waits_for_several_goes_on_when_the_last_of_them_has_ended() -> None:
    stage = Stage()

    def waits() -> None:
        with stage.side_by_side.executor(8) as threads:
            found = threads.map(stage.worker, ["slow", "fast"], [5.0, 2.0])
            assert threads.map(stage.worker, [], []) == []
        stage.say(" and ".join(found))

    stage.side_by_side.start(waits)
    stage.side_by_side.start(functools.partial(stage.worker, "other", 3.0))
    assert [said for said in stage.run() if said[0] > 0] == [
        (2, "fast ends"),
        (3, "other ends"),
        (5, "slow ends"),
        (5, "slow and fast"),
    ]


def fails() -> None:
    raise LookupError("it failed")


def test_an_error_comes_to_whoever_waits_for_it() -> None:
    stage = Stage()

    def waits() -> None:
        with pytest.raises(LookupError):
            stage.side_by_side.all([fails, functools.partial(stage.worker, "other", 3.0)])
        stage.say("was told")

    stage.side_by_side.start(waits)
    assert stage.run()[-1] == (3, "was told")


def test_an_error_that_nobody_waits_for_ends_the_run() -> None:
    stage = Stage()
    stage.side_by_side.start(fails)
    with pytest.raises(LookupError):
        stage.run()


def test_one_after_the_other_is_in_order_and_in_its_own_thread() -> None:
    stage = Stage()

    def works() -> None:
        with one_after_the_other(5) as threads:
            assert threads.map(stage.worker, ["first", "second"], [5.0, 2.0]) == ["first", "second"]

    stage.side_by_side.start(works)
    assert stage.run() == [(0, "first begins"), (5, "first ends"), (5, "second begins"), (7, "second ends")]


@pytest.mark.parametrize("side_by_side", [True, False])
def test_what_is_submitted_has_ended_after_the_block_with_its_error(*, side_by_side: bool) -> None:
    stage = Stage()
    executor = stage.side_by_side.executor if side_by_side else one_after_the_other

    def works() -> None:
        with executor(2) as threads:
            slow = threads.submit(functools.partial(stage.worker, "slow", 5.0))
            failing, fast = threads.submit(fails), threads.submit(functools.partial(stage.worker, "fast", 2.0))
        assert (slow.result(), fast.result()) == ("slow", "fast")
        assert isinstance(failing.exception(), LookupError)
        stage.say("all have ended")

    stage.side_by_side.start(works)
    assert stage.run()[-1] == (5 if side_by_side else 7, "all have ended")
