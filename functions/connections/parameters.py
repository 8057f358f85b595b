"""What the calls of the control plane share: parameters, and what bodies and answers are checked for."""

from collections.abc import Callable
from typing import Annotated, Any, Final, TypeVar

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.openapi.params import Header, Path, Query

from destination.api.representation import Representation
from destination.control.errors import TooLargeError
from destination.domain.problem import ConfigurationError, Problem

JSON = "application/json"

MAX_ID_LENGTH: Final = 64

ConnectionId = Annotated[str, Path(max_length=MAX_ID_LENGTH, description="The connection's id.")]
OfActivation = Annotated[str, Path(max_length=MAX_ID_LENGTH, description="The `activation_id` of the audience.")]
OfCode = Annotated[str | None, Query(max_length=MAX_ID_LENGTH, description="Only those with this code; left out: all.")]
Cursor = Annotated[str | None, Query(max_length=500, description="The `cursor` of the previous page.")]
Limit = Annotated[int, Query(ge=1, le=100)]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="The version that the change is based on, as in `ETag`; if it is not the current one: 412.",
    ),
]

MAX_ANSWER_BYTES: Final = 5_000_000
"""Lambda returns 6 MB and no more, and the text is encoded once more on its way."""

reads_any_body: Final[set[Callable[..., Any]]] = set()
"""The calls that read the body as it was sent, whatever is in it."""

Answer = TypeVar("Answer", bound=Representation)


def bounded(answer: Answer, remedy: str) -> Answer:
    """The answer as it is. Raises TooLargeError."""
    if len(answer.model_dump_json()) > MAX_ANSWER_BYTES:
        raise TooLargeError(f"The answer would be too large; {remedy}.")
    return answer


def one_object(app: APIGatewayRestResolver, next_middleware: NextMiddleware) -> Response[Any]:
    """The resolver takes the first of a list where one object is expected; a list is refused instead."""
    if isinstance(app.current_event.json_body, list):
        raise ConfigurationError([Problem("", "must be an object, not a list")])
    return next_middleware(app)
