"""The pytest plugin: a fixture `marketo`, fresh for every test, and a marker of the same name with its options."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from typing import Any, Final

import pytest

from marketo_simulator.calls import Call
from marketo_simulator.decode import DecodeError
from marketo_simulator.faults import Fault
from marketo_simulator.server import SimulatorServer, serve
from marketo_simulator.settings import Settings
from marketo_simulator.simulator import Simulator

MARKER: Final = "marketo"
_OPTIONS: Final = ("seed", "settings")


class Marketo:
    """One test's simulator.

    `simulator` is all of it, for what stands here under no name of its own, and for the adapters, which need no port.
    """

    def __init__(self, simulator: Simulator, port: "_Port") -> None:
        self.simulator = simulator
        self._port = port
        port.show(simulator)

    @property
    def url(self) -> str:
        """Where it answers: base URL of the API (`/rest/v1/…`), of identity (`/identity/…`) and of control calls.

        The port is opened when it is first asked for, and is that of all tests of the session.
        """
        return self._port.opened().url

    @property
    def client_id(self) -> str:
        """Of the first client of the seed."""
        return next(iter(self.simulator.identity.clients))

    @property
    def client_secret(self) -> str:
        """Of the first client of the seed."""
        return self.simulator.identity.clients[self.client_id].client_secret

    @property
    def calls(self) -> list[Call]:
        """The calls so far, oldest first."""
        return self.simulator.log()

    def seed(self, data: Mapping[str, object] | None = None, **more: object) -> None:
        """Add data in the form of the seed file: `seed(leads=[…])`. Raises DecodeError."""
        self.simulator.seed({**(data or {}), **more})

    def script(self, *faults: Fault) -> None:
        """Append faults to the list of what goes wrong."""
        self.simulator.script(*faults)

    def configure(self, **settings: object) -> Settings:
        """Change single settings. Raises DecodeError."""
        return self.simulator.configure(**settings)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.simulator.advance(seconds)

    def dump(self) -> dict[str, Any]:
        """What it holds: leads, lists with their members, partitions, workspaces."""
        return self.simulator.dump()


class _Port:
    """One port for all tests of a session, opened by the first that asks for it."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._simulator = Simulator()
        self._server: SimulatorServer | None = None

    def show(self, simulator: Simulator) -> None:
        """Let this simulator answer from now on."""
        self._simulator = simulator
        if self._server is not None:
            self._server.simulator = simulator

    def opened(self) -> SimulatorServer:
        """The server, which is opened if it is not."""
        if self._server is None:
            self._server = self._stack.enter_context(serve(self._simulator))
        return self._server

    def close(self) -> None:
        """Close it, if it was opened."""
        self._stack.close()


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, which --strict-markers asks for."""
    config.addinivalue_line(
        "markers",
        f"{MARKER}(seed=None, settings=None): what the fixture `marketo` starts with, in the form of the seed file; "
        "the nearest marker that says one of them counts",
    )


@pytest.fixture(scope="session")
def _marketo_port() -> Iterator[_Port]:
    port = _Port()
    yield port
    port.close()


@pytest.fixture
def marketo(request: pytest.FixtureRequest, _marketo_port: _Port) -> Marketo:
    """A Marketo Engage stand-in with nothing in it but what the marker `marketo` says."""
    try:
        return Marketo(Simulator(**_options(request.node)), _marketo_port)
    except DecodeError as error:
        raise pytest.fail.Exception(f"@pytest.mark.{MARKER}: {error}", pytrace=False) from None


def _options(node: pytest.Item) -> dict[str, Any]:
    """What the markers of the test, its class and its module say. Raises DecodeError."""
    options: dict[str, Any] = {}
    for marker in node.iter_markers(MARKER):  # from the nearest to the farthest
        unknown = marker.kwargs.keys() - set(_OPTIONS)
        if marker.args or unknown:
            wrong = f"'{min(unknown)}'" if unknown else "a value without a name"
            raise DecodeError(f"{wrong} is no option; use {' and '.join(_OPTIONS)} by name")
        for name, value in marker.kwargs.items():
            options.setdefault(name, value)
    return options
