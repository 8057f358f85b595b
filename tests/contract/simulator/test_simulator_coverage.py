"""The documented tables of what is simulated are what the simulator has."""

from docs.simulator_coverage import TARGET, render, simulated
from marketo_simulator.routes import OPERATIONS


def test_the_tables_are_current() -> None:
    assert TARGET.read_text() == render(TARGET.read_text()), "run `make openapi`"


def test_every_call_is_in_one_area() -> None:
    rows = [row.split("`")[1] for row in simulated()]
    assert sorted(rows) == sorted([f"{method} {path}" for method, path in OPERATIONS] + rows[:2])
    assert rows[:2] == ["GET /identity/oauth/token", "POST /identity/oauth/token"]
