"""The calls of a plan, each with a world in which it is made, so that something can go wrong with it alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from requests import PreparedRequest

from destination.domain.event import MembershipStatus, ProfileEvent
from marketo_simulator import Fault
from testing.meddler import creates, disturb
from testing.world import START, World, event

ADA, BOB, CARL = (f"{name}@example.org" for name in ("ada", "bob", "carl"))
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
MINUTE = timedelta(minutes=1)
LEADS = "^/rest/v1/leads.json"
LISTS = "^/rest/v1/lists/"


def looks_up(request: PreparedRequest) -> bool:
    return request.method == "POST" and "_method=GET" in (request.url or "")


def updates(request: PreparedRequest) -> bool:
    return isinstance(request.body, bytes) and b"updateOnly" in request.body


def describes(request: PreparedRequest) -> bool:
    return "describe2" in (request.url or "")


def joins(request: PreparedRequest) -> bool:
    return request.method == "POST" and "/rest/v1/lists/" in (request.url or "")


def leaves(request: PreparedRequest) -> bool:
    return request.method == "DELETE"


@dataclass(frozen=True)
class Stage:
    """A call of the plan: what is delivered before, what makes the call, and which calls a fault is to hit."""

    before: Sequence[ProfileEvent]
    event: ProfileEvent
    meant: Callable[[PreparedRequest], bool]

    def world(self) -> World:
        world = World(leads=[{"id": 7, "email": BOB}])
        if self.before:
            world.deliver(*self.before)
            world.now += MINUTE
        return world

    def disturbed(self, fault: Fault) -> World:
        """A world in which the fault happens to every such call."""
        world = self.world()
        disturb(world, self.meant, fault)
        return world


KNOWN = event(BOB, ("a", REALIZED))
STAGES = {
    "describe": Stage((), event(ADA, ("a", REALIZED)), describes),
    "look up": Stage((), event(ADA, ("a", REALIZED)), looks_up),
    "create": Stage((), event(ADA, ("a", REALIZED)), creates),
    "update": Stage((KNOWN,), event(BOB, ("a", REALIZED), at=START + MINUTE, score=5), updates),
    "join": Stage((), event(ADA, ("a", REALIZED)), joins),
    "leave": Stage((KNOWN,), event(BOB, ("a", EXITED), at=START + MINUTE), leaves),
}


def held(world: World) -> tuple[dict[str, dict[str, Any]], list[str], list[str]]:
    """What Marketo holds, without ids and times."""
    times = {"id", "createdAt", "updatedAt"}
    leads = world.leads_now()
    assert len({lead["email"] for lead in leads.values()}) == len(leads)
    shown = {lead["email"]: {name: lead[name] for name in lead.keys() - times} for lead in leads.values()}
    on_a, on_b = (sorted(leads[one]["email"] for one in world.members(name)) for name in "ab")
    return shown, on_a, on_b
