"""The sizes of a connection's lists, as its verifications found them; Marketo is not asked."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final, Protocol

from destination.domain.audience import AudienceKey
from destination.domain.deviation import Compared
from destination.domain.verification import AudienceCheck, Verification, VerificationStatus

COMPARED: Final = 8
"""How many of the last verifications are looked at."""


class Verifications(Protocol):
    """The verifications of connections."""

    def newest(self, connection_id: str, limit: int, /) -> Sequence[Verification]: ...
    def checks(self, verification: Verification, /) -> Sequence[AudienceCheck]: ...


def list_sizes(verifications: Verifications, connection_id: str) -> Mapping[AudienceKey, Compared]:
    """By audience, how many were on its list when it was verified last, and the times before that."""
    found: defaultdict[AudienceKey, list[int]] = defaultdict(list)
    for one in verifications.newest(connection_id, COMPARED):
        if one.status is VerificationStatus.COMPLETED:
            for check in verifications.checks(one):
                if check.code is None:
                    found[check.audience].append(check.found)
    return {audience: Compared(sizes[0], tuple(sizes[1:])) for audience, sizes in found.items()}
