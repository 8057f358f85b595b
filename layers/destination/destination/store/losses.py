"""RunsTable: what the webhook lost, counted in the runs once for each body; kept 90 days, as the runs are.

connection_id   id = losses#<envelope id>   expires_at
                id = <hour>#8               a part of the run, as in `runs`

Who counts holds no lease. The marks of bodies and the part of their run are written in one transaction, on condition
that the marks are not there and the part is as it was read.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from destination.domain.loss import Loss
from destination.domain.run import RETENTION, hour_of, tally_losses
from destination.store.errors import StaleVersionError
from destination.store.items import item
from destination.store.runs import LOSSES_PART, Runs
from destination.store.transactions import refused

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

MAX_BODIES: Final = 99
"""What one transaction counts, of 100 items, beside the part of the run."""

_ATTEMPTS: Final = 10
"""Others may count in the same part at the same time."""

_NOT_COUNTED: Final = "attribute_not_exists(id)"


class Losses:
    """What was lost of all connections' bodies, in the table of the runs."""

    def __init__(
        self, client: "DynamoDBClient", table: str, runs: Runs, *, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._client = client
        self._table = table
        self._runs = runs
        self._sleep = sleep

    def count(self, connection_id: str, run_id: str, bodies: Mapping[str, Mapping[Loss, int]], now: datetime) -> None:
        """Count in a run what was lost of MAX_BODIES bodies at most, by the ids of their envelopes.

        Those that were counted before are not counted again. Raises StaleVersionError where others were faster every
        time.
        """
        left = dict(bodies)
        for _ in range(_ATTEMPTS):
            if not left:
                return
            names = list(left)
            part = self._runs.part(connection_id, run_id, LOSSES_PART)
            put = self._runs.put(replace(part, tally=part.tally.plus(tally_losses(left.values()))), now)
            marks = (self._mark(connection_id, run_id, name) for name in names)
            places = refused(self._client, [put, *marks], self._sleep)
            if not places:
                return
            for place in places - {0}:
                del left[names[place - 1]]
        raise StaleVersionError(f"the losses of {run_id} were counted by others at the same time")

    def _mark(self, connection_id: str, run_id: str, envelope_id: str) -> "TransactWriteItemTypeDef":
        stored = {
            "connection_id": connection_id,
            "id": f"losses#{envelope_id}",
            "expires_at": int((hour_of(run_id) + RETENTION).timestamp()),
        }
        return {
            "Put": {"TableName": self._table, "Item": item(stored), "ConditionExpression": _NOT_COUNTED},
        }
