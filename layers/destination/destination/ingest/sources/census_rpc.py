"""Census' calls in JSON-RPC 2.0, and what its objects are called.

Source: JSON-RPC 2.0 Specification, sections 4 "Request object" and 5 "Response object"; Census documentation, "Custom
Destination API".
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from urllib.parse import quote, unquote

from destination.domain.audience import MAX_NAMESPACE_LENGTH, AudienceKey
from destination.ingest.sources.body import Broken, records
from destination.ingest.sources.lookalikes import as_census
from destination.ingest.sources.record import HALF

LEAD: Final = "lead"
"""The object of people without an audience."""

IDENTITY: Final = "identityMap."
"""What the field of an identity begins with; its namespace follows."""

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
NOT_TAKEN: Final = -32000
"""Of JSON-RPC's own codes, and of those that it leaves to the server (section 5.1)."""

_AUDIENCE: Final = "audience"

Scalar: TypeAlias = str | int | float


class InvalidCallError(Exception):
    """A call that cannot be carried out; `code` is JSON-RPC's, the message holds nothing of what was sent."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class RpcCall:
    """A request object: `id` is what its answer repeats."""

    method: str
    params: Mapping[str, Any]
    id: Scalar | None = None

    @classmethod
    def in_body(cls, body: bytes) -> "RpcCall":
        """The call that a body in UTF-8 is. Raises InvalidCallError, UnreadableBodyError, TooManyRecordsError."""
        found = records(body, "")
        first = found[0] if found and isinstance(found[0], dict) else None
        if first is not None and "method" not in first and (looks := as_census(first)) is not None:
            raise InvalidCallError(INVALID_REQUEST, looks)
        return cls.of(found[0] if len(found) == 1 and not isinstance(found[0], Broken) else None)

    @classmethod
    def of(cls, root: object) -> "RpcCall":
        """Read a body's JSON. Raises InvalidCallError for what is no request object; batches of calls are none."""
        method = root.get("method") if isinstance(root, dict) else None
        if not isinstance(root, dict) or not isinstance(method, str) or root.get("jsonrpc") != "2.0":
            raise InvalidCallError(INVALID_REQUEST, 'must be one call in JSON-RPC: {"jsonrpc": "2.0", "method": …}')
        params = root.get("params")
        return cls(method, params if isinstance(params, dict) else {}, scalar(root.get("id")))

    @property
    def object_name(self) -> object:
        """What the object is called that the call is about; None where it names none."""
        return named_object(self.params)

    def result(self, result: Mapping[str, Any]) -> dict[str, Any]:
        return {"jsonrpc": "2.0", "id": self.id, "result": result}

    def error(self, code: int, message: str) -> dict[str, Any]:
        return error_response(self.id, code, message)


def object_name(audience: AudienceKey) -> str:
    """What the object of an audience is called, as long as its id and its namespace are."""
    return f"{_AUDIENCE}:{quote(audience.namespace, safe='')}:{quote(audience.id, safe='')}"


def audience_of(name: object) -> AudienceKey | None:
    """The audience of an object; None for the people without one. Raises InvalidCallError for what is no object."""
    if name == LEAD:
        return None
    parts = name.split(":") if isinstance(name, str) else []
    if len(parts) == 3 and parts[0] == _AUDIENCE:
        audience = AudienceKey(unquote(parts[1]).lower(), unquote(parts[2]))
        if all(audience) and len(audience.namespace) <= MAX_NAMESPACE_LENGTH and not HALF.search("".join(audience)):
            return audience
    raise InvalidCallError(INVALID_PARAMS, "must name an object that list_objects names")


def named_object(params: Mapping[str, Any]) -> object:
    """None where they name none."""
    named = params.get("object")
    return named.get("object_api_name") if isinstance(named, dict) else None


def scalar(value: object) -> Scalar | None:
    """A string or a number that JSON can repeat; None for what is none."""
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float) else None


def error_response(call_id: Scalar | None, code: int, message: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": call_id, "error": {"code": code, "message": message}}
