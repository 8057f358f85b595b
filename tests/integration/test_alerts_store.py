"""Where alerts stand, and their history, in the table of the template."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from destination.domain.alert import Alert, AlertState, AlertStatus
from destination.store.alerts import Alerts
from testing.aws import Aws, aws

NOW = datetime(2026, 11, 21, 10, 5, tzinfo=UTC)
TRIGGERED = AlertState(Alert.FAILURE_RATE, AlertStatus.TRIGGERED, NOW, 0.013, 0.01, 1)
RESOLVED = AlertState(Alert.FAILURE_RATE, AlertStatus.RESOLVED, NOW + timedelta(minutes=5), 0.008, 0.01, 2)


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack:
        yield stack


@pytest.fixture
def alerts(stack: Aws) -> Alerts:
    return Alerts(stack.dynamodb, "RunsTable")


def test_the_history_is_read_in_pages(alerts: Alerts) -> None:
    changes = [
        AlertState(alert, AlertStatus.TRIGGERED, NOW + timedelta(minutes=5 * number), 1.0, 0.0, 1)
        for number, alert in enumerate(Alert)
    ]
    for one in changes:
        alerts.change("c-1", one, published=0)
    read: list[AlertState] = []
    cursor = None
    while True:
        page = alerts.history("c-1", cursor, 3)
        read += page.changes
        cursor = page.cursor
        if cursor is None:
            break
    assert read == changes[::-1]


def test_the_history_leaves_after_90_days(alerts: Alerts, stack: Aws) -> None:
    alerts.change("c-1", TRIGGERED, published=0)
    items = stack.dynamodb.scan(TableName="RunsTable")["Items"]
    expiring = {one["id"]["S"]: one["expires_at"]["N"] for one in items if "expires_at" in one}
    assert list(expiring.values()) == [str(int((NOW + timedelta(days=90)).timestamp()))]
    assert all(name.startswith("alerted#") for name in expiring)


def test_alerts_of_a_removed_connection_are_forgotten(alerts: Alerts) -> None:
    alerts.change("c-1", TRIGGERED, published=0)
    alerts.forget("c-1")
    assert alerts.states("c-1") == {}
    assert alerts.history("c-1", None, 10).changes == (TRIGGERED,)
