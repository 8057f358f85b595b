"""The data usage policies in ConnectionsTable: one item, so that they change as a whole.

    pk = governance   sk = policies      the custom policies, the statuses of the core ones, the version of all of it

The id of a connection is a UUID, so that none is `governance`.
"""

from typing import TYPE_CHECKING, Any, Final

from destination.domain.policy import (
    CORE_POLICIES,
    Combination,
    Expression,
    Operator,
    Policy,
    PolicySet,
    PolicyStatus,
    Proposal,
    adopted,
)
from destination.store.errors import StaleVersionError
from destination.store.items import Item, attributes, item
from destination.store.transactions import refused

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import PutTypeDef, TransactWriteItemTypeDef

_KEY: Final[Item] = {"pk": {"S": "governance"}, "sk": {"S": "policies"}}
_AS_DELIVERED: Final = 1
"""The version of the set that nobody has changed yet."""

# The time line of the set, and the condition of each of its writes:
#
#   version 1, as delivered: no item ──put──▶ version 2 ──put──▶ version 3 ──▶ …
#                            _IS_AS_DELIVERED          _IS_AS_READ
_IS_AS_DELIVERED: Final = "attribute_not_exists(pk)"
_IS_AS_READ: Final = "version = :read"


class Policies:
    """The set of all policies in its table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        self._client = client
        self._table = table

    def get(self) -> PolicySet:
        """As it is now, strongly consistent."""
        answer = self._client.get_item(TableName=self._table, Key=_KEY, ConsistentRead=True)
        if "Item" not in answer:
            return PolicySet(_AS_DELIVERED, adopted([]))
        stored = attributes(answer["Item"])
        return PolicySet(int(stored["version"]), adopted([_proposal(one) for one in stored["policies"]]))

    def put(self, policies: PolicySet, *beside: "TransactWriteItemTypeDef") -> PolicySet:
        """Store a set over the version it was read at, and what is to be written beside it; return it as it is then.

        Raises StaleVersionError.
        """
        core = {policy.id for policy in CORE_POLICIES}
        new = {
            "version": policies.version + 1,
            "policies": [
                {"id": one.id, "status": one.status.value} if one.id in core else policy_properties(one)
                for one in policies.policies
            ],
        }
        put: PutTypeDef = {
            "TableName": self._table,
            "Item": _KEY | item(new),
            "ConditionExpression": _IS_AS_DELIVERED,
        }
        if policies.version > _AS_DELIVERED:
            put["ConditionExpression"] = _IS_AS_READ
            put["ExpressionAttributeValues"] = item({":read": policies.version})
        if refused(self._client, [{"Put": put}, *beside]):
            raise StaleVersionError(f"the policies are no longer at version {policies.version}")
        return PolicySet(policies.version + 1, policies.policies)


def policy_properties(policy: Policy) -> dict[str, Any]:
    """The policy in JSON's types, as the table and the audit log keep it."""
    return {
        "id": policy.id,
        "status": policy.status.value,
        "name": policy.name,
        "description": policy.description,
        "marketing_actions": list(policy.marketing_actions),
        "deny": _expression_properties(policy.deny),
    }


def _expression_properties(deny: Expression) -> dict[str, Any]:
    if isinstance(deny, str):
        return {"label": deny}
    return {"operator": deny.operator.value, "operands": [_expression_properties(one) for one in deny.operands]}


def _proposal(stored: dict[str, Any]) -> Proposal:
    actions, deny = stored.get("marketing_actions"), stored.get("deny")
    return Proposal(
        id=stored["id"],
        status=PolicyStatus(stored["status"]),
        name=stored.get("name"),
        marketing_actions=None if actions is None else tuple(actions),
        deny=None if deny is None else _expression(deny),
        description=stored.get("description"),
    )


def _expression(stored: dict[str, Any]) -> Expression:
    if "label" in stored:
        return str(stored["label"])
    return Combination(Operator(stored["operator"]), tuple(_expression(one) for one in stored["operands"]))
