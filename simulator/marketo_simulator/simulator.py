"""The simulator: the default instance at the root path, further ones below `/<munchkin id>/`."""

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from marketo_simulator.clock import Clock, utc_now
from marketo_simulator.control import Control
from marketo_simulator.decode import DecodeError, decode
from marketo_simulator.identity import Client
from marketo_simulator.message import Request, Response
from marketo_simulator.seed import Seed
from marketo_simulator.settings import Settings, changed

_MUNCHKIN_ID: Final = re.compile(r"\d{3}-\w{3}-\d{3}", re.ASCII)
_INSTANCE_PATH: Final = re.compile(rf"/({_MUNCHKIN_ID.pattern})(/.*)", re.ASCII)
DEFAULT_CLIENT: Final = Client("client", "secret")


@dataclass(frozen=True, slots=True)
class SimulatorSeed:
    """A seed file: the default instance's seed, and those of further instances by Munchkin ID."""

    default: Seed
    instances: Mapping[str, Seed]


def read_seed(data: Mapping[str, object], where: str = "seed") -> SimulatorSeed:
    """Check seed data as it stands in JSON. Raises DecodeError, which names place, problem and remedy."""
    further: dict[str, Seed] = {}
    for name, seed in decode(dict[str, Seed], data.get("instances", {}), f"{where}.instances").items():
        if not _MUNCHKIN_ID.fullmatch(name):
            raise DecodeError(f"{where}.instances: '{name}' is no Munchkin ID; write it like 123-ABC-456")
        if name.upper() in further:
            raise DecodeError(f"{where}.instances: '{name}' is there already, in another case; leave one out")
        further[name.upper()] = _with_client(seed)
    default = decode(Seed, {key: value for key, value in data.items() if key != "instances"}, where)
    return SimulatorSeed(_with_client(default), further)


def _with_client(seed: Seed) -> Seed:
    return seed if seed.clients else replace(seed, clients=(DEFAULT_CLIENT,))


class Simulator(Control):
    """A Marketo Engage stand-in without a socket. It is its default instance and routes to the further ones.

    `seed` and `settings` have the form of the seed file; `clock` gives the time in UTC; `sleep` waits latencies out.
    A further instance without a seed of its own starts as the default one was seeded. Raises DecodeError.
    """

    def __init__(
        self,
        seed: Mapping[str, object] | None = None,
        settings: Mapping[str, object] | Settings | None = None,
        clock: Callable[[], datetime] = utc_now,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        data = dict(seed or {})
        if settings is not None:
            seeded = decode(Settings, data.get("settings", {}), "seed.settings")
            data["settings"] = changed(seeded, settings, "settings")
        self._seeds = read_seed(data)
        self._wait = sleep
        self._instances: dict[str, Control] = {}
        super().__init__("", self._seeds.default, Clock(clock), sleep)
        for name in self._seeds.instances:
            self.instance(name)

    def instance(self, munchkin_id: str) -> Control:
        """The further instance of this Munchkin ID (in any case, as in a host name), made at its first use."""
        munchkin_id = munchkin_id.upper()
        with self.lock:
            if munchkin_id not in self._instances:
                seed = self._seeds.instances.get(munchkin_id, self._seeds.default)
                self._instances[munchkin_id] = Control(munchkin_id, seed, self.clock, self._wait)
            return self._instances[munchkin_id]

    @property
    def instances(self) -> dict[str, Control]:
        """Those that there are, by Munchkin ID in capitals; that of the default one is empty."""
        with self.lock:
            return {"": self, **self._instances}

    def handle(self, request: Request, patience: float | None = None) -> Response:
        """Answer one call or control call of any instance; see Instance.handle."""
        named = _INSTANCE_PATH.fullmatch(request.path)
        if named is None:
            return super().handle(request, patience)
        return self.instance(named[1]).handle(replace(request, path=named[2]), patience)

    def reset(self) -> None:
        """The default instance back to its seed; further instances are forgotten."""
        super().reset()
        with self.lock:
            self._instances.clear()
