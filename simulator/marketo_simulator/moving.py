"""Leads that move to another partition (Marketo REST, Leads, "Update Lead Partition")."""

from marketo_simulator.context import Context, skipped
from marketo_simulator.errors import Reason, reason
from marketo_simulator.message import Response
from marketo_simulator.state import Partition


def update(context: Context) -> Response:
    """POST /rest/v1/leads/partitions.json `{"input": [{"id": …, "partitionName": …}]}`: one status per record.

    Skipped are leads that are not there (1004), records without a partition (1009) and those whose partition the user
    does not see (1008). Raises CallError 609, 612, 1002 or 1003.
    """
    records = context.input(context.content())
    return context.lead_answer([_moved(context, index, record) for index, record in enumerate(records)])


def _moved(context: Context, index: int, record: object) -> dict[str, object]:
    lead_id = record.get("id") if isinstance(record, dict) else None
    if not isinstance(record, dict) or type(lead_id) is not int:
        return skipped([reason("1003", "Invalid value for lead id")])
    why = context.skip(index)
    if why is None:
        target = _partition(context, record.get("partitionName"))
        if isinstance(target, Partition) and context.sees(lead_id):
            context.state.update_lead(context.state.leads[lead_id], {"leadPartitionId": target.id}, context.now)
            return {"id": lead_id, "status": "updated"}
        why = target if isinstance(target, Reason) else reason("1004")
    return skipped([why], lead_id)


def _partition(context: Context, name: object) -> Partition | Reason:
    if not isinstance(name, str) or not name:
        return reason("1009", "Partition name must be specified")
    partition = context.state.partitions.get(name)
    if partition is None or (context.visible is not None and partition.id not in context.visible):
        return reason("1008", f"Access denied to partition '{name}'")
    return partition
