"""The comparison of one audience's list with the ledger, a step of a verification that repairs it if asked to.

    members of the list ─┐
                         ├─▶ who is out of place ─▶ once more: the ledger, Marketo ─▶ put on, taken off, forgotten
    what the ledger says ┘

Everybody who is out of place is looked at once more before anything is done, by themselves, as deliveries go on between
two slices. How far it came is noted after each call, by the highest lead id of each kind.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol

from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection
from destination.domain.lead_import import is_in
from destination.domain.mapping import keys_of
from destination.domain.person import Applied, LedgerRow
from destination.domain.schema import Field
from destination.domain.settle import GONE_FROM_LIST
from destination.domain.shard import NO_DIGEST, digest_of, name_of
from destination.domain.verification import (
    AudienceCheck,
    Differences,
    Phase,
    Repair,
    Stand,
    Standing,
    Verification,
    is_decided,
    is_wanted,
    standing_of,
    standings,
)
from destination.marketo.errors import LEAD_GONE
from destination.marketo.instance import Marketo
from destination.marketo.leads import RecordResult, chunks
from destination.store.leases import Lease
from destination.store.ledger import Entry, entries_of

NAMED: Final = 30_000
"""Leads out of place whose rows are looked for at once: more than a slice comes to look at."""

MEMBER, NO_MEMBER = "memberof", "notmemberof"
_LEAD_ID: Final = Field("id", "integer")

_Rows = Mapping[int, Mapping[str, LedgerRow]]
"""By lead the rows that tell of it, by their names."""

_Names = Mapping[int, Sequence[str]]
"""By lead the names of its rows."""

_Look = Callable[[Sequence[int], _Names], None]
"""Looks at leads, and repairs."""


class Readings(Protocol):
    """What a verification has read, of the list and of the ledger."""

    def read(self, verification: Verification, number: int) -> set[int]: ...
    def digests(self, verification: Verification, number: int, wanted: Collection[int]) -> Mapping[int, bytes]: ...
    def stands(self, verification: Verification, number: int, parts: int) -> Iterator[Stand]: ...


class Ledger(Protocol):
    """What is desired and applied of everybody."""

    def rows(
        self, connection_id: str, keys: Collection[str], audiences: Mapping[AudienceKey, datetime]
    ) -> Mapping[str, LedgerRow]: ...
    def rows_by_name(
        self, connection_id: str, names: Collection[str], audiences: Mapping[AudienceKey, datetime]
    ) -> Mapping[str, LedgerRow]: ...
    def record(self, connection_id: str, entry: Entry, lease: Lease, now: datetime) -> None: ...


@dataclass(slots=True)
class ListComparison:
    """Compares the list of the audience with a number in a verification. `check`: what was found so far.

    `note` keeps the check as it is by then; `has_time` tells whether there is time for more. `digests`: of leads that
    are looked at, by a fresh extract, those of the persons whose values they have. `under_way`: the parts of imports by
    which Marketo is being told of people. `waits`: whether their end is to be awaited, as they may put somebody on the
    list who is to be off it, and to whose events nobody comes back.
    """

    readings: Readings
    ledger: Ledger
    target: ActiveConnection
    marketo: Marketo
    lease: Lease
    clock: Callable[[], datetime]
    verification: Verification
    number: int
    check: AudienceCheck
    note: Callable[[int, AudienceCheck], AudienceCheck]
    has_time: Callable[[], bool]
    under_way: Collection[str] = frozenset()
    waits: bool = field(default=False, init=False)
    digests: Mapping[int, bytes] = field(default_factory=dict)

    def __call__(self) -> bool:
        """Look at everybody who is out of place, as far as the time goes; whether all were. Raises MarketoError."""
        reading = self.verification.ledger
        found = self.readings.read(self.verification, self.number)
        stands = standings(self.readings.stands(self.verification, self.number, self._parts))
        by_standing: defaultdict[Standing, set[int]] = defaultdict(set)
        for lead_id, standing in stands.items():
            by_standing[standing].add(lead_id)
        doubtful = by_standing[Standing.DOUBT] if is_open(self.target, self.check, self.clock()) else set[int]()
        check = self.check = replace(
            self.check,
            expected=len(by_standing[Standing.ON]),
            found=len(found),
            in_doubt=len(by_standing[Standing.DOUBT] - doubtful),
            unapplied=reading.unapplied.get(self.number, {}),
        )
        # Of whom there is doubt it is found out first whether they are there, then they are looked at like the others.
        known: Sequence[tuple[set[int], Differences, _Look]] = (
            (doubtful, Differences(), self._settle_doubts),
            (by_standing[Standing.ON] - found, check.missing, self._put_back),
            (by_standing[Standing.WAITING] | doubtful, check.waiting, self._fill),
            (by_standing[Standing.OFF] & found | doubtful, check.leavers, self._take_off),
        )
        for leads, before, look in known:
            for part, names in self._named(_after(leads, before), takes_off=look == self._take_off):
                if not self.has_time():
                    return False
                look(part, names)
            if self.waits:
                return False
        for part in chunks(_after(found - stands.keys(), check.foreign)):
            if not self.has_time():
                return False
            self._look_at_foreign(part)
        self._note(replace(self.check, phase=Phase.DONE))
        return True

    def _settle_doubts(self, leads: Sequence[int], names: _Names) -> None:
        """Those whom Marketo was being told of when a delivery ended: nobody tells anything now, so it can be asked.

        Of whom it is not known whether they are to be there the doubt stays, and of whom an import is telling Marketo.
        """
        check, rows = self.check, self._rows(leads, names)
        of_leads = (named for of_lead in rows.values() for named in of_lead.items())
        unsure = {name: row for name, row in of_leads if _is_unsure(row, check)}
        doubtful = {
            name: row
            for name, row in unsure.items()
            if is_decided(row, check.audience, asks=self._asks) and not is_in(row, self.under_way)
        }
        self.waits |= check.named_since is not None and any(is_in(row, self.under_way) for row in unsure.values())
        left = sum(1 for of_lead in rows.values() if unsure.keys() & of_lead and not doubtful.keys() & of_lead)
        self.check = replace(check, in_doubt=check.in_doubt + left)
        asked = sorted({one for row in doubtful.values() for one in row.applied[check.audience].leads})
        there: set[int] = set()
        for part in chunks(asked):
            there |= set(_with_status(self.marketo.lists.membership(check.list_id, part), MEMBER))
        self._record({name: _on_of(row, check, there) for name, row in doubtful.items()})

    def _put_back(self, leads: Sequence[int], names: _Names) -> None:
        """Those who were put on the list, and are not on it."""
        check, rows = self.check, self._rows(leads, names)
        asked = self._asked(check, leads, rows, Standing.ON)
        absent, gone = _with_status(asked, NO_MEMBER), _gone(asked)
        results = self.marketo.lists.add(check.list_id, absent) if absent and self._repairs(Repair.MISSING) else {}
        gone |= _gone(results)
        self._write(rows, gone, lambda row: _forgotten(row, check, gone))
        missing = [one for one in absent if one not in gone]
        put = len(_done(results))
        noted = check.missing.more(missing, put, leads[-1])
        self._note(replace(check, missing=noted, gone=check.gone + len(gone), changed=check.changed + put))

    def _fill(self, leads: Sequence[int], names: _Names) -> None:
        """Those who are in the audience, and were never put on the list, though their lead is known."""
        check, rows = self.check, self._rows(leads, names)
        asked = self._asked(check, leads, rows, Standing.WAITING)
        absent, gone = _with_status(asked, NO_MEMBER), _gone(asked)
        results = self.marketo.lists.add(check.list_id, absent) if absent and self._repairs(Repair.MISSING) else {}
        put = _done(results)
        there = {*_with_status(asked, MEMBER), *put}
        gone |= _gone(results)
        self._write(rows, there, lambda row: _filled(row, check, there))
        self._write(rows, gone, lambda row: _forgotten(row, check, gone))
        waiting = [one for one in asked if one not in gone]
        noted = check.waiting.more(waiting, len(there), leads[-1])
        self._note(replace(check, waiting=noted, gone=check.gone + len(gone), changed=check.changed + len(put)))

    def _take_off(self, leads: Sequence[int], names: _Names) -> None:
        """Those who left, or may not be exported any more, and are on the list.

        Whoever is taken off is not asked after before: Marketo's answer tells who was on the list.
        """
        check, rows = self.check, self._rows(leads, names)
        if self._repairs(Repair.LEAVERS):
            left = self._unclaimed(self._still(check, leads, rows, Standing.OFF), rows)
            results = self.marketo.lists.remove(check.list_id, left) if left else {}
            removed, refused = _done(results), [one for one, result in results.items() if _may_be_there(result)]
            off = results.keys() - set(refused)
            self._write(rows, off, lambda row: _applied(row, check, _others(row, check, off)))
            asked = self.marketo.lists.membership(check.list_id, refused) if refused else {}
            present = [*removed, *_with_status(asked, MEMBER)]
        else:
            removed, present = set(), _with_status(self._asked(check, leads, rows, Standing.OFF), MEMBER)
        noted = check.leavers.more(present, len(removed), leads[-1])
        self._note(replace(check, leavers=noted, changed=check.changed - len(removed)))

    def _look_at_foreign(self, leads: Sequence[int]) -> None:
        """Those who are on the list, and whom the ledger does not know; who came to be known since then is not."""
        check = self.check
        asked = self.marketo.lists.membership(check.list_id, leads)
        present = self._less_unnamed(_with_status(asked, MEMBER))
        check, done = self.check, 0
        if present and self._repairs(Repair.FOREIGN):
            present = self._unclaimed(present, {})
            results = self.marketo.lists.remove(check.list_id, present) if present else {}
            done = len(_done(results))
        noted = check.foreign.more(present, done, leads[-1])
        self._note(replace(check, foreign=noted, changed=check.changed - done))

    def _less_unnamed(self, leads: Sequence[int]) -> Sequence[int]:
        """The leads less those whose person left as the source named that person no more.

        Of somebody whom an import created the ledger may know no lead, if nobody came back to the events: by their
        values they are found, and taken off.
        """
        check = self.check
        if check.named_since is None or not leads:
            return leads
        rows = {one: own for one, own in self._persons(leads).items() if _has_left(own.values(), check.audience)}
        results = self.marketo.lists.remove(check.list_id, [*rows]) if rows and self._repairs(Repair.LEAVERS) else {}
        off = {one for one, result in results.items() if not _may_be_there(result)}
        self._write(rows, off, lambda row: _taken_off(row, check, off))
        noted = check.leavers.more(rows, len(_done(results)), check.leavers.after)
        self.check = replace(check, leavers=noted, changed=check.changed - len(_done(results)))
        return [one for one in leads if one not in rows]

    def _unclaimed(self, leads: Sequence[int], rows: _Rows) -> list[int]:
        """The leads that are nobody's who is in the audience, by the values that they have in Marketo by now: one may
        have come to be another person's by a merge.

        Marketo is asked of those alone of whom no fresh extract tells that they are still the person's whose row names
        them, of `rows`.
        """
        named = {one: row for one in leads if (row := self._person(one, rows)) is not None}
        claimed = {one for one, row in named.items() if self._wants(row)}
        claimed |= self._claimed([one for one in leads if one not in named])
        return [one for one in leads if one not in claimed]

    def _person(self, lead_id: int, rows: _Rows) -> LedgerRow | None:
        digest = self.digests.get(lead_id, NO_DIGEST)
        return next((row for name, row in rows.get(lead_id, {}).items() if digest_of(name) == digest), None)

    def _claimed(self, leads: Sequence[int]) -> set[int]:
        """Those of the leads whose values are those of somebody who is in the audience, as Marketo has them now."""
        return {one for one, rows in self._persons(leads).items() if any(map(self._wants, rows.values()))}

    def _persons(self, leads: Sequence[int]) -> _Rows:
        """The rows of the persons whose values the leads have in Marketo by now, of those that are known."""
        if not leads:
            return {}
        fields = self.marketo.describe.schema().fields
        by = [fields.get(name, Field(name, "string")) for name in self.target.connection.lookup_fields]
        found = self.marketo.leads.find(_LEAD_ID, [str(one) for one in leads], by)
        keys = {lead.id: keys_of(lead) for matches in found.values() for lead in matches}
        wanted = [key for of_lead in keys.values() for key in of_lead]
        rows = self.ledger.rows(self.target.connection.id, wanted, self.target.known)
        return {one: {name_of(key): rows[key] for key in of_lead if key in rows} for one, of_lead in keys.items()}

    def _repairs(self, repair: Repair) -> bool:
        return repair in self.verification.repair

    def _named(self, leads: Sequence[int], *, takes_off: bool) -> Iterator[tuple[Sequence[int], _Names]]:
        """The leads, as many as Marketo is asked of at once, with the names of their rows.

        What was kept of the ledger is gone through once for as many of them as a slice can look at.
        """
        extract = self.check.extract
        for start in range(0, len(leads), NAMED):
            wanted, names = set(leads[start : start + NAMED]), defaultdict[int, list[str]](list)
            for one in self.readings.stands(self.verification, self.number, self._parts):
                if one.lead_id in wanted:
                    names[one.lead_id].append(one.row)
            is_known = takes_off and extract is not None and extract.tells_whose(self.clock())
            self.digests = self.readings.digests(self.verification, self.number, wanted) if is_known else {}
            for part in chunks(leads[start : start + NAMED]):
                yield part, names

    def _rows(self, leads: Sequence[int], names: _Names) -> _Rows:
        """The rows of these leads as they are now: deliveries may have changed them since they were read."""
        known = self.ledger.rows_by_name(
            self.target.connection.id, {name for one in leads for name in names.get(one, ())}, self.target.known
        )
        return {one: {name: known[name] for name in names.get(one, ()) if name in known} for one in leads}

    def _asked(
        self, check: AudienceCheck, leads: Sequence[int], rows: _Rows, standing: Standing
    ) -> dict[int, RecordResult]:
        """What Marketo says now of the leads that are still of this standing by the ledger."""
        still = self._still(check, leads, rows, standing)
        return self.marketo.lists.membership(check.list_id, still) if still else {}

    def _still(self, check: AudienceCheck, leads: Sequence[int], rows: _Rows, standing: Standing) -> list[int]:
        """The leads that are still of this standing by the ledger."""
        stands = standings(
            Stand(lead_id, found, name)
            for of_lead in rows.values()
            for name, row in of_lead.items()
            for lead_id, found in standing_in(self.target, check, row, self.clock(), self.under_way).items()
        )
        return [one for one in leads if stands.get(one) is standing]

    def _write(self, rows: _Rows, leads: Set[int], change: Callable[[LedgerRow], LedgerRow]) -> None:
        """Write the rows of leads as they are after a repair."""
        self._record({name: change(row) for lead_id in leads for name, row in rows.get(lead_id, {}).items()})

    def _record(self, changed: Mapping[str, LedgerRow]) -> None:
        for entry in entries_of(changed):
            self.ledger.record(self.target.connection.id, entry, self.lease, self.clock())

    def _wants(self, row: LedgerRow) -> bool:
        """Whether somebody is to be on the list; whoever is created there by an import is, though not recorded yet."""
        return _is_being_put(row, self.check, self.under_way) or is_wanted(row, self.check.audience, asks=self._asks)

    def _note(self, check: AudienceCheck) -> None:
        self.check = self.note(self.number, check)

    @property
    def _parts(self) -> int:
        """In how many parts what the ledger says is kept."""
        return self.verification.ledger.parts.get(self.number, 0)

    @property
    def _asks(self) -> bool:
        return self.target.connection.consent is not None


def standing_in(
    target: ActiveConnection, check: AudienceCheck, row: LedgerRow, now: datetime, under_way: Collection[str]
) -> dict[int, Standing]:
    """What a row says of its leads and the list that is checked; nothing sure as long as an import may put it there.

    `under_way`: the parts of such imports.
    """
    if row.importing is not None and _is_being_put(row, check, under_way):
        applied = row.applied.get(check.audience)
        leads = applied.leads if applied is not None and applied.list_id == check.list_id else ()
        told = () if row.importing.lead_id is None else (row.importing.lead_id,)
        return dict.fromkeys((*leads, *told), Standing.DOUBT)
    asks = target.connection.consent is not None
    return standing_of(row, check.audience, check.list_id, is_open=is_open(target, check, now), asks=asks)


def _is_being_put(row: LedgerRow, check: AudienceCheck, under_way: Collection[str]) -> bool:
    """Whether an import may be putting somebody on the list that is checked."""
    return row.importing is not None and row.importing.list_id == check.list_id and is_in(row, under_way)


def is_open(target: ActiveConnection, check: AudienceCheck, now: datetime) -> bool:
    """Whether members are expected on the list that is checked."""
    activation = target.activations.get(check.audience)
    return activation is not None and activation.is_scheduled(now)


def _after(leads: Iterable[int], before: Differences) -> list[int]:
    """Those that were not looked at yet, in their order."""
    return sorted(one for one in leads if one > before.after)


def _with_status(results: Mapping[int, RecordResult], status: str) -> list[int]:
    return [one for one, result in results.items() if result.status == status]


def _may_be_there(result: RecordResult) -> bool:
    """Whether somebody who was to be taken off the list may still be on it."""
    return result.code is not None and result.code not in GONE_FROM_LIST


def _gone(results: Mapping[int, RecordResult]) -> set[int]:
    return {one for one, result in results.items() if result.code == LEAD_GONE}


def _done(results: Mapping[int, RecordResult]) -> set[int]:
    return {one for one, result in results.items() if result.code is None}


def _others(row: LedgerRow, check: AudienceCheck, done: Set[int]) -> Sequence[int]:
    applied = row.applied.get(check.audience)
    return () if applied is None else [one for one in applied.leads if one not in done]


def _has_left(rows: Collection[LedgerRow], audience: AudienceKey) -> bool:
    """Whether one of these persons has left the audience, and none is in it."""
    wanted = [row.desired[audience] for row in rows if audience in row.desired]
    return bool(wanted) and not any(one.is_realized for one in wanted)


def _applied(row: LedgerRow, check: AudienceCheck, leads: Sequence[int]) -> LedgerRow:
    return replace(row, applied={**row.applied, check.audience: Applied(check.list_id, tuple(leads))})


def _taken_off(row: LedgerRow, check: AudienceCheck, off: Set[int]) -> LedgerRow:
    """The row of somebody whom an import may have put there; of other leads what was in doubt stays so."""
    known = row.forgetting_import(check.audience)
    before = known.applied.get(check.audience)
    others = tuple(_others(known, check, off))
    told = Applied(check.list_id, others, is_sure=not others or before is None or before.is_sure)
    return replace(known, applied={**known.applied, check.audience: told})


def _is_unsure(row: LedgerRow, check: AudienceCheck) -> bool:
    told = row.applied.get(check.audience)
    return told is not None and told.list_id == check.list_id and not told.is_sure


def _on_of(row: LedgerRow, check: AudienceCheck, there: Set[int]) -> LedgerRow:
    """The row with those of its leads on the list that are there, of which there is no doubt any more."""
    return _applied(row, check, [one for one in row.applied[check.audience].leads if one in there])


def _filled(row: LedgerRow, check: AudienceCheck, there: Set[int]) -> LedgerRow:
    """The row with its lead on the list, beside others that were put there for the person and were not taken off."""
    before = row.applied.get(check.audience)
    others = before.leads if before is not None and before.list_id == check.list_id else ()
    own = [one for one in [row.lead_id] if one is not None and one in there]
    return _applied(row, check, [*own, *others])


def _forgotten(row: LedgerRow, check: AudienceCheck, gone: Set[int]) -> LedgerRow:
    """The row without leads that are no more: the person's next event looks for them."""
    kept = {audience: one for audience, one in row.applied.items() if audience != check.audience}
    return replace(row.forgetting_lead() if row.lead_id in gone else row, applied=kept)
