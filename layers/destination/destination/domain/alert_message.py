"""What people and programs are told of a change of an alert: the same, in prose and as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from destination.domain.alert import RULES, AlertState, AlertUnit
from destination.domain.connection import Connection
from destination.domain.times import format_time

TEST: Final = "test"
"""In the place of an alert and its status."""

NOTHING: Final[Mapping[str, Any]] = {
    "cause": None,
    "until": None,
    "counts": None,
    "reasons": [],
    "audiences": [],
    "remedy": "",
}


@dataclass(frozen=True, slots=True)
class AlertMessage:
    """What is told: a line and a text for people, the same as JSON for programs, and what subscribers choose by."""

    subject: str
    text: str
    detail: Mapping[str, Any]
    attributes: Mapping[str, str]

    @classmethod
    def of(cls, connection: Connection, state: AlertState) -> "AlertMessage":
        return cls(
            subject=f"{state.alert} {state.status}: {connection.name}",
            text=_text(connection, state),
            detail=_detail(connection, state),
            attributes={
                "connection_id": connection.id,
                "alert": state.alert.value,
                "status": state.status.value,
            },
        )

    @classmethod
    def of_test(cls, connection: Connection, now: datetime) -> "AlertMessage":
        """One that says that nothing is the matter."""
        sentence = "This is a test, which somebody asked for to see who is told. Nothing is the matter."
        text = (
            sentence,
            "",
            f"Alerts of {connection.name} come this way. They say what happened, why, what to do.",
        )
        detail = {
            "version": "1",
            "id": f"{connection.id}/{TEST}/{format_time(now)}",
            "connection": {"id": connection.id, "name": connection.name},
            "alert": TEST,
            "status": TEST,
            "at": format_time(now),
            "value": 0.0,
            "threshold": 0.0,
            "unit": AlertUnit.STATE.value,
            "means": sentence,
            **NOTHING,
            "since": format_time(now),
        }
        subject = f"test alert: {connection.name}"
        attributes = {"connection_id": connection.id, "alert": TEST, "status": TEST}
        return cls(subject, "\n".join((*text, "", _signature(connection))), detail, attributes)


def _detail(connection: Connection, state: AlertState) -> dict[str, Any]:
    """docs/schemas/alert.json."""
    rule = RULES[state.alert]
    return {
        "version": "1",
        "id": f"{connection.id}/{state.alert}/{state.number}",
        "connection": {"id": connection.id, "name": connection.name},
        "alert": state.alert.value,
        "status": state.status.value,
        "at": format_time(state.since),
        "value": state.value,
        "threshold": state.threshold,
        "unit": rule.unit.value,
        "means": rule.means,
        **evidence(state),
    }


def evidence(state: AlertState) -> dict[str, Any]:
    """What a state is based on, in JSON's types."""
    found = state.evidence
    return {
        "cause": found.cause,
        "since": format_time(found.begun_at or state.since),
        "until": found.until and format_time(found.until),
        "counts": None
        if found.part is None
        else {
            "part": found.part,
            "whole": found.whole,
            "from": found.counted_from and format_time(found.counted_from),
        },
        "reasons": [asdict(one) for one in found.reasons],
        "audiences": [asdict(one) for one in found.audiences],
        "remedy": found.remedy or (RULES[state.alert].remedy.says if state.is_triggered else ""),
    }


def _text(connection: Connection, state: AlertState) -> str:
    """The body of an e-mail."""
    rule, found = RULES[state.alert], state.evidence
    lines = [f"The alert {state.alert} of {connection.name} was {state.status} at {format_time(state.since)}."]
    if not state.is_triggered and found.begun_at is not None:
        lines.append(f"It had been triggered at {format_time(found.begun_at)}.")
    lines += ["", rule.means]
    if rule.unit is not AlertUnit.STATE:
        lines.append(f"It is {_shown(rule.unit, state.value)}; the threshold is {_shown(rule.unit, state.threshold)}.")
    if found.cause:
        lines += ["", found.cause]
    if found.until is not None:
        lines.append(f"Tried again by itself: {format_time(found.until)}.")
    if found.reasons:
        lines += ["", "Main reasons:", *(f"- {one.count:,} {one.code}: {one.message}" for one in found.reasons)]
    if found.audiences:
        lines += ["", "Audiences:", *(f"- {one.name}: {one.count:,}" for one in found.audiences)]
    if remedy := evidence(state)["remedy"]:
        lines += ["", f"What to do: {remedy}"]
    return "\n".join([*lines, "", _signature(connection)])


def _signature(connection: Connection) -> str:
    return f"Connection {connection.id}. See docs/monitoring.md, Alerts."


def _shown(unit: AlertUnit, value: float) -> str:
    match unit:
        case AlertUnit.RATIO:
            return f"{value:.1%}"
        case AlertUnit.SECONDS:
            return str(timedelta(seconds=round(value)))
    return f"{value:.0f}"
