"""The control plane answers whatever it is asked as docs/openapi.json says, and never with an error of its own."""

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import Phase, settings

from destination.composition.connections import paces
from marketo_simulator import Simulator
from testing.control_plane import application, control_plane, created, fresh
from testing.interface import CHECKS, described

schema = described().exclude(operation_id="postEvents")  # another function's
schema.app = application


@pytest.fixture(scope="module")
def stack() -> Iterator[Simulator]:
    with control_plane() as simulator, fresh(simulator):
        yield simulator


@schema.parametrize()
@settings(max_examples=5, derandomize=True, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_every_answer_is_as_described(case: "schemathesis.Case[Any]", stack: Simulator) -> None:
    paces.cache_clear()  # No example waits for what those before it asked Marketo.
    if "connection_id" in case.path_parameters:
        case.path_parameters["connection_id"] = created()
    case.call_and_validate(checks=CHECKS)
