"""Why a call ended as it did: which rule, and with which numbers."""

from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Final

from marketo_simulator.calls import Call, Exchange
from marketo_simulator.errors import UNCOUNTED
from marketo_simulator.faults import Fault

LIMITS: Final = 'Marketo REST, Rest API, "Limits"'
CODES: Final = "Marketo REST, Error Codes"

RULES: Final = {
    "500": "Scripted: this is no answer that the simulator gives by itself.",
    "501": "The call is Marketo's, and the simulator does not answer it (its README has a table).",
    "600": "The call has no access token: it takes the header `Authorization: Bearer …`.",
    "601": "The access token was given to nobody, or before the last reset.",
    "602": "The access token is older than `token_seconds` of the settings; ask /identity/oauth/token for another.",
    "603": "The API user's role lacks the permission that this endpoint takes (`permissions` of the client).",
    "604": "The call took longer than `max_seconds` of the settings.",
    "605": "The path is known, but not with this method.",
    "609": "The body is no JSON object.",
    "610": "No endpoint has this path.",
    "611": "An error in the simulator itself, unless it was scripted; what it was stands in the message and on stderr.",
    "612": "The Content-Type is not the one that this endpoint reads.",
    "613": "The multipart body cannot be read: it lacks its boundary or its end, a name, or the file `file`.",
    "701": "A required parameter is missing or blank.",
    "704": "A time is not written as ISO 8601 has it.",
    "709": "The asset is in use, not empty, Marketo's own, or its name is taken or its description too long.",
    "710": "No folder has this id.",
    "711": "The folder is not of the type that this takes.",
    "1001": "A parameter has the wrong type.",
    "1002": "A required parameter or property is missing.",
    "1003": "A parameter, a property or a value is not one that this call takes.",
    "1004": "No lead that the API user sees has this id or key.",
    "1005": "The action is createOnly, and a lead has the key.",
    "1006": "No lead field has this name in the REST API.",
    "1007": "Several leads have the key.",
    "1008": "The API user does not see the partition.",
    "1009": "A partition has to be named: the API user does not see the default one, or this moves a lead.",
    "1010": "The lead is in another partition than the call names.",
    "1011": "Leads cannot be looked up by this field: it is not searchable.",
    "1012": "The cookie is not one that Munchkin makes.",
    "1013": "No object has this id.",
    "1015": "The lead is not on the list.",
    "1016": "As many imports as there may be are queued or executing.",
    "1017": "An object of this name is there already.",
    "1018": "The field or lead is managed by the CRM.",
    "1019": "An import into this list is under way.",
    "1021": "The field is one of the company, and companies are managed elsewhere.",
    "1029": "No more exports may be queued, this one was queued before, or the bytes of the day are used up.",
    "1035": "Leads cannot be exported by this filter on every instance.",
    "1080": "More leads are to be merged in one call than may be.",
}

_SETTINGS_OF: Final = {
    "602": ("token_seconds",),
    "1003": ("max_records",),
    "1016": ("import_jobs",),
    "1019": ("import_busy_list",),
    "1021": ("companies_managed",),
    "1029": ("export_daily_bytes",),
    "1035": ("export_all_filters",),
}
"""What a refusal may depend on."""


def explain(call: Call, exchange: Exchange | None) -> dict[str, object]:
    """`outcome`, `why`, the `rule` with its `source`, the `numbers` it was decided with, what was scripted, and the
    records that were skipped (as far as the answer is kept), with their own rules.
    """
    why, numbers = _why(call)
    shown: dict[str, object] = {
        "number": call.number,
        "endpoint": call.endpoint,
        "outcome": _outcome(call),
        "why": why,
        "numbers": numbers,
    }
    if call.code:
        shown |= {
            "rule": "" if call.scripted is not None else RULES.get(call.code, ""),
            "source": LIMITS if call.by_limit else CODES,
            "counts": call.code not in UNCOUNTED,
        }
    if call.scripted is not None:
        shown["fault"] = said(call.scripted)
    if exchange is not None:
        shown["skipped"] = _skipped(exchange)
    return shown


def said(fault: Fault) -> dict[str, object]:
    """What a fault says, its defaults left out."""
    usual = asdict(Fault("pass"))
    return {name: value for name, value in asdict(fault).items() if value != usual[name] or name == "effect"}


def _outcome(call: Call) -> str:
    effect = "took effect" if call.executed else "took no effect"
    if call.status == 0:
        return f"the connection broke; the call {effect}"
    if call.code:
        return f"refused with {call.code} {call.message}; the call {effect}"
    return f"answered {call.status}; the call {effect}"


def _why(call: Call) -> tuple[str, Mapping[str, object]]:
    if call.by_limit:
        return _BY_LIMIT[call.code](call)
    if call.scripted is not None:
        return f"A fault of the script, effect '{call.scripted.effect}', was due for it.", {}
    if call.code == "604":
        numbers = {"seconds": call.seconds, "max_seconds": call.settings.max_seconds}
        return (
            f"It would have taken {call.seconds:g} s; the settings let a call take {numbers['max_seconds']:g} s.",
            numbers,
        )
    if call.code:
        names = _SETTINGS_OF.get(call.code, ())
        return call.message, {"records": call.records, **{name: getattr(call.settings, name) for name in names}}
    if call.status in (413, 414):
        return "It is larger than the gateway takes.", {"body_bytes": call.body_bytes}
    return "Nothing stood against it.", {}


def _rate(call: Call) -> tuple[str, Mapping[str, object]]:
    settings = call.settings
    limit, seconds = settings.calls_per_window, settings.window_seconds
    return (
        f"It was call {call.in_window} within {seconds:g} s, and {limit} are allowed; refused calls count too.",
        {
            "in_window": call.in_window,
            "calls_per_window": limit,
            "window_seconds": seconds,
            "window_since": (call.time - timedelta(seconds=seconds)).isoformat(),
        },
    )


def _quota(call: Call) -> tuple[str, Mapping[str, object]]:
    quota, zone = call.settings.daily_quota, call.settings.quota_time_zone
    return (
        f"It was call {call.of_quota} of the day, and {quota} are allowed until midnight in {zone}.",
        {"of_quota": call.of_quota, "daily_quota": quota, "quota_time_zone": zone},
    )


def _concurrency(call: Call) -> tuple[str, Mapping[str, object]]:
    limit = call.settings.concurrency
    return (
        f"{call.concurrent - 1} calls were executing when it came, and {limit} may.",
        {"concurrent": call.concurrent, "concurrency": limit},
    )


_BY_LIMIT: Final[Mapping[str, Callable[[Call], tuple[str, Mapping[str, object]]]]] = {
    "606": _rate,
    "607": _quota,
    "615": _concurrency,
}


def _skipped(exchange: Exchange) -> list[dict[str, object]]:
    """Records that were skipped: their place in the input, and each reason with its rule."""
    rows = []
    for position, row in enumerate(exchange.result()):
        reasons = row.get("reasons") if isinstance(row, dict) and row.get("status") == "skipped" else None
        if isinstance(reasons, list):
            known = [{**reason, "rule": RULES.get(str(reason.get("code")), "")} for reason in reasons]
            rows.append({"record": position, "reasons": known})
    return rows
