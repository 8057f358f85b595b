"""The codes that Marketo may answer, in the way of every call: what becomes of message, ledger, run and connection.

Of each way in which codes are treated there is one here; that all others are treated so is tested with their table
(tests/unit/marketo/test_errors.py). What a class does, docs/delivery.md tells.
"""

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
import requests
from requests import PreparedRequest, Response

from destination.delivery.batch import BatchReport
from destination.domain.connection import Limits, Status
from destination.domain.parking import MAX_IN_QUEUE, WaitsFor
from destination.marketo.errors import OF_INSTANCE, FailureClass, classify, explain
from marketo_simulator import Fault, Simulator
from marketo_simulator.adapter import SimulatorAdapter
from testing.codes import REPRESENTATIVES
from testing.counts import applied, assert_balanced, assert_known, counted, outcomes, reasons
from testing.meddler import disturb
from testing.stages import ADA, BOB, REALIZED, STAGES
from testing.world import MONITORED, MUNCHKIN, World, connection, event

CALLS = ("look up", "create", "update", "join", "leave")
WAYS: dict[str, Fault] = {
    **{code: Fault("http", status=int(code), body="{}") for code in ("401", "413", "503")},
    "CONNECTION_LOST": Fault("drop"),
    "TIMED_OUT": Fault("slow", seconds=120),
    "NOT_JSON": Fault("http", status=200),
    "UNEXPECTED_ANSWER": Fault("http", status=200, body='{"success": false}'),
}
"""How codes come that stand in no answer of Marketo."""

SKIPPED_LEAD = Fault("http", status=200, body='{"success": true, "result": [{"status": "skipped"}]}')
SKIPPED_MEMBERS = Fault(
    "http",
    status=200,
    body='{"success": true, "result": [{"id": 7, "status": "skipped"}, {"id": 8, "status": "skipped"}]}',
)


@dataclass(frozen=True)
class Effect:
    """What is to be seen: the message's visibility timeout (at least, at most), or what it is parked for, at least so
    many seconds, or that it is done; and the rest.
    """

    invisible: tuple[int, int] | None = None
    parked: WaitsFor | None = None
    parked_for: int = 0
    counted: dict[str, int] = field(default_factory=dict)
    reason: str | None = None
    letters: tuple[str, ...] = ()
    is_blocked: bool = False
    pause: str | None = None
    circuit: str | None = None


def waits(code: str, call: str, seconds: int) -> Effect:
    """Nobody at the instance is served."""
    if seconds > MAX_IN_QUEUE.total_seconds():
        return Effect(parked=WaitsFor.PAUSED, parked_for=seconds, pause=code)
    return Effect(invisible=(seconds, seconds), pause=code)


def is_held(code: str, call: str) -> Effect:
    """Calls of one kind are refused, as far as anybody can tell."""
    if call == "create" and explain(code).ambiguous:
        return Effect(invisible=(95, 95), circuit=code)  # Marketo may still be creating.
    return Effect(invisible=(60, 60), circuit=code)


def failed(reason: str) -> Effect:
    return Effect(counted={"failed": 1}, reason=reason, letters=(reason,))


def blocked() -> Effect:
    return Effect(parked=WaitsFor.BLOCKED, is_blocked=True)


def rejected(code: str, call: str) -> Effect:
    match code, call:
        case _, "look up":
            return blocked()  # It is about nobody in particular.
        case "1015", "leave":
            return Effect(counted={"unchanged": 1}, reason="NOT_ON_LIST")
        case "1004", "leave":
            return Effect(counted={"activated": 1})  # A lead that is gone has left; who has its e-mail is updated.
    return failed(f"MARKETO_{code}")


def expected(code: str, call: str, *, in_record: bool) -> Effect:
    if code in {"1008", "1009"} and call != "look up":
        return blocked() if call == "create" else failed(f"MARKETO_{code}")
    match classify(code):
        case FailureClass.RECORD_REJECTED:
            return rejected(code, call)
        case FailureClass.CONNECTION_BLOCKED:
            return blocked()
    if in_record or code not in OF_INSTANCE:
        return is_held(code, call)
    return waits(code, call, 6 * 3600 if code == "607" else seconds_of(code))


def seconds_of(code: str) -> int:
    return int(explain(code).wait.total_seconds())


def assert_effect(world: World, report: BatchReport, before: World, effect: Effect) -> None:
    """Compare with the same world before the event, which came in the latest message, was sent."""
    message_id = f"message-{next(world.queue.numbers) - 1}"
    envelope_id = f"envelope-{next(world.numbers) - 1}"
    target = world.connections.stored[world.connection.id].connection
    pause = world.leases.pauses.get(MUNCHKIN)
    # The queue
    assert report.requeued == (() if effect.invisible is None else (message_id,))
    if effect.invisible is not None:
        least, most = effect.invisible
        assert least <= world.queue.invisible_for[message_id] <= most
    assert [one.waits_for for one in world.parking.stored] == ([] if effect.parked is None else [effect.parked])
    due_at = world.now + timedelta(seconds=effect.parked_for)
    assert all(due_at <= one.due_at < due_at + MONITORED for one in world.parking.stored)
    assert tuple(world.letters.codes) == effect.letters
    # The run
    more = {name: number - outcomes(before).get(name, 0) for name, number in outcomes(world).items()}
    assert {name: number for name, number in more.items() if number} == effect.counted
    assert reasons(world) == ({effect.reason: 1} if effect.reason else {})
    assert_balanced(world)
    # The ledger
    assert counted(world, envelope_id) == ({"0"} if effect.counted else set())
    if not effect.counted or "failed" in effect.counted:
        assert_known(world, ADA, BOB)
    # The connection
    assert target.status is (Status.BLOCKED if effect.is_blocked else Status.ENABLED)
    assert (target.blocked_cause is not None) is effect.is_blocked
    # The instance
    assert (pause.code if pause else None) == effect.pause
    assert pause is None or pause.failures == 1
    known = world.leases.circuits.get(MUNCHKIN, {})
    circuits = [one for name, one in known.items() if not name.startswith("lost creation")]
    assert [one.pause and (one.pause.code, one.pause.failures) for one in circuits] == (
        [] if effect.circuit is None else [(effect.circuit, 1)]
    )


@functools.cache
def undelivered(call: str) -> World:
    return STAGES[call].world()


def check(call: str, world: World, effect: Effect, code: str) -> None:
    report = world.deliver(STAGES[call].event)
    for thread in threading.enumerate():
        if "_finish_unheard" in thread.name:
            thread.join()
    assert_effect(world, report, undelivered(call), effect)
    if effect.is_blocked:
        cause = world.connections.stored[world.connection.id].connection.blocked_cause
        assert cause is not None
        assert cause.startswith(f"{code}: ")


class Unreachable(SimulatorAdapter):
    """Marketo cannot be reached for the calls that are meant."""

    def __init__(self, simulator: Simulator, meant: Callable[[PreparedRequest], bool]) -> None:
        super().__init__(simulator)
        self._meant = meant

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        if self._meant(request):
            raise requests.ConnectTimeout("no way", request=request)
        return super().send(request, *args, **kwargs)


def whole_calls() -> list[tuple[str, str]]:
    return [(code, call) for code in REPRESENTATIVES if code != "SKIPPED" for call in CALLS]


def records() -> list[tuple[str, str]]:
    codes = [code for code in REPRESENTATIVES if code.isdecimal() or code == "SKIPPED"]
    return [(code, call) for code in codes for call in CALLS if call != "look up"]


@pytest.mark.parametrize(("code", "call"), whole_calls())
def test_a_code_that_a_call_is_refused_with(code: str, call: str) -> None:
    stage = STAGES[call]
    if code == "CONNECTION_FAILED":
        world = stage.world()
        world.http.mount("https://", Unreachable(world.simulator, stage.meant))
    else:
        world = stage.disturbed(WAYS.get(code, Fault(code=code)))
    check(call, world, expected(code, call, in_record=False), code)


@pytest.mark.parametrize(("code", "call"), records())
def test_a_code_that_a_record_is_refused_with(code: str, call: str) -> None:
    skipped = SKIPPED_LEAD if call in {"create", "update"} else SKIPPED_MEMBERS
    fault = skipped if code == "SKIPPED" else Fault("skip", code)
    check(call, STAGES[call].disturbed(fault), expected(code, call, in_record=True), code)


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("code", ["401", "602"])
def test_a_refused_token_is_renewed_once_and_nothing_is_seen_of_it(code: str, call: str) -> None:
    stage = STAGES[call]
    world, undisturbed = stage.world(), stage.world()
    once = WAYS.get(code, Fault(code=code))

    def meant(request: PreparedRequest) -> bool:
        return stage.meant(request) and len(list(world.simulator.faults)) == 0

    disturb(world, meant, once)
    undisturbed.deliver(stage.event)
    assert world.deliver(stage.event).requeued == ()
    assert outcomes(world) == outcomes(undisturbed)
    assert [applied(world, one, "a") for one in (ADA, BOB)] == [applied(undisturbed, one, "a") for one in (ADA, BOB)]


def test_a_token_that_has_ended_when_it_is_handed_out_is_waited_for() -> None:
    world = World(settings={"token_seconds": 1})
    report = world.deliver(event(ADA, ("a", REALIZED)))
    assert_effect(world, report, World(), waits("TOKEN_EXPIRING", "look up", seconds_of("TOKEN_EXPIRING")))


def test_the_budget_of_the_day_is_waited_for_until_a_reset_is_possible() -> None:
    world = World(connection(limits=Limits(daily_calls=2)))
    report = world.deliver(event(ADA, ("a", REALIZED)))
    assert_effect(world, report, World(), waits("BUDGET_REACHED", "look up", 6 * 3600))
