"""The published description as a source of requests, and what every answer to them is held against."""

import json
from typing import Any, TypeAlias

import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from docs.openapi import TARGET

Operation: TypeAlias = "APIOperation[Any, Any, Any, Any]"

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
"""That a request is taken, or refused, is no check: what properties mean together stands in no schema."""


def for_each_operation(schema: schemathesis.BaseSchema) -> pytest.MarkDecorator:
    """A test of its own for each call, `operation`, with a name of its own.

    Schemathesis' own parametrisation gives all of them one node id, and pytest-xdist runs one test of each node id.
    """
    found = list(schema.get_all_operations())
    operations = [each.ok() for each in found if isinstance(each, Ok)]
    assert len(operations) == len(found), "a call is described wrongly"
    return pytest.mark.parametrize("operation", operations, ids=[each.label for each in operations])


def described() -> schemathesis.BaseSchema:
    """Every call of docs/openapi.json; its requests are as many as the test says, and no more."""
    schema = schemathesis.openapi.from_dict(json.loads(TARGET.read_text()))
    schema.config.phases.coverage.enabled = False
    return schema
