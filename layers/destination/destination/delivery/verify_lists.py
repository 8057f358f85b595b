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
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from destination.delivery import compare_list
from destination.delivery.compare_list import ListComparison, standing_in
from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import ActiveConnection
from destination.domain.pause import waited_out
from destination.domain.person import LedgerRow
from destination.domain.shard import SHARDS
from destination.domain.verification import (
    LIST_CHANGED,
    AudienceCheck,
    LedgerReading,
    Phase,
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
from destination.store.ledger import Page

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
    def put_read(self, verification: Verification, number: int, part: int, lead_ids: Iterable[int]) -> None: ...
    def put_stands(self, verification: Verification, number: int, part: int, stands: Sequence[Stand]) -> None: ...
    def forget_read(self, verification: Verification, number: int) -> None: ...
    def put_out_of_sync(self, verification: Verification, checks: Sequence[AudienceCheck]) -> None: ...


class Ledger(compare_list.Ledger, Protocol):
    """What is desired and applied of everybody."""

    def pages(self, connection_id: str, audiences: Mapping[AudienceKey, datetime], cursor: str | None) -> Page: ...


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
            standings = standing_in(self.target, self.checks[number], row, self.use_case.clock())
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
        )
        try:
            return comparison()
        except ListMissingError as error:
            self._note(number, replace(comparison.check, phase=Phase.DONE, code=error.code))
            return True

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
