"""The sizes of lists are those that verifications found."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from destination.domain.audience import AudienceKey
from destination.domain.deviation import Compared
from destination.domain.verification import AudienceCheck, Verification, VerificationStatus
from destination.monitoring.sizes import list_sizes

A, B = AudienceKey("ups", "aud-1"), AudienceKey("ups", "aud-2")
NOW = datetime(2026, 11, 21, 11, tzinfo=UTC)


class Found:
    """Verifications, newest first, with the sizes that they found; None: the list could not be compared."""

    def __init__(self, *sizes: dict[AudienceKey, int | None]) -> None:
        made = Verification("", "c-1", frozenset(), NOW, 1, is_whole=True, status=VerificationStatus.COMPLETED)
        self.verifications = [
            replace(made, id=str(number), requested_at=NOW - number * timedelta(days=1)) for number in range(len(sizes))
        ]
        self.sizes = sizes

    def newest(self, connection_id: str, limit: int) -> list[Verification]:
        assert connection_id == "c-1"
        return self.verifications[:limit]

    def checks(self, verification: Verification) -> list[AudienceCheck]:
        return [
            AudienceCheck(audience, "n", 1, "n", found=size or 0, code=None if size is not None else "1013")
            for audience, size in self.sizes[int(verification.id)].items()
        ]


def test_the_newest_size_is_compared_with_those_before() -> None:
    found = Found({A: 7}, {A: 10, B: 5}, {A: None, B: 6}, {A: 12})
    assert list_sizes(found, "c-1") == {A: Compared(7, (10, 12)), B: Compared(5, (6,))}


def test_a_verification_that_did_not_come_to_its_end_says_nothing() -> None:
    found = Found({A: 0}, {A: 10})
    found.verifications[0] = replace(found.verifications[0], status=VerificationStatus.RUNNING)
    assert list_sizes(found, "c-1") == {A: Compared(10, ())}
    assert list_sizes(Found(), "c-1") == {}
