"""What a source is: how the requests of one sender are admitted, read and answered.

A source is a small pure module without I/O. The webhook does the rest, the same for all: it bounds the request, stores
events durably before it tells of any success, counts what is lost, and decides by the connection what becomes of a body
of which some records are rejected. docs/sources.md shows how to write one, `destination.ingest.conformance` proves it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from destination.domain.problem import Problem
from destination.ingest.admission import Refused, Signature, SourceRequest, WaysIn, admitted
from destination.ingest.reply import Reply
from destination.ingest.sources.body import Parsed
from destination.ingest.sources.record import RecordTimes

if TYPE_CHECKING:
    from destination.ingest.calls import CallForm


@dataclass(frozen=True, slots=True)
class SenderLimits:
    """What the sender's documentation says of its requests; None where it says nothing.

    `max_records`: how many it puts into a body. `deadline`: how long it waits for the answer. `retried`: the statuses
    after which it sends the body again; `retries`: how often, in words. `documented`: where it says so.
    """

    max_records: int | None = None
    deadline: timedelta | None = None
    retried: frozenset[int] | None = None
    retries: str = ""
    documented: str = ""


@dataclass(frozen=True, slots=True)
class Handled:
    """What the webhook did with a request, of which a source makes its answer.

    `accepted`: how many events were stored. `rejected` and `warnings`: problems with the indices of their records.
    `note`: what `read` left for the answer (None: it came to none). `refused`: the kind of problem by which nothing
    was taken (None: the request was taken), with `detail` and `problems`; of a body that was read, `rejected` and
    `note` are there as well.
    """

    accepted: int = 0
    rejected: Sequence[tuple[int, Problem]] = ()
    warnings: Sequence[tuple[int, Problem]] = ()
    note: object = None
    refused: str | None = None
    detail: str = ""
    problems: Sequence[Problem] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A sender, by the name that a connection's `source.format` gives; `label`: what people call it.

    `admit(request, ways)`: None if the request proves that it may send, else why not. It comes before anything is read.
    `read(request, times)`: the events of the body, which is in UTF-8 by then, and the records that are rejected. What
    has no events, such as a test of the way, is read as none. It raises UnreadableBodyError or TooManyRecordsError for
    the body as a whole, and nothing else, whatever was sent.
    `answer(handled)`: what this sender is told of a request that was admitted; None: what docs/sources.md says.
    `signature`: how the sender signs its bodies, if it can. `calls`: what it may ask for besides (None: nothing).
    """

    name: str
    label: str
    read: Callable[[SourceRequest, RecordTimes], Parsed]
    admit: Callable[[SourceRequest, WaysIn], Refused | None] = admitted
    answer: Callable[[Handled], Reply] | None = None
    signature: Signature | None = None
    calls: "CallForm | None" = None
    limits: SenderLimits = SenderLimits()
