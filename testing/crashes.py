"""A worker that dies in the middle of its work: from one effect on, none of what it does reaches the world."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.client import BaseClient
from requests import PreparedRequest, Response

from destination.delivery.erase_people import ErasePeople
from destination.delivery.verify_lists import VerifyLists
from marketo_simulator import Simulator
from marketo_simulator.adapter import SimulatorAdapter
from testing.world import World, name_of


class CrashError(Exception):
    """The worker is dead."""


@dataclass
class Life:
    """What is left of a worker's life, in moments: one before and one after each effect. None: it lives on."""

    moments: int | None = None

    def moment(self) -> None:
        if self.moments is None:
            return
        if self.moments <= 0:
            raise CrashError("the worker is dead")
        self.moments -= 1


class Mortal:
    """Anything the worker uses, as long as the worker lives."""

    def __init__(self, used: object, life: Life) -> None:
        self._used = used
        self._life = life

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._used, name)

        def lived(*args: Any, **kwargs: Any) -> Any:
            self._life.moment()
            answer = method(*args, **kwargs)
            self._life.moment()
            return answer

        return lived


class MortalAdapter(SimulatorAdapter):
    """The way to Marketo, as long as the worker lives."""

    def __init__(self, simulator: Simulator, life: Life) -> None:
        super().__init__(simulator)
        self._life = life

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        self._life.moment()
        answer = super().send(request, *args, **kwargs)
        self._life.moment()
        return answer


def mortal(world: World, life: Life | None = None, **others: object) -> Life:
    """Make the world's worker mortal. Each of its uses of store, queue or Marketo is an effect.

    `others`: stores that the delivery uses beside those of the world, by their names.
    """
    life = life or Life()
    world.http.mount("https://", MortalAdapter(world.simulator, life))
    used: dict[str, Any] = {
        name: Mortal(getattr(world, name), life)
        for name in (
            *("connections", "leases", "ledger", "losses", "queue", "parking"),
            *("letters", "results", "dead_letters", "seen", "imports", "capabilities", "extracted"),
        )
    } | {name: Mortal(one, life) for name, one in others.items()}
    verify = VerifyLists(
        Mortal(world.verifications, life),
        Mortal(world.ledger, life),
        Mortal(world.imports, life),
        Mortal(world.leases, life).enter,
        lambda: world.now,
        Mortal(world.connections, life).filled,
        Mortal(world.extracted, life),
        world.extract_from,
    )
    erase = ErasePeople(
        Mortal(world.erasures, life),
        Mortal(world.ledger, life),
        Mortal(world.traces, life),
        Mortal(world.ledger.runs, life),
        Mortal(world.imports, life),
        Mortal(world.leases, life).enter,
        Mortal(world.connections, life).is_claimed,
        name_of,
        lambda: world.now,
    )
    world.sync = world.delivery(**used, verify=verify, erase=erase, marks=Mortal(world.erasures, life))
    return life


@contextmanager
def mortal_clients(life: Life, *clients: BaseClient) -> Iterator[None]:
    """While the block runs, each call of the clients to AWS is an effect of a worker that has so much life."""

    def moment(**_: object) -> None:
        life.moment()

    events = [(client.meta.events, name) for client in clients for name in ("before-call", "after-call")]
    for emitter, name in events:
        emitter.register_first(name, moment)
    try:
        yield
    finally:
        for emitter, name in events:
            emitter.unregister(name, moment)
