"""What the webhook answers to a request that it does not take, or not all of."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import ClassVar

from destination.domain.loss import Loss
from destination.domain.problem import Problem
from destination.ingest.reply import Reply


class WebhookError(Exception):
    """A request that is not taken as a whole. Nothing of it is queued, unless `problems` name what alone was not.

    `kind` is what a sender tells them apart by; its status and title are those of the interface. `losses`: what of the
    body counts as lost, in the run. Nothing does that somebody without a token sends, nor what is to be sent again, nor
    what an operator wants refused.

    WebhookError
     ├─ UnknownConnectionError   not-found
     ├─ MethodNotAllowedError    method-not-allowed       not a POST
     ├─ UnauthorizedError        unauthorized             no ingest token or signature, or a wrong one
     ├─ NotEnabledError          not-enabled              the connection is a draft or disabled
     ├─ BodyTooLargeError        too-large                                                          counts
     ├─ UnsupportedTypeError     unsupported-media-type   not JSON, or of an unknown charset        counts
     ├─ NotJsonError             not-json                                                           counts
     ├─ NoEventsError            no-events                no record is an event; `problems` say why   its records count
     ├─ RejectedRecordsError     rejected-records         some records are events, and the connection takes all or none
     ├─ QueueUnavailableError    unavailable              try again; events with ids are not told twice
     └─ UnavailableError         unavailable              the connection cannot be read now; try again

    `reply`: what the source tells its sender in the problem's place (None: the problem itself).
    """

    kind: ClassVar[str]

    def __init__(
        self, detail: str, problems: Sequence[Problem] = (), losses: Mapping[Loss, int] = MappingProxyType({})
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problems = tuple(problems)
        self.losses = losses
        self.reply: Reply | None = None


class UnknownConnectionError(WebhookError):
    kind = "not-found"


class MethodNotAllowedError(WebhookError):
    kind = "method-not-allowed"


class UnauthorizedError(WebhookError):
    kind = "unauthorized"


class NotEnabledError(WebhookError):
    kind = "not-enabled"


class BodyTooLargeError(WebhookError):
    kind = "too-large"


class UnsupportedTypeError(WebhookError):
    kind = "unsupported-media-type"


class NotJsonError(WebhookError):
    kind = "not-json"


class NoEventsError(WebhookError):
    kind = "no-events"


class RejectedRecordsError(WebhookError):
    kind = "rejected-records"


class QueueUnavailableError(WebhookError):
    kind = "unavailable"


class UnavailableError(WebhookError):
    """`cause`: what is wrong here, for the log; of a table that does not answer, the code of its error."""

    kind = "unavailable"

    def __init__(self, detail: str, cause: str) -> None:
        super().__init__(detail)
        self.cause = cause
