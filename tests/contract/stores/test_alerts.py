"""Where alerts stand, and who was told: in memory as in the table."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import pytest

from destination.domain.alert import Alert, AlertState, AlertStatus, AudiencePart, Evidence, MainReason
from destination.monitoring.alerts import Alerts as MonitoredAlerts
from destination.store.alerts import Alerts, Stored
from destination.store.errors import StaleVersionError
from testing.aws import Aws
from testing.memory import MemoryAlerts

NOW = datetime(2026, 11, 21, 10, 5, tzinfo=UTC)
TRIGGERED = AlertState(Alert.FAILURE_RATE, AlertStatus.TRIGGERED, NOW, 0.013, 0.01, 1)
RESOLVED = AlertState(Alert.FAILURE_RATE, AlertStatus.RESOLVED, NOW + timedelta(minutes=5), 0.008, 0.01, 2)
EVIDENCE = Evidence(
    cause="Failed: 9 of 12 persons.",
    until=NOW + timedelta(minutes=15),
    part=9,
    whole=12,
    counted_from=NOW - timedelta(hours=1),
    reasons=(MainReason("MARKETO_1003", 9, "Refused."),),
    audiences=(AudiencePart("aud-1", None, "Webinar", 5), AudiencePart("aud-2", "ups", "Größe", 4)),
    remedy="Mend it.",
    begun_at=NOW,
)
OTHER = replace(TRIGGERED, alert=Alert.QUOTA_LOW, since=NOW + timedelta(minutes=1))


class AlertsStand(Protocol):
    @property
    def alerts(self) -> MonitoredAlerts: ...
    def history(self, connection_id: str) -> tuple[AlertState, ...]:
        """The changes of its alerts, newest first."""


@dataclass
class AlertsInMemory:
    alerts: MemoryAlerts = field(default_factory=MemoryAlerts)

    def history(self, connection_id: str) -> tuple[AlertState, ...]:
        return tuple(state for owner, state in reversed(self.alerts.changes) if owner == connection_id)


@dataclass
class AlertsInTable:
    stack: Aws

    @property
    def alerts(self) -> Alerts:
        return Alerts(self.stack.dynamodb, "RunsTable")

    def history(self, connection_id: str) -> tuple[AlertState, ...]:
        return self.alerts.history(connection_id, None, 100).changes


@pytest.fixture(params=["memory", "table"])
def stand(request: pytest.FixtureRequest) -> AlertsStand:
    return AlertsInMemory() if request.param == "memory" else AlertsInTable(request.getfixturevalue("stack"))


def test_a_change_is_kept_with_its_history(stand: AlertsStand) -> None:
    stand.alerts.change("c-1", TRIGGERED, published=0)
    assert stand.alerts.states("c-1") == {Alert.FAILURE_RATE: Stored(TRIGGERED, 0)}
    stand.alerts.change("c-1", RESOLVED, published=1)
    assert stand.alerts.states("c-1") == {Alert.FAILURE_RATE: Stored(RESOLVED, 1)}
    assert stand.history("c-1") == (RESOLVED, TRIGGERED)
    assert (stand.alerts.states("c-2"), stand.history("c-2")) == ({}, ())


@pytest.mark.parametrize("evidence", [EVIDENCE, Evidence(), Evidence(part=0, whole=0), Evidence(cause="")])
def test_what_a_change_is_based_on_is_kept_with_it(stand: AlertsStand, evidence: Evidence) -> None:
    state = replace(TRIGGERED, evidence=evidence)
    stand.alerts.change("c-1", state, published=0)
    assert stand.alerts.states("c-1") == {Alert.FAILURE_RATE: Stored(state, 0)}
    assert stand.history("c-1") == (state,)


def test_each_alert_of_each_connection_stands_for_itself(stand: AlertsStand) -> None:
    stand.alerts.change("c-1", TRIGGERED, published=0)
    stand.alerts.change("c-1", OTHER, published=0)
    stand.alerts.change("c-2", TRIGGERED, published=0)
    stand.alerts.publish("c-1", TRIGGERED)
    assert stand.alerts.states("c-1") == {
        Alert.FAILURE_RATE: Stored(TRIGGERED, 1),
        Alert.QUOTA_LOW: Stored(OTHER, 0),
    }
    assert stand.alerts.states("c-2") == {Alert.FAILURE_RATE: Stored(TRIGGERED, 0)}
    assert stand.history("c-1") == (OTHER, TRIGGERED)


def test_what_was_told_is_known(stand: AlertsStand) -> None:
    stand.alerts.change("c-1", TRIGGERED, published=0)
    assert not stand.alerts.states("c-1")[Alert.FAILURE_RATE].is_published
    stand.alerts.publish("c-1", TRIGGERED)
    assert stand.alerts.states("c-1")[Alert.FAILURE_RATE].is_published
    assert stand.history("c-1") == (TRIGGERED,)


@pytest.mark.parametrize(
    ("changed", "stale"),
    [
        ([TRIGGERED], replace(TRIGGERED, since=NOW + timedelta(minutes=1))),
        ([TRIGGERED, RESOLVED], replace(RESOLVED, since=NOW + timedelta(minutes=9), value=0.0)),
        ([TRIGGERED, RESOLVED], replace(TRIGGERED, since=NOW + timedelta(minutes=9))),
    ],
    ids=["first-change", "later-change", "two-changes-behind"],
)
def test_what_somebody_else_changed_meanwhile_is_not_changed(
    stand: AlertsStand, changed: list[AlertState], stale: AlertState
) -> None:
    for one in changed:
        stand.alerts.change("c-1", one, published=0)
    with pytest.raises(StaleVersionError, match="failure_rate of c-1"):
        stand.alerts.change("c-1", stale, published=0)
    assert stand.alerts.states("c-1") == {Alert.FAILURE_RATE: Stored(changed[-1], 0)}
    assert stand.history("c-1") == tuple(reversed(changed))
