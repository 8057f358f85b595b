"""A world in which many people wait to be told of, so that the bulk lane is taken."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final
from unittest import mock

from destination.delivery import bulk_lane
from destination.domain.capabilities import Capabilities
from destination.domain.event import MembershipStatus, ProfileEvent
from destination.domain.lead_import import LeadImport
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


@contextmanager
def few_are_many(bounds: Mapping[str, int] = FEW) -> Iterator[None]:
    """While the block runs, the bounds of the lane are these, by their names."""
    with ExitStack() as stack:
        for name, bound in bounds.items():
            stack.enter_context(mock.patch.object(bulk_lane, name, bound))
        yield


def address(number: int) -> str:
    return f"p{number:02}@example.org"


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


def first_names(world: World) -> Counter[str]:
    return Counter(one["firstName"] for one in world.leads_now().values())


def calls(world: World) -> Counter[str]:
    return Counter(world.calls())
