"""What is told to be done about Marketo's codes, done: what waited arrives, and who failed does.

A cause stands until somebody does what the remedy says: in Marketo, which is calm then; at the source, which sends
something else; or here, where the connection is changed. No other is tried: each code comes in the way of a call of
which it is likely.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from requests import ConnectTimeout, PreparedRequest, Response
from requests.adapters import BaseAdapter

from destination.domain.connection import MappingRow, OnInvalid
from destination.domain.parking import MAX_WAIT, Hold, hold_of
from destination.domain.remedy import Remedy
from destination.marketo.reasons import message_of
from marketo_simulator import Fault
from testing.counts import assert_balanced, outcomes, reasons
from testing.meddler import calm, creates, disturb
from testing.stages import ADA, REALIZED, describes, joins, looks_up
from testing.world import EMAIL_MAPPING, MUNCHKIN, World, connection, event

remedy = pytest.mark.remedy
Do = Callable[[World], object]


@dataclass(frozen=True)
class Cause:
    """A code that comes in the way of every call that is meant, until somebody does something about it."""

    remedy: Remedy
    do: Do
    meant: Callable[[PreparedRequest], bool] = describes
    codes: tuple[str, ...] = ()

    def disturb(self, world: World, code: str) -> None:
        is_http = code in {"401", "403", "404", "429"}
        disturb(world, self.meant, Fault("http", status=int(code), body="{}") if is_http else Fault(code=code))


def has(word: bytes) -> Callable[[PreparedRequest], bool]:
    """The creations in which there is a word."""
    return lambda request: creates(request) and word in (request.body if isinstance(request.body, bytes) else b"")


def lacks_partition(request: PreparedRequest) -> bool:
    return creates(request) and not has(b"EMEA")(request)


def raise_quota(world: World) -> None:
    calm(world)
    world.reconfigure(limits=replace(world.target.connection.limits, daily_calls=49_000))


HELD = [
    pytest.param(Cause(Remedy.GIVE_CREDENTIALS, calm)),  # how: test_incidents.py
    pytest.param(Cause(Remedy.GRANT_PERMISSION, calm, creates), marks=remedy("grant-permission")),
    pytest.param(Cause(Remedy.CHECK_HOST, calm), marks=remedy("check-host")),
    pytest.param(Cause(Remedy.LOWER_SHARE, calm), marks=remedy("lower-share")),
    pytest.param(Cause(Remedy.RAISE_QUOTA, raise_quota), marks=remedy("raise-quota")),
    pytest.param(Cause(Remedy.CHECK_SUBSCRIPTION, calm), marks=remedy("check-subscription")),
    pytest.param(Cause(Remedy.ENABLE_FEATURE, calm), marks=remedy("enable-feature")),
    pytest.param(
        Cause(Remedy.REPORT_DEFECT, calm, codes=("605", "612", "613")),
        marks=remedy("report-defect"),
    ),
    pytest.param(Cause(Remedy.CHECK_WORKSPACE, calm, joins), marks=remedy("check-workspace")),
    pytest.param(
        Cause(Remedy.CHOOSE_PARTITION, lambda world: world.reconfigure(partition="EMEA"), lacks_partition),
        marks=remedy("choose-partition"),
    ),
    pytest.param(Cause(Remedy.MAKE_SEARCHABLE, calm, looks_up), marks=remedy("make-searchable")),
]
"""What holds up the connection, or its instance."""


def hold(world: World) -> Hold | None:
    return hold_of(world.target.connection, world.leases.pauses.get(MUNCHKIN), world.now)


@pytest.mark.remedy("mend-cause", "try-again", "resume")
@pytest.mark.parametrize("cause", HELD)
def test_what_holds_a_connection_up_is_over_once_its_remedy_was_done(cause: Cause) -> None:
    for code in sorted(cause.codes or cause.remedy.codes - {"NO_CREDENTIALS", "BUDGET_REACHED"}):
        world = World()
        cause.disturb(world, code)
        world.deliver(event(ADA, ("a", REALIZED)))
        held = hold(world)
        assert held is not None, code
        assert held.code == code
        assert held.code in held.cause
        assert held.remedies[0] is cause.remedy
        assert len(world.waiting) == 1

        cause.do(world)
        world.leases.end_pause(MUNCHKIN)  # as resuming does
        world.deliver()
        assert (hold(world), world.waiting) == (None, []), code
        assert [world.leads_now()[one]["email"] for one in world.members("a")] == [ADA]
        assert outcomes(world) == {"activated": 1}
        assert_balanced(world)


WITHOUT_COMPANY = tuple(row for row in EMAIL_MAPPING if row.target != "company")


def leave_out_company(world: World) -> None:
    world.reconfigure(mapping=WITHOUT_COMPANY)


def map_value(world: World) -> None:
    """The field that must not be blank gets a value, of another attribute."""
    world.reconfigure(mapping=(*WITHOUT_COMPANY, MappingRow("score", "company")))


FAILED = [
    pytest.param(Cause(Remedy.SEND_LESS, leave_out_company), marks=remedy("send-less")),
    pytest.param(Cause(Remedy.MAP_VALUE, map_value), marks=remedy("map-value")),
    pytest.param(Cause(Remedy.CORRECT_MAPPING, leave_out_company), marks=remedy("correct-mapping")),
    pytest.param(Cause(Remedy.CHANGE_IN_CRM, calm), marks=remedy("change-in-crm")),
    pytest.param(Cause(Remedy.LEAVE_OUT_COMPANY, leave_out_company), marks=remedy("leave-out-company")),
]
"""What somebody fails for: a creation with the company is refused."""


@pytest.mark.parametrize("cause", FAILED)
def test_whoever_failed_arrives_once_the_remedy_was_done_and_the_letter_was_redriven(cause: Cause) -> None:
    [code] = cause.remedy.codes
    world = World()
    disturb(world, has(b"Engines"), Fault("skip", code))
    world.deliver(event(ADA, ("a", REALIZED), company="Engines", score=7))
    assert (outcomes(world), reasons(world)) == ({"failed": 1}, {f"MARKETO_{code}": 1})
    assert cause.remedy.says in message_of(f"MARKETO_{code}")

    cause.do(world)
    world.redrive()
    world.deliver()
    assert outcomes(world) == {"activated": 1}
    assert [world.leads_now()[one]["email"] for one in world.members("a")] == [ADA]
    assert_balanced(world)


@pytest.mark.remedy("correct-values")
def test_a_value_that_is_corrected_at_the_source_arrives_with_the_next_event() -> None:
    world = World()
    disturb(world, has(b"Engines"), Fault("skip", "1003"))
    world.deliver(event(ADA, ("a", REALIZED), company="Engines"))
    assert reasons(world) == {"MARKETO_1003": 1}
    world.deliver(event(ADA, ("a", REALIZED), at=world.now, company="Works"))
    assert [lead["company"] for lead in world.leads_by_email(ADA)] == ["Works"]
    assert len(world.members("a")) == 1


@pytest.mark.remedy("tell-apart")
def test_leads_that_are_merged_in_marketo_are_one_person() -> None:
    world = World(leads=[{"email": ADA} for _ in range(1001)])
    world.deliver(event(ADA, ("a", REALIZED)))
    assert reasons(world) == {"TOO_MANY_MATCHES": 1}
    first, *others = list(world.simulator.state.leads.values())
    for one in others:
        world.simulator.state.delete_lead(one)
    world.redrive()
    world.deliver()
    assert (outcomes(world), world.members("a")) == ({"activated": 1}, [first.id])


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        pytest.param(
            {"lastName": None}, "MISSING_REQUIRED_ATTRIBUTE", marks=remedy("give-required", "correct-at-source")
        ),
        pytest.param({"lastName": {"of": "birth"}}, "INVALID_REQUIRED_ATTRIBUTE", marks=remedy("correct-required")),
        pytest.param({"email": None}, "MISSING_DEDUPE_VALUE", marks=remedy("give-dedupe-value")),
        pytest.param({"email": "nobody"}, "INVALID_DEDUPE_VALUE", marks=remedy("correct-dedupe-value")),
    ],
)
def test_whoever_is_excluded_arrives_once_the_source_was_corrected(wrong: dict[str, object], code: str) -> None:
    world = World()
    said = event(ADA, ("a", REALIZED))
    world.deliver(replace(said, profile={name: value for name, value in {**said.profile, **wrong}.items() if value}))
    assert (outcomes(world), reasons(world)) == ({"excluded": 1}, {code: 1})
    assert world.waiting == []
    world.deliver(event(ADA, ("a", REALIZED), at=world.now))
    assert [world.leads_now()[one]["email"] for one in world.members("a")] == [ADA]


@pytest.mark.remedy("correct-attribute")
def test_an_attribute_that_fails_its_person_is_dropped_where_the_connection_says_so() -> None:
    world = World(connection(on_invalid=OnInvalid.FAIL))
    world.deliver(event(ADA, ("a", REALIZED), score="much"))
    assert reasons(world) == {"INVALID_ATTRIBUTE": 1}
    world.reconfigure(on_invalid=OnInvalid.DROP)
    world.redrive()
    world.deliver()
    assert (outcomes(world), len(world.members("a"))) == ({"activated": 1}, 1)


@pytest.mark.remedy("redrive-waited", "fix-and-redrive", "decide-letters", "events-are-parked-for-too-long")
def test_what_waited_too_long_arrives_once_it_is_redriven() -> None:
    world = World()
    disturb(world, describes, Fault(code="603"))
    world.deliver(event(ADA, ("a", REALIZED)))
    world.run(world.now + timedelta(days=1))
    world.now += MAX_WAIT
    world.run(world.now + timedelta(days=1))
    assert reasons(world) == {"WAITED_TOO_LONG": 1}
    calm(world)
    world.redrive()
    world.deliver()
    assert (outcomes(world), len(world.members("a"))) == ({"activated": 1}, 1)
    assert_balanced(world)


class Unreachable(BaseAdapter):
    """A network without a way to Marketo."""

    def send(self, *_: object, **__: object) -> Response:
        raise ConnectTimeout

    def close(self) -> None:
        """Nothing is open."""


@pytest.mark.remedy("check-network", "mend-hold", "events-wait-too-long")
def test_once_marketo_can_be_reached_again_what_waited_comes_back_by_a_resume() -> None:
    world = World()
    world.http.mount("https://", Unreachable())
    world.deliver(event(ADA, ("a", REALIZED)))
    held = hold(world)
    assert held is not None
    assert (held.code, held.remedies) == ("CONNECTION_FAILED", (Remedy.CHECK_NETWORK, Remedy.RESUME))
    calm(world)
    world.leases.end_pause(MUNCHKIN)  # as resuming does
    world.deliver()
    assert (hold(world), world.waiting, len(world.members("a"))) == (None, [], 1)
