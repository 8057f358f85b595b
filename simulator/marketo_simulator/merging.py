"""Leads that become one, and web visitors who are leads (Marketo REST, Leads, "Merge", "Associate Web Activity")."""

import re
from typing import Final

from marketo_simulator.context import Context, whole_number
from marketo_simulator.errors import CallError
from marketo_simulator.message import Response
from marketo_simulator.state import Lead

MAX_LOSERS: Final = 25
_COOKIE: Final = re.compile(r"id:\w{3}-\w{3}-\w{3}&token:(_mch-\S+-\d+-\d+)", re.ASCII)
_FLAGS: Final = {"": False, "false": False, "true": True}


def merge(context: Context) -> Response:
    """POST /rest/v1/leads/{winner}/merge.json?leadId=… or ?leadIds=…: the losers go up in the winner.

    Raises CallError 1001, 1002, 1003, 1004 or 1080; then nothing has changed.
    """
    in_crm = _FLAGS.get(context.param("mergeInCRM").lower())
    if in_crm is None:
        raise CallError("1001", f"Invalid value '{context.param('mergeInCRM')}'. Required of type 'Boolean'")
    given = [*context.values("leadId"), *context.values("leadIds")]
    if not given:
        raise CallError("1002", "Missing value for required parameter 'leadId' or 'leadIds'")
    if len(given) > MAX_LOSERS:
        raise CallError("1080", f"Number of lead ids exceeds the limit of {MAX_LOSERS}")
    if in_crm:
        raise CallError("1003", "mergeInCRM needs an instance that is synced with Salesforce")
    winner = _lead(context, context.ids[0])
    losers = [_lead(context, number) for number in dict.fromkeys(map(whole_number, given))]
    if winner in losers:
        raise CallError("1003", f"Lead {winner.id} cannot be merged into itself")
    context.records = len(losers)
    context.state.merge_leads(winner, losers, context.now)
    return context.lead_answer(None)


def associate(context: Context) -> Response:
    """POST /rest/v1/leads/{id}/associate.json?cookie=…: web activity of this cookie is the lead's from now on.

    Raises CallError 1002, 1004 or 1012.
    """
    text = context.param("cookie")
    if not text:
        raise CallError("1002", "Missing value for required parameter 'cookie'")
    lead = _lead(context, context.ids[0])
    cookie = _COOKIE.fullmatch(text)
    if cookie is None:
        raise CallError("1012", f"Invalid cookie value '{text}'")
    context.state.update_lead(lead, {"cookies": cookie[1]}, context.now)
    return context.lead_answer(None)


def _lead(context: Context, lead_id: int) -> Lead:
    if not context.sees(lead_id):
        raise CallError("1004", f"Lead {lead_id} not found")
    return context.state.leads[lead_id]
