"""When a verification is queued again: its message may be lost."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from destination.domain.verification import Verification, VerificationStatus

START = datetime(2026, 11, 21, 10, tzinfo=UTC)
VERIFICATION = Verification("20261121T100000000000Z-0a1b2c3d", "c-1", frozenset(), START, 1, is_whole=True)
MINUTE = timedelta(minutes=1)


def test_one_that_stays_silent_is_queued_again_less_and_less_often() -> None:
    """Its messages may all be there, held up by what Marketo refuses."""
    silent, requeued = VERIFICATION, []
    for minute in range(0, 8 * 24 * 60, 5):
        if silent.is_silent(now := START + minute * MINUTE):
            silent = replace(silent, requeued_at=now)
            requeued.append(minute)
    assert requeued == [15, 30, 60, 120, 240, 480, 960, 1_920, 3_840, 7_680]


def test_one_that_goes_on_is_not_silent() -> None:
    running = replace(VERIFICATION, status=VerificationStatus.RUNNING, touched_at=START + 180 * MINUTE)
    assert not running.is_silent(START + 194 * MINUTE)
    assert running.is_silent(START + 195 * MINUTE)
    assert not replace(running, requeued_at=START + 190 * MINUTE).is_silent(START + 379 * MINUTE)


@pytest.mark.parametrize("status", [VerificationStatus.COMPLETED, VerificationStatus.FAILED, "cancelled"])
def test_one_that_is_finished_is_not_queued_again(status: VerificationStatus) -> None:
    finished = replace(VERIFICATION, status=VerificationStatus(status))
    assert finished.is_finished
    assert not finished.is_silent(START + timedelta(days=1))
