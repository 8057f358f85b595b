"""What the control plane reads from a request besides its body, and writes besides its answer's body."""

import json
import math
from collections.abc import Mapping
from typing import Any, Final

from destination.domain.caller import LOCAL

_MAX_VERSION_DIGITS: Final = 18
"""Decimal digits."""

_MAX_INTEGER_DIGITS: Final = 309
"""Decimal digits; no double is longer, and Python refuses to read the text of some thousand."""


_SESSION_OF_COGNITO: Final = "CognitoIdentityCredentials"
"""What Amazon Cognito calls every session that it opens for an identity."""


def decoded(body: str) -> Any:
    """A body's JSON; an endless integer is read as infinite, so that the property that has it is named."""
    return json.loads(body, parse_int=lambda digits: int(digits) if len(digits) <= _MAX_INTEGER_DIGITS else math.inf)


def ingest_url(event: Mapping[str, Any], connection_id: str) -> str:
    """Where a connection's events are posted, as seen from a request that shows the token: `POST …/connections`, or
    `POST …/connections/{id}/ingest-token`.

    API Gateway names the domain, and a path that has the stage or the custom domain's base path in it (Amazon API
    Gateway, "Input format of a Lambda function for proxy integration"). The emulator of the local stack names no
    domain; it serves an API below a path of its own.
    """
    below = event["requestContext"]["path"].rstrip("/").removesuffix(f"/{connection_id}/ingest-token")
    return _url(event, f"{below}/{connection_id}/events")


def token_url(event: Mapping[str, Any], connection_id: str) -> str:
    """Where senders get their tokens, as seen from `POST …/connections/{id}/sender-credentials`."""
    path = event["requestContext"]["path"].rstrip("/")
    return _url(event, path.removesuffix(f"/connections/{connection_id}/sender-credentials") + "/oauth2/token")


def _url(event: Mapping[str, Any], path: str) -> str:
    request = event["requestContext"]
    if domain := request.get("domainName"):
        return f"https://{domain}{path}"
    headers = {name.lower(): value for name, value in event["headers"].items()}
    return f"http://{headers['host']}/_aws/execute-api/{request['apiId']}{path}"


def caller_of(event: Mapping[str, Any]) -> str:
    """The ARN of who signed the request; the local stack, which is open, names nobody.

    Whoever is signed in to the console has a session of a role that bears the same name for everybody. In its place
    stands the person's id in the user pool, which the provider names last: `…/<pool>,…/<pool>:CognitoSignIn:<id>`
    (Amazon API Gateway, "$context variables", cognitoAuthenticationProvider).
    """
    identity = event.get("requestContext", {}).get("identity") or {}
    arn: str = identity.get("userArn") or LOCAL
    role, _, session = arn.rpartition("/")
    provider = identity.get("cognitoAuthenticationProvider")
    if provider and session == _SESSION_OF_COGNITO:
        return f"{role}/{provider.rpartition(':')[2]}"
    return arn


def shared_with(origin: str) -> dict[str, list[str]]:
    """The headers by which a browser lets a page of this origin read an answer; none without an origin (Fetch standard,
    "CORS protocol").
    """
    if not origin:
        return {}
    exposed = "ETag, Location, Retry-After, X-Correlation-Id"
    return {"Access-Control-Allow-Origin": [origin], "Access-Control-Expose-Headers": [exposed]}


def etag(version: int) -> dict[str, str | list[str]]:
    return {"ETag": f'"{version}"'}


def expected_version(if_match: str | None) -> int | None:
    """The version of an If-Match header, `"3"` or `3`; None: any will do. Versions begin at 1, so 0 matches none."""
    if if_match is None or if_match.strip() == "*":
        return None
    text = if_match.strip().strip('"')
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= _MAX_VERSION_DIGITS else 0
