"""A rehearsal of Marketo, for previews: the instance answers questions, and what it is told is not told to it.

What a delivery tells is answered here as the instance would answer it. Leads that would be created, and lists that
would be made, have negative ids.
"""

import itertools
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from destination.domain.connection import ActiveConnection
from destination.domain.matching import Lead, rule_of
from destination.domain.preview import CallKind
from destination.domain.schema import Field
from destination.marketo.describe import Describe
from destination.marketo.errors import LEAD_GONE
from destination.marketo.instance import Marketo
from destination.marketo.leads import Record, RecordResult, SyncAction

NOT_ON_THIS_LIST: Final = "1015"
_LEAD_ID: Final = Field("id", "integer")


class Rehearsal:
    """An instance that is only read: a change is answered as if it were made.

    Leads that would be created have negative ids. Leads that the delivery knows without having asked are looked up, for
    they may be gone; who leaves a list is looked for on it.
    """

    def __init__(self, marketo: Marketo) -> None:
        self._marketo = marketo
        self._there: set[int] = set()
        self._new_ids = itertools.count(-1, -1)
        self._made: Counter[CallKind] = Counter()
        self._lock = threading.Lock()

    @property
    def leads(self) -> "Rehearsal":
        return self

    @property
    def lists(self) -> "Rehearsal":
        return self

    @property
    def describe(self) -> Describe:
        return self._marketo.describe

    @property
    def made(self) -> Mapping[CallKind, int]:
        """How many calls of each kind the delivery makes."""
        return {call: self._made[call] for call in CallKind}

    def find(self, by: Field, keys: Sequence[str], also: Sequence[Field] = ()) -> dict[str, list[Lead]]:
        """Look leads up. Raises MarketoError."""
        self._count(CallKind.LOOK_UP)
        found = self._marketo.leads.find(by, keys, also)
        with self._lock:
            self._there.update(lead.id for leads in found.values() for lead in leads)
        return found

    def sync(
        self, action: SyncAction, lookup_field: str, records: Sequence[Record], _partition: str | None
    ) -> list[RecordResult]:
        """Answer that the leads are created, or are updated if they are there. Raises MarketoError."""
        if action is SyncAction.UPDATE_ONLY:
            self._count(CallKind.UPDATE)
            ids = [int(str(record[lookup_field])) for record in records]
            gone = self._gone(ids)
            return [RecordResult(None, "skipped", LEAD_GONE) if one in gone else _done(one, "updated") for one in ids]
        self._count(CallKind.CREATE)
        with self._lock:
            made = [next(self._new_ids) for _ in records]
            self._there.update(made)
        return [_done(lead_id, "created") for lead_id in made]

    def add(self, _list_id: int, lead_ids: Sequence[int]) -> dict[int, RecordResult]:
        """Answer that the leads are put on the list if they are there. Raises MarketoError."""
        self._count(CallKind.ADD)
        gone = self._gone(lead_ids)
        return {one: _refused(one, LEAD_GONE) if one in gone else _done(one, "added") for one in lead_ids}

    def remove(self, list_id: int, lead_ids: Sequence[int]) -> dict[int, RecordResult]:
        """Answer that the leads are taken off the list if they are on it. Raises MarketoError."""
        self._count(CallKind.REMOVE)
        if list_id < 0:
            return {one: _refused(one, NOT_ON_THIS_LIST) for one in lead_ids}
        asked = self._marketo.lists.membership(list_id, lead_ids)
        return {lead_id: _leaving(one) for lead_id, one in asked.items()}

    def _count(self, call: CallKind) -> None:
        with self._lock:
            self._made[call] += 1

    def _gone(self, lead_ids: Sequence[int]) -> set[int]:
        unknown = [one for one in dict.fromkeys(lead_ids) if one not in self._there]
        found = self._marketo.leads.find(_LEAD_ID, [str(one) for one in unknown]) if unknown else {}
        gone = {int(key) for key, leads in found.items() if not leads}
        with self._lock:
            self._there.update(one for one in unknown if one not in gone)
        return gone


def with_lists(target: ActiveConnection) -> ActiveConnection:
    """The connection as it is once every audience has its list; those that are missing have negative ids."""
    if not rule_of(target.connection).keeps_lists:
        return target
    ids = itertools.count(-1, -1)
    given = {
        audience: one if one.list_id is not None else replace(one, list_id=next(ids))
        for audience, one in target.activations.items()
    }
    return replace(target, activations=given)


def _done(lead_id: int, status: str) -> RecordResult:
    return RecordResult(lead_id, status)


def _refused(lead_id: int, code: str) -> RecordResult:
    return RecordResult(lead_id, "skipped", code)


def _leaving(asked: RecordResult) -> RecordResult:
    if asked.status == "memberof":
        return replace(asked, status="removed")
    return asked if asked.code else replace(asked, status="skipped", code=NOT_ON_THIS_LIST)
