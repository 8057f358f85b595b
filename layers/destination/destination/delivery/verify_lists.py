"""The use case that compares desired, applied and Marketo, as a job in slices, and repairs the lists if asked to.

    the members of every list ─▶ the ledger, once for all ─▶ audience after audience: who is out of place

It is done by whoever holds the instance's lease, so that nothing is delivered while people are compared, within the
same pace. Between two slices the lease is free for deliveries. What a slice has done is stored before the next begins,
so none starts anew. The ledger is read after the lists: whoever was put on one meanwhile is known, and never foreign.
Everybody who is out of place is looked at once more before anything is done, in the ledger and in Marketo.

A long list is read by an extract of Marketo's (`extract_list`). While one is waited for, other lists are read.

What Marketo refuses fails the verification and nothing else: deliveries find out by themselves whether the connection
works.
"""

import contextlib
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from destination.delivery import compare_list
from destination.delivery.carry_extract import CarryExtract, ExtractedBytes
from destination.delivery.compare_list import ListComparison, standing_in
from destination.delivery.extract_list import ExtractedList
from destination.domain.audience import Activation, AudienceKey, activation_id
from destination.domain.connection import ActiveConnection
from destination.domain.lead_extract import MAX_AT_ONCE, MIN_MEMBERS, MIN_WAIT, LeadExtract
from destination.domain.lead_import import LOOK_AGAIN, LeadImport, lists_created_on, under_way
from destination.domain.pause import waited_out
from destination.domain.person import LedgerRow
from destination.domain.shard import SHARDS
from destination.domain.verification import (
    LIST_CHANGED,
    AudienceCheck,
    LedgerReading,
    ListSize,
    Phase,
    Repair,
    Stand,
    Verification,
    VerificationStatus,
    is_wanted,
    why_waiting,
)
from destination.marketo.budget import is_of_day
from destination.marketo.errors import (
    ConnectionBlockedError,
    InstanceWaitsError,
    ListMissingError,
    RequestRejectedError,
)
from destination.marketo.instance import Marketo
from destination.marketo.lists import MemberPage
from destination.store.errors import StaleVersionError
from destination.store.leases import Lease
from destination.store.ledger import Page, entries_of

SLICE: Final = timedelta(seconds=60)
"""How long deliveries to the instance wait at most for a verification."""

RESERVE: Final = 0.8
"""Of limits.daily_calls: when the instance has used so much today, the rest is for deliveries alone."""

RESERVE_WAIT: Final = timedelta(hours=1)

PART: Final = 30_000
STANDS: Final = 8_000
"""Entries of a stored part: of members' ids, and of what the ledger says of leads."""


class Verifications(compare_list.Readings, Protocol):
    """Verifications and what they have done so far."""

    def get(self, connection_id: str, verification_id: str) -> Verification | None: ...
    def put(self, verification: Verification) -> Verification: ...
    def checks(self, verification: Verification) -> Sequence[AudienceCheck]: ...
    def put_check(self, verification: Verification, number: int, check: AudienceCheck) -> Verification: ...
    def put_read(
        self,
        verification: Verification,
        number: int,
        part: int,
        lead_ids: Iterable[int],
        digests: Sequence[bytes] = (),
    ) -> None: ...
    def put_stands(self, verification: Verification, number: int, part: int, stands: Sequence[Stand]) -> None: ...
    def forget_read(self, verification: Verification, number: int) -> None: ...
    def forget_stands(self, verification: Verification, number: int, parts: int) -> None: ...
    def put_out_of_sync(self, verification: Verification, checks: Sequence[AudienceCheck]) -> None: ...
    def list_sizes(self, connection_id: str) -> Mapping[str, ListSize]: ...
    def put_list_sizes(self, verification: Verification, checks: Sequence[AudienceCheck], at: datetime) -> None: ...


class Ledger(compare_list.Ledger, Protocol):
    """What is desired and applied of everybody."""

    def pages(self, connection_id: str, audiences: Mapping[AudienceKey, datetime], cursor: str | None) -> Page: ...


class Imports(Protocol):
    """The imports of connections."""

    def of(self, connection_id: str, /) -> Iterable[LeadImport]: ...


@dataclass(frozen=True, slots=True)
class VerifyLists:
    """Carries verifications on. `enter` fences shards of the ledger for a lease.

    `filled` notes of a connection's audience that its list was filled, which was to be from a time on. `extract_from`:
    of how many members on a list is read by an extract.
    """

    verifications: Verifications
    ledger: Ledger
    imports: Imports
    enter: Callable[[Lease, Collection[int]], None]
    clock: Callable[[], datetime]
    filled: Callable[[str, AudienceKey, int, datetime], None]
    extracted: ExtractedBytes
    extract_from: int = MIN_MEMBERS

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
        imports = list(self.imports.of(target.connection.id))
        verification_slice = _Slice(
            self,
            target,
            marketo,
            found,
            checks,
            lease,
            min(until, now + SLICE),
            under_way(imports, now),
            lists_created_on(imports, found.requested_at),
        )
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


@dataclass(slots=True)
class _Slice:
    """One verification in one slice. `delay`: when it is to go on, if it is not finished; `sizes`: those of the lists,
    once they were asked for. `parts`: those of imports by which Marketo is being told of people; nobody carries them on
    meanwhile. `created_on`: the lists on which such imports, begun before it was requested, create people.
    """

    use_case: VerifyLists
    target: ActiveConnection
    marketo: Marketo
    verification: Verification
    checks: list[AudienceCheck]
    lease: Lease
    until: datetime
    parts: Collection[str]
    created_on: Collection[int]
    delay: timedelta = timedelta(0)
    sizes: Mapping[str, ListSize] | None = None

    def go_on(self) -> timedelta | None:
        now = self.use_case.clock()
        started_at = self.verification.started_at or now
        self._put(replace(self.verification, status=VerificationStatus.RUNNING, started_at=started_at))
        if not (self._read_lists() and self._read_ledger() and self._compare_lists()):
            return self.delay
        ended_at = self.use_case.clock()
        self.use_case.verifications.put_out_of_sync(self.verification, self.checks)
        self.use_case.verifications.put_list_sizes(self.verification, self.checks, ended_at)
        finished = replace(self.verification, status=VerificationStatus.COMPLETED, finished_at=ended_at)
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
        waits: list[timedelta] = []
        for number, check in enumerate(self.checks):
            if check.phase not in {Phase.PENDING, Phase.READING}:
                continue
            if self._activation(check) is None:
                self._note(number, replace(check, phase=Phase.DONE, code=LIST_CHANGED))
                continue
            try:
                wait = self._read_list(number)
            except ListMissingError as error:
                self._note(number, replace(self.checks[number], phase=Phase.DONE, code=error.code))
                continue
            if wait is not None:
                waits.append(wait)
            elif self.checks[number].phase is not Phase.COMPARING:
                return False
        self.delay = min(waits, default=self.delay)
        return not waits

    def _read_list(self, number: int) -> timedelta | None:
        """Read the members of a list, as far as the time goes; how long to wait before more can be read, if it is so.

        Whoever was not named leaves the list, also who is just being created on it: the ledger knows no lead of theirs,
        so they have to be seen there.
        """
        check = self.checks[number]
        if check.phase is Phase.PENDING and check.named_since is not None and check.list_id in self.created_on:
            return LOOK_AGAIN
        while self.checks[number].phase in {Phase.PENDING, Phase.READING} and self._has_time():
            if not self._is_extracted(number):
                self._read_part(number)
            elif (wait := self._extract(number)) is not None:
                return wait
        return None

    def _is_extracted(self, number: int) -> bool:
        """Whether the list is read by an extract; of one that was not begun to be read, its last size decides."""
        check = self.checks[number]
        if check.phase is Phase.PENDING and self._size(check) >= self.use_case.extract_from:
            return True
        return check.extract is not None and check.extract.is_under_way

    def _extract(self, number: int) -> timedelta | None:
        """Carry the extract of a list on; when to go on with it, None: it is read, or is to be read page by page."""
        if self.checks[number].extract is None:
            if not self._may_extract():
                return MIN_WAIT
            self._note(number, self._to_extract(self.checks[number]))
        connection = self.target.connection
        # A lead that has other keys as well may be somebody's by one of those.
        is_keyed = Repair.LEAVERS in self.verification.repair and len(connection.lookup_fields) == 1
        extracted = ExtractedList(
            self.marketo,
            connection.dedupe_field if is_keyed else None,
            max(self._size(self.checks[number]), self.use_case.extract_from),
            self.checks[number],
            lambda check: self._note(number, check),
            lambda part, ids, digests: self.use_case.verifications.put_read(
                self.verification, number, part, ids, digests
            ),
            lambda: self.use_case.verifications.forget_read(self.verification, number),
            self._has_time,
        )
        use_case = self.use_case
        carry = CarryExtract(
            self.marketo.extracts, use_case.extracted, connection.munchkin_id, use_case.clock, extracted
        )
        return carry()

    def _may_extract(self) -> bool:
        """Whether another extract may be begun."""
        return sum(1 for one in self.checks if one.extract is not None and one.extract.is_under_way) < MAX_AT_ONCE

    def _to_extract(self, check: AudienceCheck) -> AudienceCheck:
        """The check of a list that is to be read by an extract, from its beginning."""
        extract = LeadExtract(self.use_case.clock())
        return replace(check, phase=Phase.READING, cursor=None, parts=0, found=0, extract=extract)

    def _size(self, check: AudienceCheck) -> int:
        """How many members the list had when it was verified last."""
        if self.sizes is None:
            self.sizes = self.use_case.verifications.list_sizes(self.verification.connection_id)
        size = self.sizes.get(activation_id(check.audience))
        return size.people if size is not None and size.list_id == check.list_id else 0

    def _read_part(self, number: int) -> None:
        """Read members of the list, page after page, and keep them, whatever ends it.

        Of a list that turns out to be long no further page is read, but an extract, unless one was given up.
        """
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
                is_long = page.cursor is not None and check.found + len(read) >= self.use_case.extract_from
                if is_long and check.extract is None and self._may_extract():
                    check, read = self._to_extract(check), []
                    break
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
        # A row that is to be written again is read whole, or else it would lose what it says of other audiences.
        is_written = any(check.named_since is not None for check in self.checks)
        audiences = {one: begun_at for one, begun_at in self.target.known.items() if is_written or one in numbers}
        is_read = not numbers
        cursor = reading.cursor
        while not is_read and self._has_time():
            page = self.use_case.ledger.pages(self.target.connection.id, audiences, cursor)
            left = self._left_unnamed(page.rows, numbers)
            for name, row in page.rows:
                self._take_stands(name, left.get(name, row), numbers, kept)
            cursor, is_read = page.cursor, page.cursor is None
        self._put(replace(self.verification, ledger=kept.done(cursor, is_read=is_read)))
        return is_read

    def _left_unnamed(
        self, rows: Iterable[tuple[str, LedgerRow]], numbers: Mapping[AudienceKey, int]
    ) -> dict[str, LedgerRow]:
        """Write down of whom the source says no more that they are in an audience, where whoever is was to be named."""
        since = {one: at for one, number in numbers.items() if (at := self.checks[number].named_since) is not None}
        changed: dict[str, LedgerRow] = {}
        for name, row in rows if since else ():
            for audience, at in since.items():
                keeps_times = self.checks[numbers[audience]].keeps_times
                left = changed.get(name, row).left_unnamed(audience, at, keeps_times=keeps_times)
                if left is not None:
                    changed[name] = left
        for entry in entries_of(changed):
            self.use_case.ledger.record(self.target.connection.id, entry, self.lease, self.use_case.clock())
        return changed

    def _take_stands(self, name: str, row: LedgerRow, numbers: Mapping[AudienceKey, int], kept: "_Keeping") -> None:
        for audience in row.desired.keys() | row.applied.keys():
            number = numbers.get(audience)
            if number is None:
                continue
            standings = standing_in(self.target, self.checks[number], row, self.use_case.clock(), self.parts)
            for lead_id, standing in standings.items():
                kept.add(number, Stand(lead_id, standing, name))
            if not standings and is_wanted(row, audience, asks=self.target.connection.consent is not None):
                kept.count(number, why_waiting(row))

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
            self.use_case.verifications.forget_stands(
                self.verification, number, self.verification.ledger.parts.get(number, 0)
            )
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
        comparison = ListComparison(
            self.use_case.verifications,
            self.use_case.ledger,
            self.target,
            self.marketo,
            self.lease,
            self.use_case.clock,
            self.verification,
            number,
            check,
            self._note,
            self._has_time,
            self.parts,
        )
        try:
            is_over = comparison()
        except ListMissingError as error:
            self._note(number, replace(comparison.check, phase=Phase.DONE, code=error.code))
            return True
        if comparison.waits:
            self.delay = LOOK_AGAIN
        return is_over

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
