"""The published description as a source of requests, and what every answer to them is held against."""

import json

import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from docs.openapi import TARGET

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
"""That a request is taken, or refused, is no check: what properties mean together stands in no schema."""


def described() -> schemathesis.BaseSchema:
    """Every call of docs/openapi.json; its requests are as many as the test says, and no more."""
    schema = schemathesis.openapi.from_dict(json.loads(TARGET.read_text()))
    schema.config.phases.coverage.enabled = False
    return schema
