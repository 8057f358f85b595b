"""Usage and error statistics, workspaces (Marketo REST, Usage; User Management)."""

from collections.abc import Iterator
from datetime import UTC, date, timedelta
from typing import Final

from marketo_simulator.context import Context
from marketo_simulator.errors import CallError
from marketo_simulator.limits import quota_day
from marketo_simulator.message import Response, json_response

_DAYS: Final = 7


def usage_today(context: Context) -> Response:
    """GET /rest/v1/stats/usage.json: calls of the quota day per API user."""
    return context.lead_answer([_usage(context, day) for day in _days(context, 1)])


def usage_last_days(context: Context) -> Response:
    """GET /rest/v1/stats/usage/last7days.json: one row per day."""
    return context.lead_answer([_usage(context, day) for day in _days(context, _DAYS)])


def errors_today(context: Context) -> Response:
    """GET /rest/v1/stats/errors.json: top-level errors of the quota day per code."""
    return context.lead_answer([_errors(context, day) for day in _days(context, 1)])


def errors_last_days(context: Context) -> Response:
    """GET /rest/v1/stats/errors/last7days.json: one row per day."""
    return context.lead_answer([_errors(context, day) for day in _days(context, _DAYS)])


def workspaces(context: Context) -> Response:
    """GET /userservice/management/v1/users/workspaces.json: a bare array, for whoever has both of two permissions."""
    if not context.client.may("Access Users"):
        raise CallError("603")
    return json_response(
        [
            {
                "id": each.id,
                "name": each.name,
                "description": each.description,
                "globalViz": 0,
                "status": "active",
                "currencyInfo": None,
                "createdAt": (stamp := each.created_at.astimezone(UTC).strftime("%Y%m%dT%H:%M:%S.0t+0000")),
                "updatedAt": stamp,
            }
            for each in sorted(context.state.workspaces.values(), key=lambda workspace: workspace.id)
        ]
    )


def _days(context: Context, count: int) -> Iterator[date]:
    today = quota_day(context.now, context.settings)
    return (today - timedelta(days=back) for back in range(count))


def _usage(context: Context, day: date) -> dict[str, object]:
    users = context.calls.usage(day)
    rows = [{"userId": user, "count": count} for user, count in sorted(users.items())]
    return {"date": day.isoformat(), "total": users.total(), "users": rows}


def _errors(context: Context, day: date) -> dict[str, object]:
    codes = context.calls.errors(day)
    rows = [{"errorCode": code, "count": count} for code, count in sorted(codes.items())]
    return {"date": day.isoformat(), "total": codes.total(), "errors": rows}
