"""An instance of Marketo that the simulator stands for, without stores and without sockets."""

from collections.abc import Mapping, Sequence

from destination.domain.credentials import ClientCredentials
from destination.marketo.instance import Marketo
from marketo_simulator import Simulator
from marketo_simulator.adapter import SimulatorAdapter
from testing.marketo import FakeClock, http, pace
from testing.memory import MemoryToken
from testing.persons import MUNCHKIN


class Simulated:
    """A simulator with lists for audiences `a` and `b` (ids 1001, 1002), and the instance that calls it."""

    def __init__(self, *leads: Mapping[str, object], fields: Sequence[Mapping[str, object]] = ()) -> None:
        self.clock = FakeClock()
        lists = [{"name": name, "id": 1001 + number, "workspace": "Default"} for number, name in enumerate("ab")]
        seed = {"lists": lists, "leads": list(leads), "fields": list(fields)}
        self.simulator = Simulator(seed=seed, clock=self.clock.now, sleep=self.clock.sleep)
        self.marketo = self.through(SimulatorAdapter(self.simulator))

    def through(self, adapter: SimulatorAdapter) -> Marketo:
        """The instance, called through an adapter of its own."""
        return Marketo(
            munchkin_id=MUNCHKIN,
            credentials=ClientCredentials("client", "secret"),
            tokens=MemoryToken(),
            http=http(adapter),
            pace=pace(100, 10, self.clock),
            clock=self.clock.now,
            sleep=self.clock.sleep,
        )

    @property
    def members(self) -> dict[str, list[int]]:
        """The leads of each list, by its name."""
        return {one["name"]: sorted(one["members"]) for one in self.simulator.dump()["lists"]}

    @property
    def leads(self) -> dict[int, dict[str, object]]:
        """The values of each lead."""
        return {one["id"]: one for one in self.simulator.dump()["leads"]}

    @property
    def calls(self) -> list[str]:
        """The endpoints called so far that count towards Marketo's limits."""
        return [call.endpoint for call in self.simulator.log() if call.counted]
