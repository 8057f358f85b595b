"""Static lists as the lead database shows them, and their members (Marketo REST, Static Lists; List Membership)."""

from collections.abc import Callable

from marketo_simulator.context import Context, skipped
from marketo_simulator.errors import CallError, reason
from marketo_simulator.fields import timestamp
from marketo_simulator.leads import members_page
from marketo_simulator.message import Response
from marketo_simulator.state import StaticList, id_of


def browse(context: Context) -> Response:
    """GET /rest/v1/lists.json by id, name and workspaceName; an empty parameter is no filter."""
    ids = {id_of(value) for value in context.values("id")}
    names, workspaces = set(context.values("name")), set(context.values("workspaceName"))
    found = (
        each
        for each in context.state.lists.values()
        if (not context.param("id") or each.id in ids)
        and (not names or each.name in names)
        and (not workspaces or each.workspace in workspaces)
        and not context.param("programName")
    )
    page, token = context.page(each.id for each in found)
    return context.lead_answer([_shown(context, context.state.lists[list_id]) for list_id in page], token)


def by_id(context: Context) -> Response:
    """GET /rest/v1/lists/{id}.json. Raises CallError 1013."""
    return context.lead_answer([_shown(context, _list(context))])


def members(context: Context) -> Response:
    """GET /rest/v1/lists/{id}/leads.json, paged. Raises CallError 1013."""
    return members_page(context, _list(context).members)


def of_lead(context: Context) -> Response:
    """GET /rest/v1/leads/{id}/listMembership.json: the lists that a lead is on, by `listId`, paged.

    A lead that is not there, or that the user does not see, is on none.
    """
    lead_id = context.ids[0]
    lists = context.state.lists
    found = (each.id for each in lists.values() if context.sees(lead_id) and lead_id in each.members)
    page, token = context.page(found)
    shown = [
        {
            "listId": list_id,
            "createdAt": timestamp(lists[list_id].created_at),
            "updatedAt": timestamp(lists[list_id].updated_at),
        }
        for list_id in page
    ]
    return context.lead_answer(shown, token, says_more=True)


def add(context: Context) -> Response:
    """POST /rest/v1/lists/{id}/leads.json: `added`, also for members; skipped 1004 for leads that are not there."""
    static_list = _list(context)

    def added(lead_id: int) -> str:
        context.state.join(static_list, lead_id)
        return "added"

    return _each_lead(context, static_list, added)


def remove(context: Context) -> Response:
    """DELETE /rest/v1/lists/{id}/leads.json: `removed`; skipped 1015 for who is not on the list, 1004 for no lead."""
    static_list = _list(context)

    return _each_lead(
        context, static_list, lambda lead_id: "removed" if context.state.leave(static_list, lead_id) else ""
    )


def is_member(context: Context) -> Response:
    """GET /rest/v1/lists/{id}/leads/ismember.json: `memberof`, `notmemberof`; skipped 1004."""
    static_list = _list(context)
    return _each_lead(context, static_list, lambda each: "memberof" if each in static_list.members else "notmemberof")


def _each_lead(context: Context, static_list: StaticList, act: Callable[[int], str]) -> Response:
    """One status per id, in the order of the request; an empty status means the lead is not in the list."""
    result: list[dict[str, object]] = []
    for index, lead_id in enumerate(context.lead_ids()):
        why = context.skip(index) or (None if _can_join(context, static_list, lead_id) else reason("1004"))
        if why is None and not (status := act(lead_id)):
            why = reason("1015")
        result.append({"id": lead_id, "status": status} if why is None else skipped([why], lead_id))
    return context.lead_answer(result)


def _can_join(context: Context, static_list: StaticList, lead_id: int) -> bool:
    """Whether user and workspace both see the lead."""
    if not context.sees(lead_id):
        return False
    seen = context.state.workspaces[static_list.workspace].partitions
    partition_id = context.state.leads[lead_id].partition_id
    return seen is None or any(p.id == partition_id and p.name in seen for p in context.state.partitions.values())


def _list(context: Context) -> StaticList:
    static_list = context.state.lists.get(context.ids[0])
    if static_list is None:
        raise CallError("1013", "Object not found")
    return static_list


def _shown(context: Context, static_list: StaticList) -> dict[str, object]:
    return {
        "id": static_list.id,
        "name": static_list.name,
        **({"description": static_list.description} if static_list.description else {}),
        "workspaceId": context.state.workspaces[static_list.workspace].id,
        "workspaceName": static_list.workspace,
        "createdAt": timestamp(static_list.created_at),
        "updatedAt": timestamp(static_list.updated_at),
    }
