"""Changes over the version that was read, so that of two that were begun at one version only the first is made.

version 1 ──change──▶ version 2 ──change──▶ version 3
    └── read here: AS_READ holds until the next change, which is any reader's to make
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from destination.store.items import Attributes, Item, item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import TransactWriteItemTypeDef

AS_READ: Final = "#version = :read"


def change_over(
    table: str,
    key: Item,
    version: int,
    changes: Attributes,
    *,
    also: tuple[str, Attributes] | None = None,
    copies: Mapping[str, str] | None = None,
) -> "TransactWriteItemTypeDef":
    """A transaction's change of attributes over the version they were read at, which it raises; None removes one.

    `also`: a condition that must hold too, with its values; `copies`: attributes that take the value that another one
    had before.
    """
    condition, values = also or ("", {})
    as_read = (" AND ".join(filter(None, (AS_READ, condition))), {**values, ":read": version})
    return change_where(table, key, as_read, changes, copies=copies)


def change_where(
    table: str,
    key: Item,
    condition: tuple[str, Attributes],
    changes: Attributes,
    *,
    copies: Mapping[str, str] | None = None,
    kept: Attributes | None = None,
) -> "TransactWriteItemTypeDef":
    """A transaction's change of attributes where a condition holds, with its values; None removes one.

    It raises the version, and makes the item at version 1 if the condition holds where there is none. `kept`: what is
    written only where it is missing.
    """
    expression, values = condition
    present = {name: value for name, value in changes.items() if value is not None}
    assignments = ["#version = if_not_exists(#version, :none) + :one", *(f"#{name} = :{name}" for name in present)]
    assignments += [f"{name} = {other}" for name, other in (copies or {}).items()]
    assignments += [f"{name} = if_not_exists({name}, :{name})" for name in kept or {}]
    absent = [f"#{name}" for name in changes if name not in present]
    remove = f" REMOVE {', '.join(absent)}" if absent else ""
    given = {f":{name}": value for name, value in {**present, **(kept or {})}.items()}
    return {
        "Update": {
            "TableName": table,
            "Key": key,
            "UpdateExpression": f"SET {', '.join(assignments)}{remove}",
            "ConditionExpression": expression,
            "ExpressionAttributeNames": {f"#{name}": name for name in ("version", *changes)},
            "ExpressionAttributeValues": item({**given, **values, ":none": 0, ":one": 1}),
        }
    }
