"""Durable unsubscribe: whoever unsubscribed stays so, under every lead of the address (Marketo, "Unsubscribed")."""

from datetime import datetime

from marketo_simulator.fields import Value
from marketo_simulator.state import Lead, State


def has_unsubscribed(state: State, email: Value) -> bool:
    """Whether a lead of this address is unsubscribed, or one was that is gone."""
    return isinstance(email, str) and (
        email.lower() in state.unsubscribed
        or any(state.leads[each].values.get("unsubscribed") is True for each in _leads(state, email))
    )


def spread(state: State, lead: Lead, now: datetime) -> None:
    """Let every lead of the address be as this one: unsubscribed, or no longer."""
    email, flag = lead.values.get("email"), lead.values.get("unsubscribed") is True
    if not isinstance(email, str):
        return
    if not flag:
        state.unsubscribed.discard(email.lower())
    for each in _leads(state, email):
        state.update_lead(state.leads[each], {"unsubscribed": flag}, now)


def _leads(state: State, email: str) -> list[int]:
    field = state.schema.searchable("email")
    return [] if field is None else state.find(field, [email], None)
