"""What the calls of the control plane share: path and header parameters, and the check of a body that is one object."""

from typing import Annotated, Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query

from destination.api.audiences import Namespace
from destination.domain.configuration import ConfigurationError, Problem

JSON = "application/json"

ConnectionId = Annotated[str, Path(description="The connection's id.")]
AudienceId = Annotated[str, Path(description="The audience's id at its source.")]
InNamespace = Annotated[Namespace, Query(description="The namespace of the audience's id.")]
Cursor = Annotated[str | None, Query(description="From the page before.")]
Limit = Annotated[int, Query(ge=1, le=100)]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="The version that the change is meant for, as in `ETag`; stale: 412."),
]


def one_object(app: APIGatewayRestResolver, next_middleware: NextMiddleware) -> Response[Any]:
    """The resolver takes the first of a list where one object is expected; a list is refused instead."""
    if isinstance(app.current_event.json_body, list):
        raise ConfigurationError([Problem("", "must be an object, not a list")])
    return next_middleware(app)
