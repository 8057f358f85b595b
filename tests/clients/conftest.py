"""A simulator on a port, with what the clients' repertoires ask for."""

from collections.abc import Iterator

import pytest

from marketo_simulator import Simulator
from marketo_simulator.server import SimulatorServer, serve

SEED = {
    "leads": [
        {"id": 7, "email": "ada@example.org", "firstName": "Ada", "company": "Analytical Engines"},
        {"id": 8, "email": "grace@example.org", "firstName": "Grace"},
        *({"id": number, "email": f"p{number}@example.org"} for number in range(1000, 1400)),
    ],
    "lists": [{"id": 70, "name": "Webinar", "members": [8, *range(1000, 1400)]}],
    "partitions": [{"name": "EMEA"}],
}


@pytest.fixture
def server() -> Iterator[SimulatorServer]:
    with serve(Simulator(SEED)) as running:
        yield running
