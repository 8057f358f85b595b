"""What Marketo has answered of somebody who is not settled yet: it is recorded even if nothing more can be done now."""

from collections import Counter
from dataclasses import dataclass

from destination.domain.outcome import Outcome
from destination.domain.person import LedgerRow
from destination.domain.run import Tally


@dataclass(frozen=True, slots=True)
class Progress:
    """The row of the person with a dedupe key as it is by now, and the changes in Marketo that the `outcome` tells.

    They count in a run, which the person itself is counted in once it is settled.
    """

    key: str
    row: LedgerRow
    outcome: Outcome
    run_id: str

    def tally(self) -> Tally:
        """The changes alone: nobody is received."""
        made = self.outcome
        changes = {"created": made.created, "updated": made.updated, "added": made.added, "removed": made.removed}
        return Tally(Counter({name: int(count) for name, count in changes.items() if count}))
