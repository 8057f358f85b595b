"""Alerts as JSON: what is subscribed, where it stands, and its history."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, StrictFloat

from destination.api.representation import Representation, Time
from destination.domain.alert import RULES, Alert, AlertState, AlertStatus, AlertUnit, Evidence, Subscription


def _by_name(value: object) -> object:
    return {"alert": value} if isinstance(value, str) else value


class SubscriptionIn(Representation):
    """An alert that the connection subscribes to; given by its name alone, at the default threshold."""

    alert: Alert
    threshold: StrictFloat | None = Field(None, description="In the alert's unit; null: the default threshold.")

    @classmethod
    def of(cls, subscription: Subscription) -> Self:
        return cls(alert=subscription.alert, threshold=subscription.threshold)

    def subscription(self) -> Subscription:
        return Subscription(self.alert, self.threshold)


Subscribed = Annotated[
    list[Annotated[SubscriptionIn, BeforeValidator(_by_name, json_schema_input_type=SubscriptionIn | Alert)]],
    Field(max_length=len(Alert)),
]


class CountsOut(Representation):
    """How many are concerned, of how many; `whole` is null where there is no such number."""

    part: int
    whole: int | None
    counted_from: Time | None = Field(alias="from", description="Events received from this time on are counted.")


class MainReasonOut(Representation):
    """One of the main reasons, with its sentence."""

    code: str
    count: int
    message: str


class AudiencePartOut(Representation):
    """How many are concerned by an audience."""

    id: str
    namespace: str | None
    name: str
    count: int


class Evidenced(Representation):
    """What the last change was based on."""

    cause: str | None = Field(description="In a sentence; null: it was not told.")
    until: Time | None = Field(description="When what holds the connection up is tried again by itself.")
    counts: CountsOut | None
    reasons: list[MainReasonOut] = Field(description="The main ones, most first.")
    audiences: list[AudiencePartOut] = Field(description="Those that are concerned most.")


class AlertOut(Evidenced):
    """A subscribed alert. `status` is null until it was triggered for the first time.

    `remedy` fits the cause while the alert is triggered; else it says what is to be done in general.
    """

    alert: Alert
    threshold: float
    unit: AlertUnit
    means: str
    remedy: str
    status: AlertStatus | None
    since: datetime | None

    @classmethod
    def of(cls, subscription: Subscription, state: AlertState | None) -> Self:
        rule = RULES[subscription.alert]
        return cls(
            alert=subscription.alert,
            threshold=subscription.limit,
            unit=rule.unit,
            means=rule.means,
            remedy=(state.evidence.remedy if state else "") or rule.remedy.says,
            status=state.status if state else None,
            since=state.since if state else None,
            **_evidence(state.evidence if state else Evidence()),
        )


class AlertChange(Evidenced):
    """An alert was triggered or resolved, by a value above or below what was its threshold then."""

    alert: Alert
    status: AlertStatus
    at: datetime
    value: float
    threshold: float
    unit: AlertUnit

    @classmethod
    def of(cls, state: AlertState) -> Self:
        return cls(
            alert=state.alert,
            status=state.status,
            at=state.since,
            value=state.value,
            threshold=state.threshold,
            unit=RULES[state.alert].unit,
            **_evidence(state.evidence),
        )


def _evidence(found: Evidence) -> dict[str, Any]:
    counts = {"part": found.part, "whole": found.whole, "from": found.counted_from}
    return {
        "cause": found.cause,
        "until": found.until,
        "counts": None if found.part is None else counts,
        "reasons": [asdict(one) for one in found.reasons],
        "audiences": [asdict(one) for one in found.audiences],
    }


class AlertList(Representation):
    """`history`: newest first. `cursor`: pass it on to read what came before; null: there is no more."""

    alerts: list[AlertOut]
    history: list[AlertChange]
    cursor: str | None

    @classmethod
    def of(
        cls,
        subscriptions: Iterable[Subscription],
        states: Mapping[Alert, AlertState],
        history: Iterable[AlertState],
        cursor: str | None,
    ) -> Self:
        return cls(
            alerts=[AlertOut.of(one, states.get(one.alert)) for one in subscriptions],
            history=[AlertChange.of(one) for one in history],
            cursor=cursor,
        )
