"""What happens in Marketo just while a call is on its way."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from requests import PreparedRequest, Response

from marketo_simulator import Fault, Simulator
from marketo_simulator.adapter import SimulatorAdapter
from testing.world import World


class Meddler(SimulatorAdapter):
    """Does something once, just before the first call that is meant."""

    def __init__(self, simulator: Simulator, meant: Callable[[PreparedRequest], bool], act: Callable[[], None]) -> None:
        super().__init__(simulator)
        self._meant = meant
        self._act: Callable[[], None] | None = act

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        if self._act is not None and self._meant(request):
            act, self._act = self._act, None
            act()
        return super().send(request, *args, **kwargs)


class Disturber(SimulatorAdapter):
    """Lets a fault happen to every call that is meant. Those calls must come one at a time."""

    def __init__(self, simulator: Simulator, meant: Callable[[PreparedRequest], bool], fault: Fault) -> None:
        super().__init__(simulator)
        self._faults = simulator.faults
        self._meant = meant
        self._fault = fault

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        if self._meant(request):
            self._faults.add(self._fault)
        return super().send(request, *args, **kwargs)


class Poisoned(SimulatorAdapter):
    """Lets a fault happen to every call that is meant and has a word in it, or to the records of it that have."""

    def __init__(
        self, simulator: Simulator, meant: Callable[[PreparedRequest], bool], word: bytes, fault: Fault
    ) -> None:
        super().__init__(simulator)
        self._faults = simulator.faults
        self._meant = meant
        self._word = word
        self._fault = fault

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        if self._meant(request) and self._word in body:
            self._faults.add(replace(self._fault, records=self._records(body)))
        return super().send(request, *args, **kwargs)

    def _records(self, body: bytes) -> tuple[int, ...]:
        if self._fault.effect != "skip":
            return ()
        return tuple(at for at, one in enumerate(json.loads(body)["input"]) if self._word in json.dumps(one).encode())


def poison(world: World, meant: Callable[[PreparedRequest], bool], word: str, fault: Fault) -> None:
    """Let a fault happen to the calls that are meant and have a word in them. They must come one at a time."""
    world.http.mount("https://", Poisoned(world.simulator, meant, word.encode(), fault))


def disturb(world: World, meant: Callable[[PreparedRequest], bool], fault: Fault) -> None:
    """Let a fault happen to every call that is meant, until there is calm again."""
    world.http.mount("https://", Disturber(world.simulator, meant, fault))


def calm(world: World) -> None:
    """Nothing goes wrong from now on."""
    world.simulator.clear_faults()
    world.http.mount("https://", SimulatorAdapter(world.simulator))


def meddle(world: World, meant: Callable[[PreparedRequest], bool], act: Callable[[], None]) -> None:
    """Let something happen in the world just before the first call that is meant."""
    world.http.mount("https://", Meddler(world.simulator, meant, act))


def creates(request: PreparedRequest) -> bool:
    """Whether the call is to create leads."""
    return b"createOnly" in (request.body if isinstance(request.body, bytes) else b"")
