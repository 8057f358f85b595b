"""RunsTable: where each alert of a connection stands, and its history; the history is kept 90 days.

    connection_id   id = alert#<alert>             status, since, value, threshold, number, evidence, published
    connection_id   id = alerted#<time>#<alert>    status, value, threshold, number, evidence, expires_at

A change of an alert and its line of the history are one transaction. `published` follows once people were told, so that
a change that nobody was told of yet is known after a crash.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from destination.domain.alert import Alert, AlertState, AlertStatus, AudiencePart, Evidence, MainReason
from destination.domain.run import RETENTION
from destination.domain.times import format_time, parse_time
from destination.store.errors import StaleVersionError
from destination.store.items import OF_KIND, Attributes, attributes, item, known_words, runs_key
from destination.store.transactions import failed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import QueryInputTypeDef

_STATE: Final = "alert#"
_HISTORY: Final = "alerted#"
_TIMES: Final = ("until", "counted_from", "begun_at")
_NUMBERS: Final = ("part", "whole")
"""Of the evidence."""

# An alert's time line; each change has the next number, and is one line of the history:
#
#   never triggered ──change──▶ 1 triggered ──change──▶ 2 resolved ──change──▶ 3 triggered ──▶ …
#            _WAS_NEVER_CHANGED         _IS_BEFORE_OURS        _IS_BEFORE_OURS
#
# Of two monitors that saw the same, the second finds its own number taken.
_WAS_NEVER_CHANGED: Final = "attribute_not_exists(id)"
_IS_BEFORE_OURS: Final = "#number < :number"


@dataclass(frozen=True, slots=True)
class Stored:
    """Where an alert stands, and the number of its last change that people were told of."""

    state: AlertState
    published: int

    @property
    def is_published(self) -> bool:
        return self.published >= self.state.number

    @property
    def is_open(self) -> bool:
        """Whether it is triggered, or people were not told yet that it is no longer."""
        return self.state.status is AlertStatus.TRIGGERED or not self.is_published


@dataclass(frozen=True, slots=True)
class AlertHistory:
    """Changes of a connection's alerts, newest first, and the cursor of those before (None: there are none)."""

    changes: tuple[AlertState, ...]
    cursor: str | None


class Alerts:
    """The alerts of all connections, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def states(self, connection_id: str) -> dict[Alert, Stored]:
        """Where the alerts stand that were ever triggered, of those that this release knows."""
        known = (one for one in self._states(connection_id) if known_words(Alert, [one["alert"]]))
        stored = (Stored(_state(one), int(one["published"])) for one in known)
        return {one.state.alert: one for one in stored}

    def _states(self, connection_id: str) -> Iterator[Attributes]:
        pages = self._client.get_paginator("query").paginate(
            TableName=self._table,
            KeyConditionExpression=OF_KIND,
            ExpressionAttributeValues={":connection": {"S": connection_id}, ":prefix": {"S": _STATE}},
            ConsistentRead=True,
        )
        return (attributes(one) for page in pages for one in page["Items"])

    def change(self, connection_id: str, state: AlertState, published: int) -> None:
        """Store a changed state over the one before, with its line of the history.

        Raises StaleVersionError when somebody else changed it meanwhile.
        """
        now = runs_key(connection_id, _STATE + state.alert)
        line = runs_key(connection_id, f"{_HISTORY}{format_time(state.since)}#{state.alert}")
        expires = {"expires_at": int((state.since + RETENTION).timestamp())}
        try:
            self._client.transact_write_items(
                TransactItems=[
                    {
                        "Put": {
                            "TableName": self._table,
                            "Item": now | item({**_attributes(state), "published": published}),
                            "ConditionExpression": f"{_WAS_NEVER_CHANGED} OR {_IS_BEFORE_OURS}",
                            "ExpressionAttributeNames": {"#number": "number"},
                            "ExpressionAttributeValues": item({":number": state.number}),
                        }
                    },
                    {"Put": {"TableName": self._table, "Item": line | item({**_attributes(state), **expires})}},
                ]
            )
        except self._client.exceptions.TransactionCanceledException as cancelled:
            if not failed(cancelled):
                raise
            raise StaleVersionError(f"alert {state.alert} of {connection_id} was changed meanwhile") from cancelled

    def publish(self, connection_id: str, state: AlertState) -> None:
        """Remember that people were told of a change."""
        self._client.update_item(
            TableName=self._table,
            Key=runs_key(connection_id, _STATE + state.alert),
            UpdateExpression="SET published = :number",
            ExpressionAttributeValues=item({":number": state.number}),
        )

    def history(self, connection_id: str, cursor: str | None, limit: int) -> AlertHistory:
        """The changes that come before a cursor (None: all), newest first."""
        request: QueryInputTypeDef = {
            "TableName": self._table,
            "KeyConditionExpression": OF_KIND,
            "ExpressionAttributeValues": item({":connection": connection_id, ":prefix": _HISTORY}),
            "ScanIndexForward": False,
            "Limit": limit,
        }
        if cursor is not None:
            request["ExclusiveStartKey"] = runs_key(connection_id, _HISTORY + cursor)
        answer = self._client.query(**request)
        found = [attributes(one) for one in answer["Items"]]
        last: str | None = attributes(answer.get("LastEvaluatedKey", {})).get("id")
        return AlertHistory(
            changes=tuple(_state(one) for one in found if known_words(Alert, [one["alert"]])),
            cursor=last and last.removeprefix(_HISTORY),
        )

    def forget(self, connection_id: str) -> None:
        """Remove where the alerts of a connection stand; the history stays until it is too old."""
        for one in self._states(connection_id):
            self._client.delete_item(TableName=self._table, Key=runs_key(connection_id, one["id"]))


def _attributes(state: AlertState) -> Attributes:
    return {
        "alert": state.alert.value,
        "status": state.status.value,
        "since": format_time(state.since),
        "value": Decimal(str(state.value)),
        "threshold": Decimal(str(state.threshold)),
        "number": state.number,
        "evidence": _evidence_item(state.evidence),
    }


def _state(stored: Attributes) -> AlertState:
    return AlertState(
        alert=Alert(stored["alert"]),
        status=AlertStatus(stored["status"]),
        since=parse_time(stored["since"]),
        value=float(stored["value"]),
        threshold=float(stored["threshold"]),
        number=int(stored["number"]),
        evidence=_evidence(stored.get("evidence", {})),
    )


def _evidence_item(evidence: Evidence) -> Attributes:
    """What there is of it, and nothing else."""
    times = {name: getattr(evidence, name) for name in _TIMES}
    numbers = {name: getattr(evidence, name) for name in _NUMBERS}
    stored = {
        **{name: format_time(at) for name, at in times.items() if at is not None},
        **{name: number for name, number in numbers.items() if number is not None},
        "reasons": [asdict(one) for one in evidence.reasons],
        "audiences": [asdict(one) for one in evidence.audiences],
        "remedy": evidence.remedy,
    }
    return stored if evidence.cause is None else {**stored, "cause": evidence.cause}


def _evidence(stored: Attributes) -> Evidence:
    """None was stored by an older release."""
    audiences, reasons = stored.get("audiences", ()), stored.get("reasons", ())
    found: dict[str, Any] = {name: parse_time(stored[name]) for name in _TIMES if name in stored}
    found |= {name: int(stored[name]) for name in _NUMBERS if name in stored}
    return Evidence(
        cause=stored.get("cause"),
        remedy=stored.get("remedy", ""),
        reasons=tuple(MainReason(one["code"], int(one["count"]), one["message"]) for one in reasons),
        audiences=tuple(
            AudiencePart(one["id"], one.get("namespace"), one["name"], int(one["count"])) for one in audiences
        ),
        **found,
    )
