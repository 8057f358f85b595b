"""The webhook's use case: a body comes in, its events are queued, and the sender learns what became of each record."""

import gc
import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import ClassVar

from botocore.exceptions import BotoCoreError, ClientError

from destination.domain.connection import OPEN
from destination.domain.loss import BODY_TOO_LARGE, BODY_WRONG_CHARSET, BODY_WRONG_TYPE, RECORD_TOO_LARGE, Loss
from destination.domain.problem import Problem
from destination.ingest.charset import CHARSETS, UnknownCharsetError, WrongCharsetError, in_utf8
from destination.ingest.sources import FORMATS
from destination.ingest.sources.body import MAX_RECORDS, Parsed, TooManyRecordsError, UnreadableBodyError
from destination.ingest.sources.record import RecordTimes
from destination.queue import CONNECTION_ID, MAX_EVENT_BYTES, EventQueue, encode_event, pack
from destination.store.ingress import Ingress, Ingresses

MAX_BODY_BYTES = 6_000_000
"""Lambda takes no larger request."""

_BEARER = "bearer "
_NO_HASH = "-" * 64
"""Of the length of a hash, and none."""


class WebhookError(Exception):
    """A request that is not taken as a whole. Nothing of it is queued, unless `problems` name what alone was not.

    `kind` is what a sender tells them apart by; its status and title are those of the interface. `losses`: what of the
    body counts as lost, in the run. Nothing does that somebody without a token sends, nor what is to be sent again, nor
    what an operator wants refused.

    WebhookError
     ├─ UnknownConnectionError   not-found
     ├─ MethodNotAllowedError    method-not-allowed       not a POST
     ├─ UnauthorizedError        unauthorized             no ingest token, or a wrong one
     ├─ NotEnabledError          not-enabled              the connection is a draft or disabled
     ├─ BodyTooLargeError        too-large                                                          counts
     ├─ UnsupportedTypeError     unsupported-media-type   not JSON, or of an unknown charset        counts
     ├─ NotJsonError             not-json                                                           counts
     ├─ NoEventsError            no-events                no record is an event; `problems` say why   its records count
     ├─ QueueUnavailableError    unavailable              try again; events with ids are not told twice
     └─ UnavailableError         unavailable              the connection cannot be read now; try again
    """

    kind: ClassVar[str]

    def __init__(
        self, detail: str, problems: Sequence[Problem] = (), losses: Mapping[Loss, int] = MappingProxyType({})
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.problems = tuple(problems)
        self.losses = losses


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


class QueueUnavailableError(WebhookError):
    kind = "unavailable"


class UnavailableError(WebhookError):
    """`cause` is the code of the error that the table answered with, for the log."""

    kind = "unavailable"

    def __init__(self, detail: str, cause: str) -> None:
        super().__init__(detail)
        self.cause = cause


@dataclass(frozen=True, slots=True)
class Submission:
    """A request to the webhook. `correlation_id`: what its events are followed by, through the queue to Marketo.

    `is_text`: the body was read as UTF-8 before it came here, and written as UTF-8 again.
    """

    connection_id: str
    authorization: str | None
    content_type: str | None
    body: bytes
    content_encoding: str | None = None
    correlation_id: str | None = None
    is_text: bool = False


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What became of a body: the number of events queued, the records refused, and what was left out of good ones.

    Each problem stands with the index of its record in the body. `warnings` are the first of `warning_count`.
    """

    accepted: int
    rejected: tuple[tuple[int, Problem], ...]
    warnings: tuple[tuple[int, Problem], ...]
    warning_count: int


@dataclass(frozen=True, slots=True)
class AcceptEvents:
    """Takes bodies in. `new_id` is random, and of the form of an envelope's id: by it an event is counted once."""

    ingresses: Ingresses
    queue: EventQueue
    clock: Callable[[], datetime]
    new_id: Callable[[], str]

    def __call__(self, submission: Submission) -> Acceptance:
        """Check the request, read its records, queue the good ones with the numbers of what was lost.

        Raises a WebhookError when the request is not taken as a whole; the number of what is lost by it is queued then,
        too.
        """
        with _collector_off():
            return self._take(submission)

    def _take(self, submission: Submission) -> Acceptance:
        source_format = self._admit(submission)
        times = RecordTimes(self.clock())
        try:
            parsed, texts = _read(submission, source_format, times)
        except WebhookError as refused:
            self._store(submission, times, (), refused.losses)
            raise
        self._store(submission, times, texts, parsed.losses)
        rejected = tuple(sorted(parsed.rejected, key=_index))
        return Acceptance(len(texts), rejected, tuple(parsed.warnings), parsed.warning_count)

    def _admit(self, submission: Submission) -> str:
        """The source format of a connection that takes events from this sender."""
        ingress = self._ingress(submission.connection_id)
        if ingress is None:
            raise UnknownConnectionError(
                "No connection has this id; compare the URL with the one shown when the connection was created."
            )
        if not _opens(submission.authorization, ingress, self.clock()):
            raise UnauthorizedError("Send the connection's ingest token as 'Authorization: Bearer <token>'.")
        if ingress.status not in OPEN:
            raise NotEnabledError(f"The connection is {ingress.status}; enable it before sending events.")
        return ingress.source_format

    def _ingress(self, connection_id: str) -> Ingress | None:
        if not CONNECTION_ID.fullmatch(connection_id):
            return None
        try:
            return self.ingresses.get(connection_id)
        except (BotoCoreError, ClientError) as error:
            cause = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
            raise UnavailableError("The connection cannot be read now; send the body again.", cause) from error

    def _store(
        self,
        submission: Submission,
        times: RecordTimes,
        encoded: Sequence[tuple[int, str]],
        losses: Mapping[Loss, int],
    ) -> None:
        texts = (text for _, text in encoded)
        packed = list(
            pack(
                submission.connection_id,
                times.received_at,
                texts,
                envelope_id=self.new_id(),
                correlation_id=submission.correlation_id,
                losses=losses,
            )
        )
        unsent = self._send(submission.connection_id, [body for _, body in packed], tells_losses=bool(losses))
        if not unsent:
            return
        if not encoded:
            raise QueueUnavailableError("The body could not be taken, which could not be noted now; send it again.")
        place, missing = 0, []
        for number, (count, _) in enumerate(packed):
            if number in unsent:
                missing += [index for index, _ in encoded[place : place + count]]
            place += count
        raise QueueUnavailableError(
            f"{len(missing)} of {len(encoded)} records were not stored; send the body again. An event with an id that "
            "was stored already changes nothing; one without an id counts as received anew.",
            [Problem(f"[{index}]", "was not stored") for index in missing],
        )

    def _send(self, connection_id: str, bodies: Sequence[str], *, tells_losses: bool) -> set[int]:
        """Queue messages; the places of those that were not stored.

        The first, which may tell what was lost, goes after the others were stored: as long as one of them was not, the
        body is sent again, and tells it then.
        """
        first = 1 if tells_losses else 0
        unsent = {first + place for place in self.queue.send(connection_id, bodies[first:])}
        if not tells_losses:
            return unsent
        return {0, *unsent} if unsent else set(self.queue.send(connection_id, bodies[:1]))


@contextmanager
def _collector_off() -> Iterator[None]:
    """A body is up to three million objects, without cycles, that live to its end; the garbage collector goes through
    them again and again, for more CPU than all the rest.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _read(submission: Submission, source_format: str, times: RecordTimes) -> tuple[Parsed, list[tuple[int, str]]]:
    """The records of a body, and the events in their wire form. Raises WebhookErrors, each with what is lost by it."""
    _check_headers(submission)
    try:
        body = in_utf8(submission.body, submission.content_type, is_text=submission.is_text)
        parsed = FORMATS[source_format](body, times)
    except UnknownCharsetError as error:
        message = f"Send one of the charsets {', '.join(CHARSETS)}."
        raise UnsupportedTypeError(message, losses={BODY_WRONG_TYPE: 1}) from error
    except WrongCharsetError as error:
        raise NotJsonError(f"{error}.", losses={BODY_WRONG_CHARSET: 1}) from error
    except UnreadableBodyError as error:
        raise NotJsonError(f"{error}.", losses={error.loss: 1}) from error
    except TooManyRecordsError as error:
        message = f"The body has more than {MAX_RECORDS} records; send fewer at a time."
        raise BodyTooLargeError(message, losses={BODY_TOO_LARGE: 1}) from error
    texts = encoded(parsed)
    if parsed.rejected and not texts:
        problems = [_in_body(*one) for one in parsed.rejected]
        raise NoEventsError("No record of the body is an event.", problems, parsed.losses)
    return parsed, texts


def _check_headers(submission: Submission) -> None:
    if len(submission.body) > MAX_BODY_BYTES:
        message = f"The body is larger than {MAX_BODY_BYTES} bytes; send fewer records at a time."
        raise BodyTooLargeError(message, losses={BODY_TOO_LARGE: 1})
    kind = (submission.content_type or "application/json").lower()
    if "json" not in kind and not kind.startswith("text/plain"):
        raise UnsupportedTypeError("Send JSON, with 'Content-Type: application/json'.", losses={BODY_WRONG_TYPE: 1})
    if (submission.content_encoding or "identity").strip().lower() != "identity":
        message = "Send the body uncompressed, without 'Content-Encoding'."
        raise UnsupportedTypeError(message, losses={BODY_WRONG_TYPE: 1})


def encoded(parsed: Parsed) -> list[tuple[int, str]]:
    """The events' wire form, with their indices; those that no message can hold join the rejected ones."""
    texts = []
    for index, event in parsed.events:
        text = encode_event(event)
        if len(text) > MAX_EVENT_BYTES:
            message = f"must not be larger than {MAX_EVENT_BYTES} bytes as it is stored; map fewer attributes"
            parsed.reject(index, RECORD_TOO_LARGE, Problem("", message))
        else:
            texts.append((index, text))
    return texts


def _opens(authorization: str | None, ingress: Ingress, now: datetime) -> bool:
    """Both tokens are compared whatever the first answers, so that the time taken tells nothing."""
    if authorization is None or authorization[: len(_BEARER)].lower() != _BEARER:
        return False
    given = hashlib.sha256(authorization[len(_BEARER) :].strip().encode(errors="replace")).hexdigest()
    is_current = hmac.compare_digest(given, ingress.token_hash)
    is_previous = hmac.compare_digest(given, ingress.previous_token_hash or _NO_HASH)
    until = ingress.previous_token_until
    return is_current or (is_previous and until is not None and now < until)


def _in_body(index: int, problem: Problem) -> Problem:
    return Problem(f"[{index}].{problem.path}" if problem.path else f"[{index}]", problem.message)


def _index(one: tuple[int, Problem]) -> int:
    return one[0]
