"""A world in which many people wait to be told of, so that the bulk lane is taken."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from destination.delivery import bulk_lane
from destination.domain.capabilities import Capabilities
from destination.domain.event import MembershipStatus, ProfileEvent
from destination.domain.lead_import import LeadImport
from marketo_simulator import Fault
from testing.counts import assert_balanced, outcomes
from testing.crashes import CrashError, mortal
from testing.world import MUNCHKIN, START, World, connection, event

HOUR: Final = timedelta(hours=1)
IN, OUT = MembershipStatus.REALIZED, MembershipStatus.EXITED
PEOPLE: Final = 12
UPLOAD, POLL = "POST /bulk/v1/leads.json", "GET /bulk/v1/leads/batch/{id}.json"
LOOK_UP, WRITE, JOIN = "GET /rest/v1/leads.json", "POST /rest/v1/leads.json", "POST /rest/v1/lists/{id}/leads.json"
EXTRACT: Final = "POST /bulk/v1/leads/export/create.json"
ALL: Final = Capabilities(joins_by_id=True, id_is_a_header=True)
CREATES: Final = replace(ALL, creates_on_list=True)

FEW: Final = {"MIN_WAITING": 10, "MIN_ROWS": 5, "MIN_MORE": 2}
"""How many are many here, by the names of the bounds in destination.delivery.bulk_lane."""


def few_are_many(patch: pytest.MonkeyPatch, bounds: Mapping[str, int] = FEW) -> None:
    """Have the bounds of the lane be these, by their names."""
    for name, bound in bounds.items():
        patch.setattr(bulk_lane, name, bound)


def address(number: int) -> str:
    return f"p{number:02}@example.org"


EVERYBODY: Final = Counter({address(one): 1 for one in range(PEOPLE)})


def world_of(people: int = PEOPLE, known: Capabilities = ALL, **changes: Any) -> World:
    """Marketo knows the people under another first name; `settings` of the simulator, the rest of the connection."""
    leads = [{"id": 100 + one, "email": address(one), "firstName": "Old", "lastName": "L"} for one in range(people)]
    settings = changes.pop("settings", {})
    made = World(connection(**changes), leads=leads, settings=settings)
    made.capabilities.put(MUNCHKIN, known)
    return made


def events(
    *memberships: tuple[str, MembershipStatus], people: int = PEOPLE, minutes: float = 0, **profile: object
) -> list[ProfileEvent]:
    at = START + timedelta(minutes=minutes)
    named = {"firstName": "New", "lastName": "L"} | profile
    return [event(address(one), *memberships, at=at, **named) for one in range(people)]


def ended(world: World, after: timedelta = HOUR) -> None:
    """Let time pass until imports have ended and all is told."""
    world.run(world.now + after)


def imports(world: World) -> Sequence[LeadImport]:
    return list(world.imports.stored.values())


def emails(world: World) -> Counter[str]:
    return Counter(one["email"] for one in world.leads_now().values())


def first_names(world: World) -> Counter[str]:
    return Counter(one["firstName"] for one in world.leads_now().values())


def calls(world: World) -> Counter[str]:
    return Counter(world.calls())


def upload(effect: str = "error", code: str = "", **more: Any) -> Fault:
    """What happens to imports that are sent."""
    return Fault(effect, code, method="POST", path="^/bulk/v1/leads.json$", **more)


def assert_all_told(world: World) -> None:
    """Everybody has the new name and is on the list, is counted once, and nothing waits."""
    world.deliver()  # A message may be left that stands for a bundle of which all is settled.
    assert first_names(world)["New"] == PEOPLE
    assert len(world.members("a")) == PEOPLE
    assert outcomes(world) == {"activated": PEOPLE}
    assert_balanced(world)
    assert world.queue.waiting == {}
    assert not world.parking.stored


def moments_of(posted: Callable[[], World]) -> int:
    """How many moments a worker has in which what was posted is delivered, and imports end."""
    world = posted()
    life = mortal(world)
    life.moments = 100_000
    world.deliver()
    ended(world)
    return 100_000 - (life.moments or 0)


def broken_off(posted: Callable[[], World], moment: int) -> World:
    """What was posted, as the worker leaves it to the next that dies at this moment."""
    world = posted()
    life = mortal(world)
    life.moments = moment
    try:
        world.deliver()
        ended(world)
    except CrashError:
        world.now += timedelta(minutes=7)
    life.moments = None
    world.queue.invisible_for.clear()
    return world
