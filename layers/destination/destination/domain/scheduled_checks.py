"""The checks of a connection that are made by themselves once a day, and which of them failed the last time."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from destination.domain.check import CheckName, ChecksReport
from destination.domain.connection import Connection
from destination.domain.times import EPOCH

DAY: Final = timedelta(days=1)
OWN_ALERT: Final = frozenset({CheckName.QUOTA})
"""What an alert of its own is about."""


@dataclass(frozen=True, slots=True)
class FailingCheck:
    """A check that failed: what was found, and what to do."""

    name: CheckName
    detail: str
    hint: str


@dataclass(frozen=True, slots=True)
class CheckedConnection:
    """The last time that the checks of a connection were made, and which failed, in their order.

    `version`: that of the connection which they were made of; 0 is none's.
    """

    at: datetime
    failing: tuple[FailingCheck, ...]
    version: int = 0


def of_version(found: CheckedConnection | None, version: int) -> CheckedConnection | None:
    """What was found of the connection as it is; None: it was changed since, so that nothing is known of it.

    A change may be what mends it, or makes it deliver or be watched again, long after it was checked.
    """
    return found if found is not None and found.version == version else None


def is_due(connection: Connection, before: CheckedConnection | None, now: datetime) -> bool:
    """Whether it is time for the checks: at once if they were never made of this version, then once a day at a time of
    its own.

    The times of connections are spread over the day by their ids, so that no instance is asked about all at once.
    """
    if before is None or of_version(before, connection.version) is None:
        return True
    seconds = int.from_bytes(hashlib.sha256(connection.id.encode()).digest()[:4]) % int(DAY.total_seconds())
    since = now - EPOCH - timedelta(seconds=seconds)
    return before.at < now - since % DAY


def checked(report: ChecksReport, version: int, before: CheckedConnection | None, now: datetime) -> CheckedConnection:
    """What is known of a version by a report. Of what could not be made because Marketo did not answer nothing new is
    known.
    """
    before = of_version(before, version)
    known = {} if before is None else {one.name: one for one in before.failing}
    failing = []
    for one in report.checks:
        if one.ok is False and one.name not in OWN_ALERT:
            failing.append(FailingCheck(one.name, one.detail, one.hint))
        elif one.ok is None and one.name in known:
            failing.append(known[one.name])
    return CheckedConnection(now, tuple(failing), version)
