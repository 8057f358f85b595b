"""The use case that compares desired, applied and Marketo, as a job in slices, and repairs the lists if asked to.

    the members of every list ─▶ the ledger, once for all ─▶ audience after audience: who is out of place

It is done by whoever holds the instance's lease, so that nothing is delivered while people are compared, within the
same pace. Between two slices the lease is free for deliveries. What a slice has done is stored before the next begins,
so none starts anew. The ledger is read after the lists: whoever was put on one meanwhile is known, and never foreign.
Everybody who is out of place is looked at once more before anything is done, in the ledger and in Marketo.

What Marketo refuses fails the verification and nothing else: deliveries find out by themselves whether the connection
works.
"""

import contextlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import ActiveConnection
from destination.domain.mapping import keys_of
from destination.domain.pause import waited_out
from destination.domain.person import Applied, LedgerRow
from destination.domain.schema import Field
from destination.domain.settle import GONE_FROM_LIST
from destination.domain.shard import SHARDS
from destination.domain.verification import (
    LIST_CHANGED,
    AudienceCheck,
    Differences,
    LedgerReading,
    Phase,
    Repair,
    Stand,
    Standing,
    Verification,
    VerificationStatus,
    is_decided,
    is_wanted,
    standing_of,
    standings,
    why_waiting,
)
from destination.marketo.budget import is_of_day
from destination.marketo.errors import (
    LEAD_GONE,
    ConnectionBlockedError,
    InstanceWaitsError,
    ListMissingError,
    RequestRejectedError,
)
from destination.marketo.instance import Marketo
from destination.marketo.leads import RecordResult, chunks
from destination.marketo.lists import MemberPage
from destination.store.errors import StaleVersionError
from destination.store.leases import Lease
from destination.store.ledger import Entry, Page, entries_of

SLICE: Final = timedelta(seconds=60)
"""How long deliveries to the instance wait at most for a verification."""

RESERVE: Final = 0.8
"""Of limits.daily_calls: when the instance has used so much today, the rest is for deliveries alone."""

RESERVE_WAIT: Final = timedelta(hours=1)

PART: Final = 30_000
STANDS: Final = 8_000
"""Entries of a stored part: of members' ids, and of what the ledger says of leads."""

NAMED: Final = 30_000
"""Leads out of place whose rows are looked for at once: more than a slice comes to look at."""

MEMBER, NO_MEMBER = "memberof", "notmemberof"
_LEAD_ID: Final = Field("id", "integer")

_Rows = Mapping[int, Mapping[str, LedgerRow]]
"""By lead the rows that tell of it, by their names."""

_Names = Mapping[int, Sequence[str]]
"""By lead the names of its rows."""

_Look = Callable[[int, Sequence[int], _Names], None]
"""Looks at leads of the audience with a number, and repairs."""


class Verifications(Protocol):
    """Verifications and what they have done so far."""

    def get(self, connection_id: str, verification_id: str) -> Verification | None: ...
    def put(self, verification: Verification) -> Verification: ...
    def checks(self, verification: Verification) -> Sequence[AudienceCheck]: ...
    def put_check(self, verification: Verification, number: int, check: AudienceCheck) -> Verification: ...
    def put_read(self, verification: Verification, number: int, part: int, lead_ids: Iterable[int]) -> None: ...
    def read(self, verification: Verification, number: int) -> set[int]: ...
    def put_stands(self, verification: Verification, number: int, part: int, stands: Sequence[Stand]) -> None: ...
    def stands(self, verification: Verification, number: int, parts: int) -> Iterator[Stand]: ...
    def forget_read(self, verification: Verification, number: int) -> None: ...
    def put_out_of_sync(self, verification: Verification, checks: Sequence[AudienceCheck]) -> None: ...


class Ledger(Protocol):
    """What is desired and applied of everybody."""

    def rows(
        self, connection_id: str, keys: Collection[str], audiences: Mapping[AudienceKey, datetime]
    ) -> Mapping[str, LedgerRow]: ...
    def pages(self, connection_id: str, audiences: Mapping[AudienceKey, datetime], cursor: str | None) -> Page: ...
    def rows_by_name(
        self, connection_id: str, names: Collection[str], audiences: Mapping[AudienceKey, datetime]
    ) -> Mapping[str, LedgerRow]: ...
    def record(self, connection_id: str, entry: Entry, lease: Lease, now: datetime) -> None: ...


@dataclass(frozen=True, slots=True)
class VerifyLists:
    """Carries verifications on. `enter` fences shards of the ledger for a lease.

    `filled` notes of a connection's audience that its list was filled, which was to be from a time on.
    """

    verifications: Verifications
    ledger: Ledger
    enter: Callable[[Lease, Collection[int]], None]
    clock: Callable[[], datetime]
    filled: Callable[[str, AudienceKey, int, datetime], None]

    def __call__(
        self,
        target: ActiveConnection,
        marketo: Marketo,
        verification_id: str,
        queued_at: datetime,
        lease: Lease,
        until: datetime,
    ) -> timedelta | None:
        """Carry one on until a time; when to go on with it, None when it is finished or another message carries it on.

        `queued_at`: when the message that asks for it was. What is cancelled, or goes on elsewhere, is left alone. The
        codes that were waited out often enough fail it, so that a list that cannot be read does not hold up
        deliveries for ever. Raises InstanceWaitsError of other codes, OutOfTimeError, LeaseLostError.
        """
        now = self.clock()
        found = self.verifications.get(target.connection.id, verification_id)
        if found is None or found.at(now).is_finished or found.queued_at != queued_at:
            return None
        checks = list(self.verifications.checks(found))
        self.enter(lease, range(SHARDS))
        verification_slice = _Slice(self, target, marketo, found, checks, lease, min(until, now + SLICE))
        try:
            return verification_slice.go_on()
        except (ConnectionBlockedError, RequestRejectedError) as error:
            verification_slice.fail(error.code)
        except InstanceWaitsError as error:
            if error.code not in waited_out(lease.pause):
                raise
            verification_slice.fail(error.code)
        except StaleVersionError:
            return timedelta(0)  # To be looked at anew: it was cancelled, or went on elsewhere.
        return None

    def known(
        self, target: ActiveConnection, marketo: Marketo, check: AudienceCheck, lead_ids: Sequence[int]
    ) -> set[int]:
        """The leads whose persons the ledger wants on the list by now, by the values that the leads have in Marketo."""
        connection = target.connection
        fields = marketo.describe.schema().fields
        by = [fields.get(name, Field(name, "string")) for name in connection.lookup_fields]
        found = marketo.leads.find(_LEAD_ID, [str(one) for one in lead_ids], by)
        keys = {lead.id: keys_of(lead) for leads in found.values() for lead in leads}
        wanted = [key for of_lead in keys.values() for key in of_lead]
        rows = self.ledger.rows(connection.id, wanted, target.known)
        return {one for one, of_lead in keys.items() if any(_wants(rows.get(key), check, target) for key in of_lead)}


@dataclass(slots=True)
class _Slice:
    """One verification in one slice. `delay`: when it is to go on, if it is not finished."""

    use_case: VerifyLists
    target: ActiveConnection
    marketo: Marketo
    verification: Verification
    checks: list[AudienceCheck]
    lease: Lease
    until: datetime
    delay: timedelta = timedelta(0)

    def go_on(self) -> timedelta | None:
        now = self.use_case.clock()
        started_at = self.verification.started_at or now
        self._put(replace(self.verification, status=VerificationStatus.RUNNING, started_at=started_at))
        if not (self._read_lists() and self._read_ledger() and self._compare_lists()):
            return self.delay
        self.use_case.verifications.put_out_of_sync(self.verification, self.checks)
        finished = replace(self.verification, status=VerificationStatus.COMPLETED, finished_at=self.use_case.clock())
        self._put(finished)
        return None

    def fail(self, code: str) -> None:
        """Give it up, unless it was cancelled; what was read expires."""
        with contextlib.suppress(StaleVersionError):
            self._put(self.verification.failed(code, self.use_case.clock()))

    def _put(self, verification: Verification) -> None:
        touched = replace(verification, touched_at=self.use_case.clock())
        self.verification = self.use_case.verifications.put(touched)

    def _note(self, number: int, check: AudienceCheck) -> AudienceCheck:
        self.checks[number] = check
        touched = replace(self.verification, touched_at=self.use_case.clock())
        self.verification = self.use_case.verifications.put_check(touched, number, check)
        return check

    def _activation(self, check: AudienceCheck) -> Activation | None:
        """The audience as long as it has the list that is verified."""
        activation = self.target.activations.get(check.audience)
        return activation if activation is not None and activation.list_id == check.list_id else None

    def _read_lists(self) -> bool:
        """Read the members of all lists, as far as the time goes; whether all are read."""
        for number, check in enumerate(self.checks):
            if check.phase not in {Phase.PENDING, Phase.READING}:
                continue
            if self._activation(check) is None:
                self._note(number, replace(check, phase=Phase.DONE, code=LIST_CHANGED))
                continue
            try:
                while self.checks[number].phase in {Phase.PENDING, Phase.READING}:
                    if not self._has_time():
                        return False
                    self._read_part(number)
            except ListMissingError as error:
                self._note(number, replace(self.checks[number], phase=Phase.DONE, code=error.code))
        return True

    def _read_part(self, number: int) -> None:
        """Read members of the list, page after page, and keep them, whatever ends it."""
        check, read = replace(self.checks[number], phase=Phase.READING), list[int]()
        try:
            while check.phase is Phase.READING and len(read) < PART and self._has_time():
                page = self._page(check)
                if page is None:  # A cursor does not live for ever: from the start.
                    self.use_case.verifications.forget_read(self.verification, number)
                    check, read = replace(check, cursor=None, parts=0, found=0), []
                    continue
                read += page.lead_ids
                check = replace(check, cursor=page.cursor, phase=Phase.READING if page.cursor else Phase.COMPARING)
        finally:
            if read:
                self.use_case.verifications.put_read(self.verification, number, check.parts, read)
                check = replace(check, parts=check.parts + 1, found=check.found + len(read))
            self._note(number, check)

    def _page(self, check: AudienceCheck) -> MemberPage | None:
        try:
            return self.marketo.lists.members(check.list_id, check.cursor)
        except RequestRejectedError:
            if check.cursor is None:
                raise
            return None

    def _read_ledger(self) -> bool:
        """Read what the ledger says of everybody, as far as the time goes, and keep it; whether all is read."""
        reading = self.verification.ledger
        if reading.is_read:
            return True
        numbers = {check.audience: number for number, check in enumerate(self.checks) if check.phase is not Phase.DONE}
        kept = _Keeping.of(self.use_case.verifications, self.verification)
        audiences = {one: begun_at for one, begun_at in self.target.known.items() if one in numbers}
        is_read = not numbers
        cursor = reading.cursor
        while not is_read and self._has_time():
            page = self.use_case.ledger.pages(self.target.connection.id, audiences, cursor)
            for name, row in page.rows:
                self._take_stands(name, row, numbers, kept)
            cursor, is_read = page.cursor, page.cursor is None
        self._put(replace(self.verification, ledger=kept.done(cursor, is_read=is_read)))
        return is_read

    def _take_stands(self, name: str, row: LedgerRow, numbers: Mapping[AudienceKey, int], kept: "_Keeping") -> None:
        for audience in row.desired.keys() | row.applied.keys():
            number = numbers.get(audience)
            if number is None:
                continue
            standings = self._standings(row, self.checks[number])
            for lead_id, standing in standings.items():
                kept.add(number, Stand(lead_id, standing, name))
            if not standings and is_wanted(row, audience, asks=_asks(self.target)):
                kept.count(number, why_waiting(row))

    def _standings(self, row: LedgerRow, check: AudienceCheck) -> dict[int, Standing]:
        return standing_of(row, check.audience, check.list_id, is_open=self._is_open(check), asks=_asks(self.target))

    def _is_decided(self, row: LedgerRow, check: AudienceCheck) -> bool:
        return is_decided(row, check.audience, asks=_asks(self.target))

    def _is_open(self, check: AudienceCheck) -> bool:
        activation = self.target.activations.get(check.audience)
        return activation is not None and activation.is_scheduled(self.use_case.clock())

    def _compare_lists(self) -> bool:
        """Compare audience after audience, as far as the time goes; whether all were."""
        while self.verification.position < len(self.checks):
            number = self.verification.position
            if not self._compare(number):
                return False
            check = self.checks[number]
            if check.fill_at is not None and check.code is None:
                self.use_case.filled(self.verification.connection_id, check.audience, check.list_id, check.fill_at)
            self.use_case.verifications.forget_read(self.verification, number)
            self._put(replace(self.verification, position=number + 1))
        return True

    def _compare(self, number: int) -> bool:
        """Look at everybody who is out of place, once more and by themselves, and repair; whether all were."""
        check = self.checks[number]
        if check.phase is Phase.DONE:
            return True
        if self._activation(check) is None:
            self._note(number, replace(check, phase=Phase.DONE, code=LIST_CHANGED))
            return True
        try:
            return self._compare_members(number)
        except ListMissingError as error:
            self._note(number, replace(self.checks[number], phase=Phase.DONE, code=error.code))
            return True

    def _compare_members(self, number: int) -> bool:
        verifications, reading = self.use_case.verifications, self.verification.ledger
        found = verifications.read(self.verification, number)
        stands = standings(verifications.stands(self.verification, number, reading.parts.get(number, 0)))
        by_standing: defaultdict[Standing, set[int]] = defaultdict(set)
        for lead_id, standing in stands.items():
            by_standing[standing].add(lead_id)
        doubtful = by_standing[Standing.DOUBT] if self._is_open(self.checks[number]) else set[int]()
        check = self.checks[number] = replace(
            self.checks[number],
            expected=len(by_standing[Standing.ON]),
            found=len(found),
            in_doubt=len(by_standing[Standing.DOUBT] - doubtful),
            unapplied=reading.unapplied.get(number, {}),
        )
        # Of whom there is doubt it is found out first whether they are there, then they are looked at like the others.
        known: Sequence[tuple[set[int], Differences, _Look]] = (
            (doubtful, Differences(), self._settle_doubts),
            (by_standing[Standing.ON] - found, check.missing, self._put_back),
            (by_standing[Standing.WAITING] | doubtful, check.waiting, self._fill),
            (by_standing[Standing.OFF] & found | doubtful, check.leavers, self._take_off),
        )
        for leads, before, look in known:
            for part, names in self._named(number, _after(leads, before)):
                if not self._has_time():
                    return False
                look(number, part, names)
        for part in chunks(_after(found - stands.keys(), check.foreign)):
            if not self._has_time():
                return False
            self._look_at_foreign(number, part)
        self._note(number, replace(self.checks[number], phase=Phase.DONE))
        return True

    def _settle_doubts(self, number: int, leads: Sequence[int], names: _Names) -> None:
        """Those whom Marketo was being told of when a delivery ended: nobody tells anything now, so it can be asked.

        Of whom it is not known whether they are to be there the doubt stays.
        """
        check, rows = self.checks[number], self._rows(leads, names)
        of_leads = (named for of_lead in rows.values() for named in of_lead.items())
        unsure = {name: row for name, row in of_leads if _is_unsure(row, check)}
        doubtful = {name: row for name, row in unsure.items() if self._is_decided(row, check)}
        left = sum(1 for of_lead in rows.values() if unsure.keys() & of_lead and not doubtful.keys() & of_lead)
        self.checks[number] = replace(check, in_doubt=check.in_doubt + left)
        asked = sorted({one for row in doubtful.values() for one in row.applied[check.audience].leads})
        there: set[int] = set()
        for part in chunks(asked):
            there |= set(_with_status(self.marketo.lists.membership(check.list_id, part), MEMBER))
        self._record({name: _on_of(row, check, there) for name, row in doubtful.items()})

    def _put_back(self, number: int, leads: Sequence[int], names: _Names) -> None:
        """Those who were put on the list, and are not on it."""
        check, rows = self.checks[number], self._rows(leads, names)
        asked = self._asked(check, leads, rows, Standing.ON)
        absent, gone = _with_status(asked, NO_MEMBER), _gone(asked)
        results = self.marketo.lists.add(check.list_id, absent) if absent and self._repairs(Repair.MISSING) else {}
        gone |= _gone(results)
        self._write(rows, gone, lambda row: _forgotten(row, check, gone))
        missing = [one for one in absent if one not in gone]
        noted = check.missing.more(missing, len(_done(results)), leads[-1])
        self._note(number, replace(check, missing=noted, gone=check.gone + len(gone)))

    def _fill(self, number: int, leads: Sequence[int], names: _Names) -> None:
        """Those who are in the audience, and were never put on the list, though their lead is known."""
        check, rows = self.checks[number], self._rows(leads, names)
        asked = self._asked(check, leads, rows, Standing.WAITING)
        absent, gone = _with_status(asked, NO_MEMBER), _gone(asked)
        results = self.marketo.lists.add(check.list_id, absent) if absent and self._repairs(Repair.MISSING) else {}
        there = {*_with_status(asked, MEMBER), *_done(results)}
        gone |= _gone(results)
        self._write(rows, there, lambda row: _filled(row, check, there))
        self._write(rows, gone, lambda row: _forgotten(row, check, gone))
        waiting = [one for one in asked if one not in gone]
        noted = check.waiting.more(waiting, len(there), leads[-1])
        self._note(number, replace(check, waiting=noted, gone=check.gone + len(gone)))

    def _take_off(self, number: int, leads: Sequence[int], names: _Names) -> None:
        """Those who left, or may not be exported any more, and are on the list."""
        check, rows = self.checks[number], self._rows(leads, names)
        present = _with_status(self._asked(check, leads, rows, Standing.OFF), MEMBER)
        if present and self._repairs(Repair.LEAVERS):
            present = self._unclaimed(check, present)
        results = self.marketo.lists.remove(check.list_id, present) if present and self._repairs(Repair.LEAVERS) else {}
        done = {one for one, result in results.items() if result.code is None or result.code in GONE_FROM_LIST}
        self._write(rows, done, lambda row: _applied(row, check, _others(row, check, done)))
        self._note(number, replace(check, leavers=check.leavers.more(present, len(done), leads[-1])))

    def _look_at_foreign(self, number: int, leads: Sequence[int]) -> None:
        """Those who are on the list, and whom the ledger does not know; who came to be known since then is not."""
        check = self.checks[number]
        asked = self.marketo.lists.membership(check.list_id, leads)
        present = _with_status(asked, MEMBER)
        done = 0
        if present and self._repairs(Repair.FOREIGN):
            present = self._unclaimed(check, present)
            results = self.marketo.lists.remove(check.list_id, present) if present else {}
            done = len(_done(results))
        self._note(number, replace(check, foreign=check.foreign.more(present, done, leads[-1])))

    def _unclaimed(self, check: AudienceCheck, leads: Sequence[int]) -> list[int]:
        """The leads that are nobody's who is in the audience: one may have come to be another person's by a merge."""
        known = self.use_case.known(self.target, self.marketo, check, leads)
        return [one for one in leads if one not in known]

    def _repairs(self, repair: Repair) -> bool:
        return repair in self.verification.repair

    def _named(self, number: int, leads: Sequence[int]) -> Iterator[tuple[Sequence[int], _Names]]:
        """The leads, as many as Marketo is asked of at once, with the names of their rows.

        What was kept of the ledger is gone through once for as many of them as a slice can look at.
        """
        parts = self.verification.ledger.parts.get(number, 0)
        for start in range(0, len(leads), NAMED):
            wanted, names = set(leads[start : start + NAMED]), defaultdict[int, list[str]](list)
            for one in self.use_case.verifications.stands(self.verification, number, parts):
                if one.lead_id in wanted:
                    names[one.lead_id].append(one.row)
            for part in chunks(leads[start : start + NAMED]):
                yield part, names

    def _rows(self, leads: Sequence[int], names: _Names) -> _Rows:
        """The rows of these leads as they are now: deliveries may have changed them since they were read."""
        known = self.use_case.ledger.rows_by_name(
            self.target.connection.id, {name for one in leads for name in names.get(one, ())}, self.target.known
        )
        return {one: {name: known[name] for name in names.get(one, ()) if name in known} for one in leads}

    def _asked(
        self, check: AudienceCheck, leads: Sequence[int], rows: _Rows, standing: Standing
    ) -> dict[int, RecordResult]:
        """What Marketo says now of the leads that are still of this standing by the ledger."""
        stands = standings(
            Stand(lead_id, found, name)
            for of_lead in rows.values()
            for name, row in of_lead.items()
            for lead_id, found in self._standings(row, check).items()
        )
        still = [one for one in leads if stands.get(one) is standing]
        return self.marketo.lists.membership(check.list_id, still) if still else {}

    def _write(self, rows: _Rows, leads: Set[int], change: Callable[[LedgerRow], LedgerRow]) -> None:
        """Write the rows of leads as they are after a repair."""
        self._record({name: change(row) for lead_id in leads for name, row in rows.get(lead_id, {}).items()})

    def _record(self, changed: Mapping[str, LedgerRow]) -> None:
        for entry in entries_of(changed):
            self.use_case.ledger.record(self.target.connection.id, entry, self.lease, self.use_case.clock())

    def _has_time(self) -> bool:
        now, budget = self.use_case.clock(), self.marketo.pace.budget
        share = RESERVE * self.target.connection.limits.daily_calls
        if budget is not None and budget.today.total >= share and is_of_day(budget.today, now):
            self.delay = RESERVE_WAIT
            return False
        return now < self.until


@dataclass(slots=True)
class _Keeping:
    """What a slice reads of the ledger, kept in parts by the audience's number."""

    verifications: Verifications
    verification: Verification
    parts: dict[int, int]
    unapplied: defaultdict[int, Counter[str]]
    held: defaultdict[int, list[Stand]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, verifications: Verifications, verification: Verification) -> "_Keeping":
        reading = verification.ledger
        counted = ((number, Counter(reasons)) for number, reasons in reading.unapplied.items())
        return cls(verifications, verification, dict(reading.parts), defaultdict(Counter, counted))

    def add(self, number: int, stand: Stand) -> None:
        held = self.held[number]
        held.append(stand)
        if len(held) >= STANDS:
            self._store(number)

    def count(self, number: int, reason: str) -> None:
        self.unapplied[number][reason] += 1

    def done(self, cursor: str | None, *, is_read: bool) -> LedgerReading:
        """Store what is held; how far the ledger was read with it. Until that is stored all of it counts as unread."""
        for number in [number for number, held in self.held.items() if held]:
            self._store(number)
        return LedgerReading(is_read, cursor, self.parts, {one: dict(found) for one, found in self.unapplied.items()})

    def _store(self, number: int) -> None:
        part = self.parts.get(number, 0)
        self.verifications.put_stands(self.verification, number, part, self.held[number])
        self.parts[number] = part + 1
        self.held[number] = []


def _after(leads: Iterable[int], before: Differences) -> list[int]:
    """Those that were not looked at yet, in their order."""
    return sorted(one for one in leads if one > before.after)


def _with_status(results: Mapping[int, RecordResult], status: str) -> list[int]:
    return [one for one, result in results.items() if result.status == status]


def _gone(results: Mapping[int, RecordResult]) -> set[int]:
    return {one for one, result in results.items() if result.code == LEAD_GONE}


def _done(results: Mapping[int, RecordResult]) -> set[int]:
    return {one for one, result in results.items() if result.code is None}


def _others(row: LedgerRow, check: AudienceCheck, done: Set[int]) -> Sequence[int]:
    applied = row.applied.get(check.audience)
    return () if applied is None else [one for one in applied.leads if one not in done]


def _applied(row: LedgerRow, check: AudienceCheck, leads: Sequence[int]) -> LedgerRow:
    return replace(row, applied={**row.applied, check.audience: Applied(check.list_id, tuple(leads))})


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


def _wants(row: LedgerRow | None, check: AudienceCheck, target: ActiveConnection) -> bool:
    return row is not None and is_wanted(row, check.audience, asks=_asks(target))


def _asks(target: ActiveConnection) -> bool:
    return target.connection.consent is not None
