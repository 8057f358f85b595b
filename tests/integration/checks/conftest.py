"""The control plane with a Marketo that has what the checks ask for."""

import pytest

from marketo_simulator import Simulator
from testing.checks import MARKETO


@pytest.fixture(autouse=True)
def marketo(marketo: Simulator) -> Simulator:
    marketo.seed(MARKETO)
    return marketo
