"""Imports of leads: for whom Marketo is told by an import rather than by calls, and how one goes on.

    gathering ──it is full, or nothing more comes──▶ sending ──Marketo takes it──▶ sent ──▶ ended, through or not
        ▲  │                                          ▲  │                          │          ▲
        └──┘ rows of a delivery                       └──┘ Marketo is busy, or      └─▶ reading ┘
                                                           its answer was lost          the ids of whom it created

A call takes 300 people, an import 100,000. It says little of what became of them, so it is used where nothing is left
open: for leads that were just looked up, by their ids, which can neither create nor choose wrongly, and with values
that a cell of CSV says in one way. Whoever is among the failures or the warnings, and everybody whose import came to
nothing, is told by calls afterwards, which say why.

People who were just looked up and whom Marketo does not have are in imports of their own, by the dedupe field. Such an
import is never sent twice, and nobody else creates those who are in it before it has ended. What it does not say, the
ids of their leads, is read back (domain/created_leads.py).

Source: Marketo REST API, "Bulk Lead Import".
"""

import csv
import hashlib
import io
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, NamedTuple, Self

from destination.domain.audience import AudienceKey
from destination.domain.capabilities import Capabilities
from destination.domain.connection import ActiveConnection, Connection
from destination.domain.created_leads import name_in_import
from destination.domain.lead_extract import LeadExtract
from destination.domain.matching import rule_of
from destination.domain.parking import LATER
from destination.domain.person import Importing, LedgerRow
from destination.domain.plan import Plan, Write, in_doubt, partition_for
from destination.domain.schema import Field, FieldValue, InvalidValueError, dedupe_key
from destination.domain.shard import shard_of_envelope

BY_ID: Final = "id"

MAX_ROWS: Final = 100_000
MAX_BYTES: Final = 9_500_000
"""What an import gathers at most: Marketo takes less than 10 MB, and few rows more would gain little."""

MIN_WAITING: Final = 10_000
"""So many events must wait of a connection: those of fewer arrive sooner by calls, of which they take few."""

MIN_ROWS: Final = 500
MIN_MORE: Final = 100
"""So many persons of one delivery begin an import, and so many join one that gathers."""

QUIET: Final = timedelta(minutes=3)
MAX_GATHERING: Final = timedelta(minutes=30)
"""It is sent when nothing was added for the one time, and after the other at the latest."""

EXPECTED: Final = timedelta(hours=3)
"""When those who wait for an import come back by themselves, should nobody see that it has ended; LATER after that."""

BUSY: Final = timedelta(minutes=1)
MAX_BUSY: Final = timedelta(minutes=15)
"""The first and the last wait before an import that Marketo did not take is sent again."""

MAX_SENDING: Final = timedelta(hours=3)
"""After that everybody in it is told by calls."""

MAX_LOST: Final = 3
"""How often the answer to an import may be lost; each may be in Marketo's queue all the same."""

FIRST_POLL: Final = timedelta(seconds=30)
LAST_POLL: Final = timedelta(minutes=5)
"""How long it is left alone once it was sent; twice as long after each question, up to the last."""

MAX_READS: Final = 5
"""How often the rows that were not imported are asked for."""

LOST_AFTER: Final = timedelta(hours=1)
"""An import that Marketo does not know, or whose answer was lost, is given up when it must have ended: as long as it
may be written, calls for the same people would be overwritten by it, and whom it may still create nobody else creates.
"""

MAX_SENT: Final = timedelta(days=1)
"""An import that does not end is given up."""

KNOWN_FOR: Final = timedelta(days=1)
"""How long what an import told counts; who comes later is told anew, as Marketo may be another by then."""

SECOND_LOOK: Final = timedelta(minutes=6)
"""Who was parked while an import ended is looked for once more, after the longest that a delivery takes."""

SETTLED_AFTER: Final = timedelta(hours=1)
"""By then whoever waited for an import has come back; of whom it leaves in doubt nobody says any more."""

LOOK_AGAIN: Final = timedelta(minutes=5)
"""How often it is looked whether an import has ended, by whoever may not go on before."""

SILENT: Final = timedelta(hours=1)
"""An import that goes on and was not heard of for so long has lost its message."""

_CREATE: Final = Write.CREATE
_NOTHING: Final = Write.NOTHING
"""By names of their own, as Python 3.11 takes long to find a member of an enumeration."""

_DOUBLINGS: Final = 5
"""Of a wait, by which it is the longest."""

_NULL: Final = "null"
"""A word that imports were seen to take for no value."""


class ImportStage(StrEnum):
    GATHERING = "gathering"
    SENDING = "sending"
    SENT = "sent"
    READING = "reading"
    ENDED = "ended"


class Group(NamedTuple):
    """Who can be in one import: those who join one list (None: none), with values for the same fields.

    `by`: the field that says in each row who is meant; by any other than BY_ID leads are created, in the `partition`.
    """

    list_id: int | None
    columns: tuple[str, ...]
    by: str = BY_ID
    partition: str | None = None

    @property
    def creates(self) -> bool:
        return self.by != BY_ID

    @property
    def name(self) -> str:
        """Of 32 hex digits."""
        told = self if self.creates else self[:2]
        return hashlib.blake2b(json.dumps(told).encode(), digest_size=16).hexdigest()

    def is_allowed(self, known: Capabilities) -> bool:
        """Whether the instance does what the group needs; that attributes are updated by id is documented."""
        if self.creates:
            return known.creates_on_list is True
        joins = self.list_id is None or known.joins_by_id is True
        return joins and (bool(self.columns) or known.id_is_a_header is True)


class ImportPart(NamedTuple):
    """Rows that one delivery added, in an object of their own; `size` in bytes."""

    name: str
    rows: int
    size: int


@dataclass(frozen=True, slots=True)
class LeadImport:
    """An import of a connection. Only who is in its `parts` is in it.

    `added_at`: when rows were added last. `closed_at`: since when none are. `attempts`: how often Marketo did not take
    it, `lost`: how often it may have taken it and its answer was lost, last at `lost_at`. `asked_at`: when it was sent
    of which no answer is known yet. `is_given_up`: it is sent no more, and ends once nothing lost can be written any
    more. `batch_id`: Marketo's. `polls`: how often it was
    asked for, `reads`: how often for the rows that failed. `seen_at`: when it was seen to be written. `is_through`: all
    were told but the `exceptions`, which are counted here. `code`: why it came to nothing, where Marketo says so.
    `extract`: the one by which the ids are read back of whom it created.
    `queued_at`: when the message that carries it on was queued; `touched_at`: when it last went on. `version` grows
    with every write.
    """

    id: str
    connection_id: str
    group: Group
    opened_at: datetime
    queued_at: datetime
    touched_at: datetime
    added_at: datetime
    stage: ImportStage = ImportStage.GATHERING
    parts: tuple[ImportPart, ...] = ()
    closed_at: datetime | None = None
    attempts: int = 0
    lost: int = 0
    lost_at: datetime | None = None
    asked_at: datetime | None = None
    is_given_up: bool = False
    batch_id: int | None = None
    sent_at: datetime | None = None
    polls: int = 0
    reads: int = 0
    seen_at: datetime | None = None
    is_through: bool = False
    ended_at: datetime | None = None
    exceptions: int = 0
    code: str | None = None
    extract: LeadExtract | None = None
    version: int = 0

    @property
    def rows(self) -> int:
        return sum(one.rows for one in self.parts)

    @property
    def size(self) -> int:
        return sum(one.size for one in self.parts)

    @property
    def is_going_on(self) -> bool:
        return self.stage is not ImportStage.ENDED

    @property
    def expected_at(self) -> datetime:
        """To the second, as the bundles of those who wait for it are known by it."""
        return (self.opened_at + EXPECTED).replace(microsecond=0)

    def held_until(self, now: datetime) -> datetime:
        """Until when those who are in it are left alone, if nobody says before that it has ended."""
        return self.expected_at if now < self.expected_at else now + LATER

    def gathers_for(self, now: datetime) -> timedelta:
        """How long it goes on gathering, if nothing is added; none, and it is to be sent."""
        if self.rows >= MAX_ROWS - MIN_ROWS or self.size >= MAX_BYTES * (1 - MIN_ROWS / MAX_ROWS):
            return timedelta(0)
        ends_at = min(self.added_at + QUIET, self.opened_at + MAX_GATHERING)
        return max(ends_at - now, timedelta(0))

    def is_wanted(self, target: ActiveConnection, *, may_write: bool) -> bool:
        """Whether it is still to be sent: not if its list is none of the connection's any more, which may be another's
        by now, nor if it writes attributes where there has come to be a rate of lead updates. `may_write`: there is
        none.
        """
        group = self.group
        is_kept = group.list_id is None or any(one.list_id == group.list_id for one in target.activations.values())
        return is_kept and (may_write or not (group.columns or group.creates))

    def written_until(self) -> datetime | None:
        """Until when it may be written though nobody can ask for it; None: it was not lost."""
        return None if self.lost_at is None else self.lost_at + LOST_AFTER

    def next_attempt(self, wait: timedelta) -> timedelta:
        """When it is sent again; `wait`: what Marketo's refusal asks for at least."""
        return min(max(wait, BUSY) * (1 << min(self.attempts, _DOUBLINGS)), MAX_BUSY)

    @property
    def next_poll(self) -> timedelta:
        return min(FIRST_POLL * (1 << min(self.polls, _DOUBLINGS)), LAST_POLL)

    def is_silent(self, now: datetime) -> bool:
        """Whether its message must have been lost."""
        return self.is_going_on and now - max(self.touched_at, self.queued_at) >= SILENT

    def is_left(self, now: datetime) -> bool:
        """Whether nobody carries it on, as the connection is held up, and nothing of it is written by Marketo any more:
        it was not sent, or so long ago that it would be given up.
        """
        since = now - self.touched_at
        return self.is_going_on and since >= (SILENT if self.stage is ImportStage.GATHERING else MAX_SENT)

    def left(self, now: datetime) -> Self:
        """Come to nothing: whoever is in it is told by calls."""
        return replace(self, stage=ImportStage.ENDED, ended_at=now, touched_at=now)

    @property
    def may_be_sent(self) -> bool:
        """Whether too few answers to it were lost that it would not be sent again; one that creates is sent once."""
        return self.lost < (1 if self.group.creates else MAX_LOST)

    def counts(self, now: datetime) -> bool:
        """Whether it told Marketo of those who are in it, lately."""
        return self.is_through and self.ended_at is not None and now - self.ended_at < KNOWN_FOR


def under_way(imports: Iterable[LeadImport], now: datetime) -> frozenset[str]:
    """The parts of the imports that go on, or ended so lately that those who waited may not have come back yet."""
    return frozenset(
        part.name for one in imports if one.ended_at is None or now - one.ended_at < SETTLED_AFTER for part in one.parts
    )


def lists_created_on(imports: Iterable[LeadImport], before: datetime) -> frozenset[int]:
    """The lists on which imports that go on, and were begun before a time, create people."""
    creating = (one for one in imports if one.group.creates and one.is_going_on and one.opened_at <= before)
    return frozenset(one.group.list_id for one in creating if one.group.list_id is not None)


def is_in(row: LedgerRow, parts: Collection[str]) -> bool:
    """Whether somebody is in one of these parts of imports."""
    return row.importing is not None and row.importing.part in parts


def group_of(plan: Plan, row: LedgerRow | None, target: ActiveConnection) -> Group | None:
    """In which imports Marketo can be told of somebody; None: in none.

    Of one lead that is known, or of nobody whom it has, as was just found out; of attributes of which none is to be
    cleared; of one list that it joins. Whoever leaves lists, or was refused something before, is told by calls, and so
    is whoever is created and joins none.
    """
    creates = plan.write is _CREATE
    if plan.verdict is not None or not plan.unique or creates is not (plan.lead_id is None):
        return None
    if plan.remove or plan.held or plan.spared or len(plan.add) > 1 or not plan.tells:
        return None
    if (row is not None and row.refusals) or not all(map(_is_plain, plan.fields.values())):
        return None
    list_id = target.activations[plan.add[0]].list_id if plan.add else None
    if (plan.add or creates) and list_id is None:
        return None
    if creates:
        return _creating(plan, list_id, target) if plan.looked_up else None
    return Group(list_id, tuple(plan.fields))  # In the order of their names, as those of all persons are.


def is_for(connection: Connection, known: Capabilities) -> bool:
    """Whether people who join a list can be told of by imports at all, on this connection and at its instance.

    Not where one may be known by two values, nor where leads are written at a rate.
    """
    writes = rule_of(connection).updates_fields
    if len(connection.lookup_fields) > 1 or (writes and connection.limits.lead_updates_per_hour is not None):
        return False
    return Group(0, (connection.dedupe_field,) if writes else ()).is_allowed(known)


def _creating(plan: Plan, list_id: int | None, target: ActiveConnection) -> Group:
    by = target.connection.dedupe_field
    return Group(list_id, tuple(one for one in plan.fields if one != by), by, partition_for(target.connection))


def shard_of_imports(connection_id: str) -> int:
    """The shard of the ledger whose fence protects the imports of a connection."""
    return shard_of_envelope(connection_id)


def header(group: Group) -> str:
    """The first line of the file of a group."""
    return _lines([(group.by, *group.columns)])


def lines(group: Group, plans: Iterable[Plan]) -> str:
    """The lines of persons of a group (RFC 4180)."""
    return _lines(
        (
            _cell(plan.fields[group.by]) if group.creates else plan.lead_id,
            *(_cell(plan.fields[name]) for name in group.columns),
        )
        for plan in plans
    )


def being_imported(
    plan: Plan, row: LedgerRow, target: ActiveConnection, group: Group, import_id: str, part: str, now: datetime
) -> LedgerRow:
    """What the ledger is to hold while an import tells Marketo of somebody.

    All of it is in doubt; the lead is the one that is told, so that it need not be looked up once more. Of somebody who
    is to be created there is none, and that there is none is not to be trusted any more. That the person is to be on
    the list is remembered already: nobody may come back to the events, and a mirror, a resync or a verification has to
    know why somebody is there. What else they say is new when they come back, and counted then.
    """
    doubtful = in_doubt(plan, row, target)
    joins = {audience: plan.person.desired[audience] for audience in plan.add}
    digest = None if plan.write is _NOTHING else plan.person.attributes_hash
    return LedgerRow(
        {**doubtful.desired, **joins},
        doubtful.applied,
        doubtful.attributes,
        doubtful.consent,
        plan.lead_id,
        now if plan.looked_up and plan.lead_id is not None else doubtful.looked_up_at,
        doubtful.refusals,
        doubtful.named,
        Importing(import_id, part, plan.lead_id, group.list_id, digest, now),
    )


def is_told(plan: Plan, one: Importing, target: ActiveConnection) -> bool:
    """Whether what an import told of somebody is all that the plan is to tell, and nothing else."""
    if plan.lead_id != one.lead_id or (plan.write is _CREATE) is not (one.lead_id is None):
        return False
    if plan.remove or plan.held or plan.spared:
        return False
    digest = None if plan.write is _NOTHING else plan.person.attributes_hash
    lists = [target.activations[audience].list_id for audience in plan.add]
    return plan.tells and digest == one.digest and lists == ([] if one.list_id is None else [one.list_id])


def audience_of(one: Importing, target: ActiveConnection) -> AudienceKey | None:
    """The audience whose list an import is for, if it still is."""
    if one.list_id is None:
        return None
    return next((key for key, active in target.activations.items() if active.list_id == one.list_id), None)


def exceptions_in(rows: Iterable[Mapping[str, str]], by: Field | None) -> set[str] | None:
    """Who was not imported as the rows say, by lead id, or by what `name_in_import` makes of the person's key.

    `by`: the field by which the import creates (None: it is by lead id). None where one cannot be told.
    """
    found: set[str] = set()
    for row in rows:
        cell = row.get(BY_ID if by is None else by.name, "")
        if by is None:
            if not (cell.isascii() and cell.isdecimal()):
                return None
            found.add(str(int(cell)))
            continue
        try:
            found.add(name_in_import(dedupe_key(cell, by)))
        except InvalidValueError:
            return None
    return found


def _is_plain(value: FieldValue) -> bool:
    """Whether a cell says the value in one way: it is not empty, and nobody trims, splits or nulls it."""
    if not isinstance(value, str):
        return value is not None
    return value != "" and value == value.strip() and value.isprintable() and value.lower() != _NULL


def _cell(value: FieldValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _lines(rows: Iterable[Iterable[object]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue()
