"""The use case that compares Marketo's lists with the ledger, as a job in slices, and repairs them if asked to.

It is done by whoever holds the instance's lease, so that nothing is delivered while people are compared, within the
same pace. Between two slices the lease is free for deliveries. What a slice has done is stored before the next begins.

What Marketo refuses fails the verification and nothing else: deliveries find out by themselves whether the connection
works.
"""

import contextlib
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection
from destination.domain.person import Delivered
from destination.domain.verification import (
    LIST_CHANGED,
    AudienceCheck,
    Differences,
    Expected,
    Phase,
    Verification,
    VerificationStatus,
)
from destination.marketo.budget import is_of_day
from destination.marketo.errors import (
    ConnectionBlockedError,
    InstanceWaitsError,
    ListMissingError,
    RequestRejectedError,
)
from destination.marketo.instance import Marketo
from destination.marketo.leads import RecordResult, chunks
from destination.marketo.lists import MemberPage
from destination.store.errors import StaleVersionError

SLICE: Final = timedelta(seconds=60)
"""How long deliveries to the instance wait at most for a verification."""

RESERVE: Final = 0.8
"""Of limits.daily_calls: when the instance has used so much today, the rest is for deliveries alone."""

RESERVE_WAIT: Final = timedelta(hours=1)

PART: Final = 30_000
MEMBER, NO_MEMBER = "memberof", "notmemberof"


class Verifications(Protocol):
    """Verifications and what they have done so far."""

    def get(self, connection_id: str, verification_id: str) -> Verification | None: ...
    def put(self, verification: Verification) -> Verification: ...
    def checks(self, verification: Verification) -> Sequence[AudienceCheck]: ...
    def put_check(self, verification: Verification, number: int, check: AudienceCheck) -> Verification: ...
    def put_read(self, verification: Verification, number: int, part: int, lead_ids: Iterable[int]) -> None: ...
    def read(self, verification: Verification, number: int) -> set[int]: ...
    def forget_read(self, verification: Verification, number: int) -> None: ...
    def put_out_of_sync(self, verification: Verification, checks: Sequence[AudienceCheck]) -> None: ...


@dataclass(frozen=True, slots=True)
class VerifyLists:
    """Carries verifications on. `placed`: what the ledger says of the people on an audience's list."""

    verifications: Verifications
    placed: Callable[[str, AudienceKey], Iterable[Delivered]]
    clock: Callable[[], datetime]

    def __call__(
        self,
        target: ActiveConnection,
        marketo: Marketo,
        verification_id: str,
        queued_at: datetime,
        until: datetime,
        tried: Set[str],
    ) -> timedelta | None:
        """Carry one on until a time; when to go on with it, None when it is finished or another message carries it on.

        `queued_at`: when the message that asks for it was. What is cancelled, or goes on elsewhere, is left alone.
        `tried`: the codes that were waited out often enough, so that a list that cannot be read does not hold up
        deliveries for ever. Raises InstanceWaitsError of other codes, OutOfTimeError.
        """
        now = self.clock()
        found = self.verifications.get(target.connection.id, verification_id)
        if found is None or found.at(now).is_finished or found.queued_at != queued_at:
            return None
        verification_slice = _Slice(
            self, target, marketo, found, list(self.verifications.checks(found)), min(until, now + SLICE)
        )
        try:
            return verification_slice.go_on()
        except (ConnectionBlockedError, RequestRejectedError) as error:
            verification_slice.fail(error.code)
        except InstanceWaitsError as error:
            if error.code not in tried:
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
    until: datetime
    delay: timedelta = timedelta(0)

    def go_on(self) -> timedelta | None:
        now = self.use_case.clock()
        started_at = self.verification.started_at or now
        self._put(replace(self.verification, status=VerificationStatus.RUNNING, started_at=started_at))
        while self.verification.position < len(self.checks):
            number = self.verification.position
            if not self._check(number):
                return self.delay
            self.use_case.verifications.forget_read(self.verification, number)
            self._put(replace(self.verification, position=number + 1))
        self.use_case.verifications.put_out_of_sync(self.verification, self.checks)
        finished = replace(self.verification, status=VerificationStatus.COMPLETED, finished_at=self.use_case.clock())
        self._put(finished)
        return None

    def fail(self, code: str) -> None:
        """Give it up, unless it was cancelled; what was read of the list that it was at expires."""
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

    def _check(self, number: int) -> bool:
        """Verify one audience as far as the time goes; whether it is done."""
        check = self.checks[number]
        if check.phase is Phase.DONE:
            return True
        activation = self.target.activations.get(check.audience)
        if activation is None or activation.list_id != check.list_id:
            self._note(number, replace(check, phase=Phase.DONE, code=LIST_CHANGED))
            return True
        try:
            while self.checks[number].phase in {Phase.PENDING, Phase.READING}:
                if not self._has_time():
                    return False
                self._read_part(number)
            return self._compare(number)
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

    def _compare(self, number: int) -> bool:
        """Look at everybody who is out of place, once more and by themselves, and repair; whether all were."""
        check = self.checks[number]
        found = self.use_case.verifications.read(self.verification, number)
        connection_id = self.target.connection.id
        expected = Expected.of(self.use_case.placed(connection_id, check.audience), check.list_id)
        check = replace(check, expected=len(expected.leads), found=len(found), in_doubt=len(expected.in_doubt))
        repair, lists = self.verification.repair, self.marketo.lists
        for chunk in chunks(expected.missing_from(found, check.missing.after)):
            if not self._has_time():
                return False
            missing = self._are(NO_MEMBER, check, chunk)
            repaired = lists.add(check.list_id, missing) if missing and repair.adds else {}
            check = self._note(number, replace(check, missing=_more(check.missing, missing, repaired, chunk)))
        for chunk in chunks(expected.unexpected_in(found, check.unexpected.after)):
            if not self._has_time():
                return False
            unexpected = self._are(MEMBER, check, chunk)
            repaired = lists.remove(check.list_id, unexpected) if unexpected and repair.removes else {}
            check = self._note(number, replace(check, unexpected=_more(check.unexpected, unexpected, repaired, chunk)))
        self._note(number, replace(check, phase=Phase.DONE))
        return True

    def _are(self, status: str, check: AudienceCheck, lead_ids: Sequence[int]) -> list[int]:
        """Which of the leads are of a status now: deliveries may have changed the list since it was read."""
        answered = self.marketo.lists.membership(check.list_id, lead_ids)
        return [lead_id for lead_id in lead_ids if answered[lead_id].status == status]

    def _has_time(self) -> bool:
        now, budget = self.use_case.clock(), self.marketo.pace.budget
        share = RESERVE * self.target.connection.limits.daily_calls
        if budget is not None and budget.today.total >= share and is_of_day(budget.today, now):
            self.delay = RESERVE_WAIT
            return False
        return now < self.until


def _more(
    before: Differences, lead_ids: Sequence[int], repaired: dict[int, RecordResult], chunk: Sequence[int]
) -> Differences:
    done = sum(1 for one in repaired.values() if one.code is None)
    return before.more(lead_ids, done, chunk[-1])
