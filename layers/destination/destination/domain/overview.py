"""How a connection is, at a glance: what holds it up, what waits of it, how its day went, and its alerts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from destination.domain.alert import AlertState
from destination.domain.connection import Connection
from destination.domain.letter import LetterBundle
from destination.domain.parking import Backlog


@dataclass(frozen=True, slots=True)
class OverviewOf:
    """How a connection is.

    `letters`: its bundles. `last_day`: the counters of its runs, of this hour and the 24 before it, by the names that
    they have in a `Tally`. `triggered`: the alerts that it subscribes to and that are triggered.
    """

    connection: Connection
    backlog: Backlog
    letters: Sequence[LetterBundle]
    last_day: Counter[str]
    triggered: Sequence[AlertState]
