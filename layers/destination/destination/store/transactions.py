"""Writes of which all or none happen (Amazon DynamoDB, "Transactions"), and the patience that they need.

Where two transactions, or one and another write, are at the same item at once, DynamoDB refuses one of them; botocore
does not repeat it.
"""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from destination.store.items import Item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

_WAITS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
_THROTTLED = frozenset({"ThrottlingError", "ProvisionedThroughputExceeded"})
_BUSY = frozenset({"None", "TransactionConflict"}) | _THROTTLED
"""Reasons for which a transaction is cancelled that may succeed a moment later; "None" stands for an item without."""


def patiently(write: Callable[[], object], sleep: Callable[[float], None] = time.sleep) -> None:
    """Write, again where something else was at the same items. Raises the ClientError of any other refusal."""
    for wait in (*_WAITS, None):
        try:
            write()
        except ClientError as error:
            if wait is None or not _passes(error):
                raise
            sleep(wait)
        else:
            return


def refused(
    client: "DynamoDBClient",
    items: "Sequence[TransactWriteItemTypeDef]",
    sleep: Callable[[float], None] = time.sleep,
    token: str | None = None,
) -> set[int]:
    """Write all of it, patiently, or nothing; the places of the items whose condition did not hold, if any.

    What is written again with the same `token` within ten minutes, as its answer was lost, is written once.
    """
    request: dict[str, Any] = {"TransactItems": items} | ({} if token is None else {"ClientRequestToken": token})
    try:
        patiently(lambda: client.transact_write_items(**request), sleep)
    except client.exceptions.TransactionCanceledException as cancelled:
        if places := failed(cancelled):
            return places
        raise
    return set()


def there(table: str, key: Item) -> "TransactWriteItemTypeDef":
    """The condition that ConnectionsTable has an item."""
    return {"ConditionCheck": {"TableName": table, "Key": key, "ConditionExpression": "attribute_exists(pk)"}}


def cancellation_codes(cancelled: ClientError) -> list[str]:
    """Why a transaction was cancelled, item by item; empty where DynamoDB does not say."""
    response: Any = cancelled.response
    return [reason.get("Code", "None") for reason in response.get("CancellationReasons", [])]


def failed(cancelled: ClientError) -> set[int]:
    """The places of the items whose condition did not hold."""
    return {place for place, reason in enumerate(cancellation_codes(cancelled)) if reason == "ConditionalCheckFailed"}


def throttled(cancelled: ClientError, first: int = 0) -> bool:
    """Whether there was no room for some of the items from a place on."""
    return not _THROTTLED.isdisjoint(cancellation_codes(cancelled)[first:])


def _passes(error: ClientError) -> bool:
    if error.response["Error"].get("Code") == "TransactionCanceledException":
        return _BUSY.issuperset(cancellation_codes(error))
    return error.response["Error"].get("Code") == "TransactionConflictException"
