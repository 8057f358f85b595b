"""Alerts as JSON: what is subscribed, where it stands, and its history."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, StrictFloat

from destination.api.representation import Representation
from destination.domain.alert import RULES, Alert, AlertState, AlertStatus, AlertUnit, Subscription


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


class AlertOut(Representation):
    """A subscribed alert. `status` is null until it was triggered for the first time."""

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
            remedy=rule.remedy,
            status=state.status if state else None,
            since=state.since if state else None,
        )


class AlertChange(Representation):
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
        )


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
