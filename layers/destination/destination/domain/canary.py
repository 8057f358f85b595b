"""The canary: what imports into one Marketo instance do that no document says, found out with test leads of its own.

    asked ─▶ its import is queued ─▶ it has ended, and what it did is read ─▶ answered ─▶ the next question ─▶ …
                                                                                 ─▶ the test leads are deleted

An import of one row asks a question. It writes the question's name into the first name of the lead, so that what was
written can be told from what was not. Source: Marketo REST API, "Bulk Lead Import", which leaves the questions open.
"""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from destination.domain.capabilities import NOTHING_KNOWN, Capabilities

MAX_DURATION: Final = timedelta(days=1)
"""One that is not at its end by then keeps no other one from beginning."""

PATIENCE: Final = timedelta(hours=1)
"""How long one question, or the deletion of the test leads, may take: Marketo promises no time for an import."""

TIMED_OUT: Final = "IMPORT_TIMED_OUT"
"""The code of a canary whose import did not end within PATIENCE."""

JOB_TITLE: Final = "Canary"
"""What a test lead has in the cell that is left blank."""

NO_FIELD: Final = "marketoDestinationCanary"
"""The name of a column that is no field of any instance."""


class Question(StrEnum):
    """What is asked, by the property of Capabilities that holds the answer, in this order.

    The first makes the lead that the others are about, where imports can.
    """

    CREATES_ON_LIST = "creates_on_list"
    JOINS_BY_ID = "joins_by_id"
    ID_IS_A_HEADER = "id_is_a_header"
    KEEPS_BLANK = "keeps_blank"
    IGNORES_UNKNOWN_COLUMNS = "ignores_unknown_columns"
    UPDATES_NEWEST = "updates_newest"


FIRST, *_LATER = Question
BY_EMAIL: Final = frozenset({Question.CREATES_ON_LIST, Question.UPDATES_NEWEST})
"""Questions whose import finds leads by e-mail address; the others by id."""
OF_LIST: Final = frozenset({Question.CREATES_ON_LIST, Question.JOINS_BY_ID, Question.ID_IS_A_HEADER})
"""Questions whose import names the list."""


class CanaryStatus(StrEnum):
    ASKING = "asking"
    CLEANING = "cleaning"
    COMPLETED = "completed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class OwnLead:
    """A test lead as Marketo has it: what its first name and its job title are, None where they are empty."""

    id: int
    updated_at: datetime
    first_name: str | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """What is seen once an import has ended. `is_through`: it was taken, and so was its row.

    `on_list`: the test leads that are on the list.
    """

    is_through: bool
    leads: tuple[OwnLead, ...] = ()
    on_list: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Canary:
    """One canary, and how far it is.

    `email`: the address of its test leads, None once it is finished. `question`: what is asked now, since `begun_at`;
    None: the leads are being deleted, or were. `batch_id`: of the import that asks (None: it is not queued yet),
    `lead_id`: the lead that it is about. `code`: what ended the asking early. `held_up`: the code of what the last step
    could not be done for, and is done again after. `left`: test leads that Marketo still has. `busy_until`: until when
    somebody takes a step.
    """

    id: str
    connection_id: str
    munchkin_id: str
    list_id: int
    requested_at: datetime
    begun_at: datetime
    email: str | None
    question: Question | None = FIRST
    batch_id: int | None = None
    lead_id: int | None = None
    answers: Capabilities = NOTHING_KNOWN
    code: str | None = None
    held_up: str | None = None
    left: tuple[int, ...] = ()
    finished_at: datetime | None = None
    busy_until: datetime | None = None
    version: int = 1

    @property
    def status(self) -> CanaryStatus:
        if self.finished_at is None:
            return CanaryStatus.CLEANING if self.question is None else CanaryStatus.ASKING
        return CanaryStatus.COMPLETED if self.code is None else CanaryStatus.FAILED

    @property
    def last_name(self) -> str:
        """The last name of its test leads, by which they are told from other leads."""
        return f"Canary {self.id}"

    @property
    def asked(self) -> int:
        """How many questions are done with."""
        return len(Question) if self.question is None else list(Question).index(self.question)

    def is_going_on(self, now: datetime) -> bool:
        """Whether no other one may begin."""
        return self.finished_at is None and now - self.requested_at < MAX_DURATION

    def is_late(self, now: datetime) -> bool:
        return now - self.begun_at >= PATIENCE

    def with_import(self, batch_id: int, lead_id: int | None) -> "Canary":
        return replace(self, batch_id=batch_id, lead_id=lead_id, held_up=None)

    def answered(self, answer: bool | None, now: datetime) -> "Canary":
        """Its question answered, None where no answer could be had; the next one begins."""
        if self.question is None:
            raise ValueError("nothing is asked")
        given: dict[str, Any] = {self.question.value: answer}
        following = self.asked + 1
        question = list(Question)[following] if following < len(Question) else None
        return replace(
            self,
            answers=replace(self.answers, **given),
            question=question,
            begun_at=now,
            batch_id=None,
            lead_id=None,
            held_up=None,
        )

    def ended(self, code: str, now: datetime) -> "Canary":
        """Nothing more is asked, as Marketo refused it with a code or took too long; the test leads are deleted."""
        return replace(self, question=None, begun_at=now, batch_id=None, lead_id=None, code=code, held_up=None)

    def finished(self, left: Sequence[int], now: datetime) -> "Canary":
        """At its end, with the test leads that could not be deleted; the address is forgotten."""
        return replace(self, left=tuple(left), finished_at=now, email=None, held_up=None)


def file_of(canary: Canary, lead_id: int | None) -> bytes:
    """The file of one row that asks the canary's question, in CSV. `lead_id`: whom a question by id is about."""
    question = canary.question
    by: dict[str, str] = {"email": canary.email or ""} if question in BY_EMAIL else {"id": str(lead_id)}
    written = {"firstName": str(question)}
    match question:
        case Question.CREATES_ON_LIST:
            cells = by | {"lastName": canary.last_name} | written
        case Question.ID_IS_A_HEADER:
            cells = by
        case Question.KEEPS_BLANK:
            cells = by | {"title": ""} | written
        case Question.IGNORES_UNKNOWN_COLUMNS:
            cells = by | {NO_FIELD: "1"} | written
        case _:
            cells = by | written
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([cells.keys(), cells.values()])
    return text.getvalue().encode()


def answer_of(canary: Canary, reading: Reading) -> bool | None:
    """What a reading says to the canary's question; None: nothing certain."""
    lead_id, question = canary.lead_id, canary.question
    written = {lead.id for lead in reading.leads if lead.first_name == question}
    if not (written or reading.is_through):
        return _refused(canary)
    answer: bool | None = None
    match question:
        case Question.CREATES_ON_LIST if written:
            answer = bool(written & reading.on_list)
        case Question.JOINS_BY_ID if lead_id in written:
            answer = lead_id in reading.on_list
        case Question.ID_IS_A_HEADER if canary.answers.joins_by_id is not None:
            answer = lead_id in reading.on_list or not canary.answers.joins_by_id
        case Question.KEEPS_BLANK if lead_id in written:
            answer = _kept(next(lead.title for lead in reading.leads if lead.id == lead_id))
        case Question.IGNORES_UNKNOWN_COLUMNS if lead_id in written:
            answer = True
        case Question.UPDATES_NEWEST if written:
            answer = written == {lead_id}
    return answer


def _refused(canary: Canary) -> bool | None:
    """That an import did not go through says no to what was different about it, where others like it went through."""
    known = canary.answers
    like_it = {
        Question.ID_IS_A_HEADER: known.joins_by_id,
        Question.IGNORES_UNKNOWN_COLUMNS: known.joins_by_id,
        Question.UPDATES_NEWEST: known.creates_on_list,
    }
    return None if canary.question is None or like_it.get(canary.question) is None else False


def _kept(title: str | None) -> bool | None:
    """Whether a blank cell left the job title as it was; None: it is another one."""
    return {JOB_TITLE: True, None: False}.get(title)


def newest_of(leads: Sequence[OwnLead]) -> OwnLead | None:
    """Of several test leads the one that was made first, if it was updated after all others; None: not yet."""
    first, *others = sorted(leads, key=lambda lead: lead.id)
    return first if others and all(first.updated_at > other.updated_at for other in others) else None
