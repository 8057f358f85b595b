"""Calls of senders as API Gateway hands them to the function `connections`."""

import base64
from collections.abc import Mapping
from typing import Any

from functions.connections import app
from testing.aws import Context
from testing.control_plane import ApiAnswer

RESOURCE = "/connections/{connection_id}/source/{proxy+}"


def source_call(
    connection_id: str,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
) -> ApiAnswer:
    """One request through the handler; `path`: what stands behind `…/source/`."""
    whole = f"/connections/{connection_id}/source/{path}"
    event: dict[str, Any] = {
        "version": "1.0",
        "resource": RESOURCE,
        "path": whole,
        "httpMethod": method,
        "headers": {"Content-Type": "application/json", **(headers or {})},
        "queryStringParameters": dict(query or {}) or None,
        "pathParameters": {"connection_id": connection_id, "proxy": path},
        "requestContext": {"path": f"/prod{whole}", "stage": "prod", "requestId": "request-1", "identity": {}},
        "body": None if body is None else base64.b64encode(body).decode(),
        "isBase64Encoded": body is not None,
    }
    answer = app.handler(event, Context())
    single = {name: values[0] for name, values in answer["multiValueHeaders"].items()}
    return ApiAnswer(answer["statusCode"], single, answer["body"])
