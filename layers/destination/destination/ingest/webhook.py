"""The webhook's use case: a body comes in, its events are queued, and the sender learns what became of each record."""

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NoReturn

from botocore.exceptions import BotoCoreError, ClientError

from destination.domain.connection import OPEN, OnDeletePerson, OnRejected, Proof, Status
from destination.domain.loss import (
    BODY_TOO_LARGE,
    BODY_WRONG_CHARSET,
    BODY_WRONG_TYPE,
    RECORD_OF_OTHER_KIND,
    RECORD_TOO_LARGE,
    Loss,
)
from destination.domain.path import Path
from destination.domain.problem import Problem
from destination.domain.seen import Unwritten, gather
from destination.ingest.admission import SourceRequest, WaysIn
from destination.ingest.charset import CHARSETS, UnknownCharsetError, WrongCharsetError, in_utf8
from destination.ingest.reply import Reply
from destination.ingest.source import Handled, Source
from destination.ingest.sources import UnknownSourceError, source
from destination.ingest.sources.body import MAX_RECORDS, Parsed, TooManyRecordsError, UnreadableBodyError
from destination.ingest.sources.record import RecordTimes
from destination.ingest.webhook_errors import (
    BodyTooLargeError,
    NoEventsError,
    NotEnabledError,
    NotJsonError,
    QueueUnavailableError,
    RejectedRecordsError,
    UnauthorizedError,
    UnavailableError,
    UnknownConnectionError,
    UnsupportedTypeError,
    WebhookError,
)
from destination.queue import (
    CONNECTION_ID,
    MAX_EVENT_BYTES,
    ErasureCall,
    EventQueue,
    encode_event,
    erasure_call_message,
    pack,
    seen_message,
)
from destination.store.ingress import Ingress, Ingresses

MAX_BODY_BYTES = 6_000_000
"""Lambda takes no larger request."""

CONFIGURED: Final = frozenset({Status.DRAFT, Status.DISABLED})
"""The statuses in which nothing is let in yet, or just now; what is sent is seen all the same."""

_BY_HAND: Final = "asks to forget a person, which source.on_delete_person does not let it; see to it by hand"

_NO_HASH = "-" * 64
"""Of the length of a hash, and none."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A request to the webhook; the names of its headers are in lower case.

    `correlation_id`: what its events are followed by, through the queue to Marketo. `is_text`: the body was read as
    UTF-8 before it came here, and written as UTF-8 again.
    """

    connection_id: str
    headers: Mapping[str, str]
    body: bytes
    query: Mapping[str, str] = field(default_factory=dict)
    correlation_id: str | None = None
    is_text: bool = False

    @property
    def request(self) -> SourceRequest:
        return SourceRequest(self.body, self.headers, self.query)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What became of a body: the number of events and calls for erasures that are queued, the records refused, and
    what was left out of good ones.

    Each problem stands with the index of its record in the body. `warnings` are the first of `warning_count`.
    `is_multi_status`: some were refused, and the connection's senders are to see it by the status. `reply`: what the
    source tells its sender (None: what the webhook does).
    """

    accepted: int
    rejected: tuple[tuple[int, Problem], ...]
    warnings: tuple[tuple[int, Problem], ...]
    warning_count: int
    is_multi_status: bool = False
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class AcceptEvents:
    """Takes bodies in. `new_id` is random, and of the form of an envelope's id: by it an event is counted once.

    `unwritten`: what was seen of bodies that were refused, and is still to be told.
    `signing_key`: by the ids of connections and the hashes of their tokens, what senders sign with (None: the stack has
    no such keys).
    """

    ingresses: Ingresses
    queue: EventQueue
    clock: Callable[[], datetime]
    new_id: Callable[[], str]
    unwritten: Unwritten = field(default_factory=Unwritten)
    signing_key: Callable[[str, str], bytes] | None = None

    def __call__(self, submission: Submission) -> Acceptance:
        """Check the request, read its records, queue the good ones with the numbers of what was lost.

        Raises a WebhookError when the request is not taken as a whole; the number of what is lost by it is queued then,
        too.
        """
        with _collector_off():
            return self._take(submission)

    def admit(self, submission: Submission) -> tuple[Source, Ingress]:
        """The source of the connection that a request comes from, and the way in. Nothing of the body was read.

        Raises UnknownConnectionError, UnauthorizedError, UnavailableError.
        """
        ingress = read_ingress(self.ingresses, submission.connection_id)
        if ingress is None:
            raise UnknownConnectionError(
                "No connection has this id; compare the URL with the one shown when the connection was created."
            )
        sender = _source_of(ingress)
        refused = sender.admit(submission.request, self._ways_in(ingress, sender))
        if refused is not None:
            raise UnauthorizedError(refused.detail)
        return sender, ingress

    def check(self, submission: Submission, sender: Source, ingress: Ingress) -> Acceptance:
        """What would become of a body, of which nothing is taken or counted. Raises WebhookErrors of a body."""
        body = _Body(submission, sender, ingress)
        with _collector_off():
            texts = body.read(RecordTimes(self.clock()))
        taken = len(texts) + body.calls
        return Acceptance(taken, body.rejected, tuple(body.parsed.warnings), body.parsed.warning_count)

    def _take(self, submission: Submission) -> Acceptance:
        sender, ingress = self.admit(submission)
        body = _Body(submission, sender, ingress)
        if ingress.status not in OPEN:
            self._refuse_closed(body)
        try:
            return self._accept(body)
        except WebhookError as refused:
            if body.sender.answer is not None:
                handled = Handled(
                    0, body.rejected, (), body.parsed.note, refused.kind, refused.detail, refused.problems
                )
                refused.reply = body.sender.answer(handled)
            raise

    def _accept(self, body: "_Body") -> Acceptance:
        times = RecordTimes(self.clock())
        on_rejected = body.ingress.on_rejected
        try:
            texts = body.read(times)
            taken = len(texts) + body.calls
            _refuse_rejected(body.parsed, taken, on_rejected)
        except WebhookError as refused:
            self._store(body.submission, times, (), refused.losses, ())
            raise
        parsed, sender = body.parsed, body.sender
        self._store(body.submission, times, texts, parsed.losses, body.erasure_calls)
        rejected = body.rejected
        reply = None
        if sender.answer is not None:
            reply = sender.answer(Handled(taken, rejected, parsed.warnings, parsed.note))
        is_multi_status = bool(rejected) and on_rejected is OnRejected.MULTI_STATUS
        return Acceptance(taken, rejected, tuple(parsed.warnings), parsed.warning_count, is_multi_status, reply)

    def _refuse_closed(self, body: "_Body") -> NoReturn:
        if body.ingress.status is Status.DELETING:
            raise NotEnabledError("The connection is being deleted and takes no more events; send to another one.")
        if body.ingress.status in CONFIGURED:
            self._see(body)
        raise NotEnabledError(f"The connection is {body.ingress.status}; enable it before sending events.")

    def _see(self, body: "_Body") -> None:
        """Tell what a body is like that is refused, so that a mapping can be built from it.

        It takes a message that has names alone; what the queue does not take now is told with what is seen next.
        """
        now, submission = self.clock(), body.submission
        try:
            body.read(RecordTimes(now))
        except WebhookError:
            return
        seen = gather([event for _, event in body.parsed.events])
        due = self.unwritten.due(submission.connection_id, seen, now) if seen.names else None
        if due is not None:
            message = seen_message(submission.connection_id, now, due, envelope_id=self.new_id())
            if not self.queue.send(submission.connection_id, [message]):
                self.unwritten.wrote(submission.connection_id, now)

    def _ways_in(self, ingress: Ingress, sender: Source) -> WaysIn:
        now, ways = self.clock(), ingress.admission
        hashes = _token_hashes(ingress, now)
        keys = [] if ways.proof is Proof.TOKEN else self._keys(ingress.connection_id, hashes)
        given = [one.hash for one in ingress.sender_tokens.good(now)] if ingress.sender_tokens else []
        tokens = (*hashes, *given)
        return WaysIn(tokens, ways.header, ways.query_parameter, ways.proof, sender.signature, keys)

    def _keys(self, connection_id: str, hashes: Iterable[str]) -> list[bytes]:
        if self.signing_key is None:
            return []
        try:
            return [self.signing_key(connection_id, one) for one in hashes if one != _NO_HASH]
        except (BotoCoreError, ClientError) as error:
            raise UnavailableError("The signing key cannot be had now; send the body again.", _cause(error)) from error

    def _store(
        self,
        submission: Submission,
        times: RecordTimes,
        encoded: Sequence[tuple[int, str]],
        losses: Mapping[Loss, int],
        asked: Sequence[tuple[int, ErasureCall]],
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
        asking = [self._erasure_call_message(submission, times.received_at, one) for _, one in asked]
        bodies = [*(body for _, body in packed), *asking]
        unsent = self._send(submission.connection_id, bodies, tells_losses=bool(losses))
        if not unsent:
            return
        if not encoded and not asked:
            raise QueueUnavailableError("The body could not be taken, which could not be noted now; send it again.")
        place, missing = 0, []
        for number, (count, _) in enumerate(packed):
            if number in unsent:
                missing += [index for index, _ in encoded[place : place + count]]
            place += count
        missing += [index for number, (index, _) in enumerate(asked, len(packed)) if number in unsent]
        missing = sorted(set(missing))
        taken = {index for index, _ in (*encoded, *asked)}
        raise QueueUnavailableError(
            f"{len(missing)} of {len(taken)} records were not stored; send the body again. An event with an id that "
            "was stored already changes nothing; one without an id counts as received anew.",
            [Problem(f"[{index}]", "was not stored") for index in missing],
        )

    def _erasure_call_message(self, submission: Submission, received_at: datetime, asked: ErasureCall) -> str:
        """A call without an id is known by its message: sent again it is another one."""
        message_id = self.new_id()
        known_as = replace(asked, call=asked.call or message_id)
        return erasure_call_message(
            submission.connection_id, message_id, received_at, known_as, correlation_id=submission.correlation_id
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


@dataclass(slots=True)
class _Body:
    """A request's body, and what is known of it so far: nothing, until it was read."""

    submission: Submission
    sender: Source
    ingress: Ingress
    parsed: Parsed = field(default_factory=Parsed)
    erasure_calls: list[tuple[int, ErasureCall]] = field(default_factory=list)

    @property
    def rejected(self) -> tuple[tuple[int, Problem], ...]:
        return tuple(sorted(self.parsed.rejected, key=_index))

    @property
    def calls(self) -> int:
        """The number of records that have somebody erased."""
        return len({index for index, _ in self.erasure_calls})

    def read(self, times: RecordTimes) -> list[tuple[int, str]]:
        """The events in their wire form, with the indices of their records.

        Raises WebhookErrors, each with what is lost by it.
        """
        self.parsed = _parsed(self, times)
        self.erasure_calls = list(_erasure_calls(self.parsed, self.ingress))
        return encoded(self.parsed)


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


def _source_of(ingress: Ingress) -> Source:
    try:
        return source(ingress.source_format)
    except UnknownSourceError as error:
        message = f"The stack has no source {ingress.source_format} now; send the body again."
        raise UnavailableError(message, type(error).__name__) from error


def read_ingress(ingresses: Ingresses, connection_id: str) -> Ingress | None:
    """None: there is no such connection. Raises UnavailableError when it cannot be read now."""
    if not CONNECTION_ID.fullmatch(connection_id):
        return None
    try:
        return ingresses.get(connection_id)
    except (BotoCoreError, ClientError) as error:
        raise UnavailableError("The connection cannot be read now; send the body again.", _cause(error)) from error


def _token_hashes(ingress: Ingress, now: datetime) -> tuple[str, str]:
    """Of the ingest tokens that are good now; always two, so that the time taken to compare them tells nothing."""
    until = ingress.previous_token_until
    previous = ingress.previous_token_hash if until is not None and now < until else ""
    return ingress.token_hash, previous or _NO_HASH


def _cause(error: BotoCoreError | ClientError) -> str:
    return error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__


def _parsed(given: _Body, times: RecordTimes) -> Parsed:
    """The records of a body. Raises WebhookErrors, each with what is lost by it."""
    submission = given.submission
    _check_headers(submission)
    try:
        body = in_utf8(submission.body, submission.headers.get("content-type"), is_text=submission.is_text)
        return given.sender.read(replace(submission.request, body=body, rows=given.ingress.rows), times)
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


def _erasure_calls(parsed: Parsed, ingress: Ingress) -> Iterator[tuple[int, ErasureCall]]:
    """Who is to be forgotten, by index of the record; a record of whom nobody can be told here joins the rejected ones.

    It names people by identities alone. Of several values by which people are known each is somebody.
    """
    namespace = None if ingress.known_by is None else Path.of(ingress.known_by).namespace
    for index, event in parsed.erasure_calls:
        if ingress.on_delete_person is OnDeletePerson.REJECT:
            parsed.reject(index, RECORD_OF_OTHER_KIND, Problem("type", _BY_HAND))
            continue
        values = event.identities.get(namespace, ()) if namespace is not None else ()
        if not values:
            parsed.reject(index, RECORD_OF_OTHER_KIND, Problem("type", _not_known_by(ingress.known_by)))
        yield from ((index, ErasureCall(value, event.id or "")) for value in dict.fromkeys(values))


def _not_known_by(identity: str | None) -> str:
    if identity is None:
        return "asks to forget a person, but the mapping has nothing that people are known by; see to it by hand"
    return f"asks to forget a person, but people are known by {identity} here, which it has not; see to it by hand"


def _refuse_rejected(parsed: Parsed, good: int, on_rejected: OnRejected) -> None:
    """Raises WebhookErrors where no record is an event, or some are none and the connection takes all or nothing."""
    if parsed.rejected and not good:
        raise NoEventsError("No record of the body is an event.", _in_order(parsed), parsed.losses)
    if parsed.rejected and on_rejected is OnRejected.REFUSE:
        bad = len(parsed.rejected)
        what = f"{bad} of {bad + good} records are not events"
        message = f"{what}, and the connection takes all of a body or nothing; mend them, or leave them out."
        raise RejectedRecordsError(message, _in_order(parsed), parsed.losses_of_all(good))


def _check_headers(submission: Submission) -> None:
    if len(submission.body) > MAX_BODY_BYTES:
        message = f"The body is larger than {MAX_BODY_BYTES} bytes; send fewer records at a time."
        raise BodyTooLargeError(message, losses={BODY_TOO_LARGE: 1})
    kind = (submission.headers.get("content-type") or "application/json").lower()
    if "json" not in kind and not kind.startswith("text/plain"):
        raise UnsupportedTypeError("Send JSON, with 'Content-Type: application/json'.", losses={BODY_WRONG_TYPE: 1})
    if (submission.headers.get("content-encoding") or "identity").strip().lower() != "identity":
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


def _in_order(parsed: Parsed) -> list[Problem]:
    return [_in_body(*one) for one in sorted(parsed.rejected, key=_index)]


def _in_body(index: int, problem: Problem) -> Problem:
    return Problem(f"[{index}].{problem.path}" if problem.path else f"[{index}]", problem.message)


def _index(one: tuple[int, Problem]) -> int:
    return one[0]
