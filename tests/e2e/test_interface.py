"""The deployed interface, API Gateway and webhook included, answers what it is asked as docs/openapi.json says."""

from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from testing.interface import CHECKS, Operation, described, for_each_operation
from tests.e2e.system import HTTP_SECONDS, System


@for_each_operation(described())
@given(data=st.data())
@settings(max_examples=2, derandomize=True, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_every_answer_is_as_described(operation: Operation, data: st.DataObject, system: System) -> None:
    case = data.draw(operation.as_strategy())
    answer = case.call_and_validate(
        base_url=system.stack.api_url, session=system.http, checks=CHECKS, timeout=HTTP_SECONDS
    )
    if operation.definition.raw["operationId"] == "createConnection" and answer.status_code == 201:
        system.connections.append(answer.json()["id"])
