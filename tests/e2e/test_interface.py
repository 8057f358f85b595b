"""The deployed interface, API Gateway and webhook included, answers what it is asked as docs/openapi.json says."""

from typing import Any

import schemathesis
from hypothesis import Phase, settings

from testing.interface import CHECKS, described
from tests.e2e.system import HTTP_SECONDS, System

schema = described()


@schema.parametrize()
@settings(max_examples=2, derandomize=True, deadline=None, phases=[Phase.explicit, Phase.generate])
def test_every_answer_is_as_described(case: "schemathesis.Case[Any]", system: System) -> None:
    answer = case.call_and_validate(
        base_url=system.stack.api_url, session=system.http, checks=CHECKS, timeout=HTTP_SECONDS
    )
    if case.operation.definition.raw["operationId"] == "createConnection" and answer.status_code == 201:
        system.connections.append(answer.json()["id"])
