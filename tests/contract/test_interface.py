"""The control plane answers whatever it is asked as docs/openapi.json says, and never with an error of its own."""

from collections.abc import Iterator

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from destination.composition.connections import paces
from marketo_simulator import Simulator
from testing.control_plane import application, control_plane, created, fresh
from testing.interface import CHECKS, Operation, described, for_each_operation

schema = (
    described()
    .exclude(operation_id=["postEvents", "getSenderToken"])  # another function's
    .exclude(operation_id_regex="^source")  # tests/integration/test_source_calls_api.py
)
schema.app = application


@pytest.fixture(scope="module")
def stack() -> Iterator[Simulator]:
    with control_plane() as simulator, fresh(simulator):
        yield simulator


@for_each_operation(schema)
@given(data=st.data())
@settings(max_examples=5, derandomize=True, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_every_answer_is_as_described(operation: Operation, data: st.DataObject, stack: Simulator) -> None:
    case = data.draw(operation.as_strategy())
    paces.cache_clear()  # No example waits for what those before it asked Marketo.
    if "connection_id" in case.path_parameters:
        case.path_parameters["connection_id"] = created()
    case.call_and_validate(checks=CHECKS)
