"""The control plane for the tests of its calls."""

from collections.abc import Iterator

import pytest

from marketo_simulator import Simulator
from testing.control_plane import control_plane, fresh


@pytest.fixture(scope="module")
def control_plane_marketo() -> Iterator[Simulator]:
    with control_plane() as simulator:
        yield simulator


@pytest.fixture
def marketo(control_plane_marketo: Simulator) -> Iterator[Simulator]:
    """The Marketo behind the control plane; it and AWS are as they are before anything was done."""
    with fresh(control_plane_marketo):
        yield control_plane_marketo
