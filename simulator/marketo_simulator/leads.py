"""Reading and deleting leads, their fields and partitions (Marketo REST, Leads; Lead Database)."""

from collections.abc import Iterable
from typing import Final

from marketo_simulator.context import PAGE, Context, skipped
from marketo_simulator.errors import CallError, reason
from marketo_simulator.fields import Field, Value
from marketo_simulator.message import Response

MAX_MATCHES: Final = 1000
DEFAULT_FIELDS: Final = ("id", "firstName", "lastName", "email", "updatedAt", "createdAt")


def describe(context: Context) -> Response:
    """GET /rest/v1/leads/describe.json: one item per field; a field has no `rest` or no `soap` where that API lacks it.

    `readOnly` is about REST: recorded answers say false of every field in SOAP.
    """
    return context.lead_answer([_described(field) for field in context.state.schema if not field.hidden])


def _described(field: Field) -> dict[str, object]:
    item: dict[str, object] = {"id": field.id, "displayName": field.display_name, "dataType": field.data_type}
    if field.max_length is not None:
        item["length"] = field.max_length
    if field.rest:
        item["rest"] = {"name": field.name, "readOnly": field.read_only}
    soap = field.name if field.soap is None else field.soap
    if soap:
        item["soap"] = {"name": soap, "readOnly": False}
    return item


def describe2(context: Context) -> Response:
    """GET /rest/v1/leads/describe2.json: searchable fields as an array of arrays, no dedupe fields for leads."""
    fields = [field for field in context.state.schema if field.rest and not field.hidden]
    described = {
        "name": "API Lead",
        "searchableFields": [[field.name] for field in fields if field.is_searchable],
        "fields": [
            {
                "name": field.name,
                "displayName": field.display_name,
                "dataType": field.data_type,
                **({} if field.max_length is None else {"length": field.max_length}),
                "updateable": not field.read_only,
                "crmManaged": field.crm_managed,
            }
            for field in fields
        ],
    }
    return context.lead_answer([described])


def partitions(context: Context) -> Response:
    """GET /rest/v1/leads/partitions.json: the partitions the API user sees."""
    visible = context.visible
    seen = [each for each in context.state.partitions.values() if visible is None or each.id in visible]
    return context.lead_answer(
        [
            {"id": each.id, "name": each.name, **({"description": each.description} if each.description else {})}
            for each in sorted(seen, key=lambda partition: partition.id)
        ]
    )


def by_filter(context: Context) -> Response:
    """GET /rest/v1/leads.json: leads whose field has one of the values, in ascending id.

    Values without a match leave no trace. Raises CallError 1002, 1011, 1006 or 1003.
    """
    filter_type = context.param("filterType")
    if not filter_type or "filterValues" not in context.params:
        raise CallError(
            "1002", f"Missing value for required parameter '{'filterValues' if filter_type else 'filterType'}'"
        )
    searched = context.state.schema.searchable(filter_type)
    if searched is None:
        raise CallError("1011", f"Lookup field '{filter_type}' not supported")
    names = _asked_fields(context)
    values = context.values("filterValues")
    context.records = len(values)
    if len(values) > PAGE:
        raise CallError("1003", f"Number of filterValues exceeds the limit of {PAGE}")
    found = context.find(searched, values)
    if len(found) > MAX_MATCHES:
        raise CallError("1003", "Too many results match the filter")
    ids, token = context.page(found)
    return context.lead_answer(shown_leads(context, ids, names), token, says_more=True)


def by_id(context: Context) -> Response:
    """GET /rest/v1/lead/{id}.json: a result of one lead or of none."""
    names = _asked_fields(context)
    return context.lead_answer(shown_leads(context, context.seen(context.ids), names))


def delete(context: Context) -> Response:
    """POST /rest/v1/leads/delete.json (or `_method=DELETE`): `deleted`, or skipped 1004 with the id."""
    result: list[dict[str, object]] = []
    for index, lead_id in enumerate(context.lead_ids()):
        why = context.skip(index) or (None if context.sees(lead_id) else reason("1004"))
        if why is None:
            context.state.delete_lead(context.state.leads[lead_id])
            result.append({"id": lead_id, "status": "deleted"})
        else:
            result.append(skipped([why], lead_id))
    return context.lead_answer(result)


def members_page(context: Context, members: Iterable[int]) -> Response:
    """Leads of a list, in ascending id, with the asked fields."""
    names = _asked_fields(context)
    ids, token = context.page(context.seen(members))
    return context.lead_answer(shown_leads(context, ids, names), token)


def _asked_fields(context: Context) -> list[str]:
    """The names in `fields`, `id` always among them. Raises CallError 1006."""
    names = context.values("fields")
    for name in names:
        if context.state.schema.get(name) is None:
            raise CallError("1006", f"Field '{name}' not found")
    return list(dict.fromkeys(["id", *names])) if names else list(DEFAULT_FIELDS)


def shown_leads(context: Context, ids: Iterable[int], names: Iterable[str]) -> list[dict[str, Value]]:
    """The leads with these fields, as `State.read` reads them."""
    read, leads = context.state.read, context.state.leads
    return [{name: read(leads[lead_id], name) for name in names} for lead_id in ids]
