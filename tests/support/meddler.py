"""What happens in Marketo just while a call is on its way."""

from collections.abc import Callable
from typing import Any

from requests import PreparedRequest, Response

from marketo_simulator import Fault, Simulator
from marketo_simulator.adapter import SimulatorAdapter
from tests.support.world import World


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


class Refuser(SimulatorAdapter):
    """Refuses every call that is meant as a whole, with a code of Marketo's."""

    def __init__(self, simulator: Simulator, meant: Callable[[PreparedRequest], bool], code: str) -> None:
        super().__init__(simulator)
        self._simulator_refusing = simulator
        self._meant = meant
        self._code = code

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        if self._meant(request):
            self._simulator_refusing.script(Fault(code=self._code))
        return super().send(request, *args, **kwargs)


def refuse(world: World, meant: Callable[[PreparedRequest], bool], code: str) -> None:
    """Let Marketo refuse every call that is meant; connections must make one call at a time for that."""
    world.http.mount("https://", Refuser(world.simulator, meant, code))


def meddle(world: World, meant: Callable[[PreparedRequest], bool], act: Callable[[], None]) -> None:
    """Let something happen in the world just before the first call that is meant."""
    world.http.mount("https://", Meddler(world.simulator, meant, act))


def creates(request: PreparedRequest) -> bool:
    """Whether the call is to create leads."""
    return b"createOnly" in (request.body if isinstance(request.body, bytes) else b"")
