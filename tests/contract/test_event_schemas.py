"""What the monitor tells is what docs/schemas describe, and docs/monitoring.md names."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest

from destination.api.run_reports import report
from destination.domain.alert import (
    RULES,
    Alert,
    AlertState,
    AlertStatus,
    AlertUnit,
    AudiencePart,
    Evidence,
    MainReason,
)
from destination.domain.alert_message import TEST, AlertMessage
from destination.domain.connection import Status
from destination.domain.latency import Latency
from destination.domain.loss import RECORD_NO_OBJECT, UNKNOWN_PROPERTY, Lost
from destination.domain.outcome import MISSING_DEDUPE_VALUE, Class
from destination.domain.run import Run, RunStatus, Tally
from destination.domain.schema import AttributeWarning
from destination.marketo.reasons import message_of
from destination.monitoring import summaries
from destination.notify import SOURCE
from testing.template import ROOT
from testing.world import connection

NOW = datetime(2026, 11, 21, 11, 5, tzinfo=UTC)
MONITORING = (ROOT / "docs/monitoring.md").read_text()
ALERT, SUMMARY = (json.loads((ROOT / "docs/schemas" / name).read_text()) for name in ("alert.json", "run-summary.json"))
EVIDENCE = Evidence(
    "Because.",
    NOW,
    9,
    12,
    NOW,
    (MainReason("MISSING_DEDUPE_VALUE", 9, "No value."),),
    (AudiencePart("aud-1", None, "Webinar", 9),),
    "Mend it.",
    NOW,
)
EMPTY = Run("c-1", "2026-11-21T10:00Z")
BUSY = Run(
    "c-1",
    "2026-11-21T10:00Z",
    2,
    Tally(
        Counter(received=9, activated=7, excluded=2, created=7, marketo_calls=3),
        Counter({MISSING_DEDUPE_VALUE: 2}),
        {MISSING_DEDUPE_VALUE: "30ae69f6780684f3"},
        dropped=Counter(company=1),
        warned=Counter({AttributeWarning("unsubscribed", "OPT_IN_KEPT"): 3}),
        latency=Latency.of(Counter({800: 7})),
        first_at=NOW,
        last_at=NOW,
        losses={RECORD_NO_OBJECT: 2, UNKNOWN_PROPERTY: 1},
    ),
)


def check(content: object, schema: Mapping[str, Any]) -> None:
    checker = jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())
    checker.check_schema(schema)
    checker.validate(json.loads(json.dumps(content)))


def alerted(alert: Alert, status: AlertStatus) -> dict[str, Any]:
    evidence = EVIDENCE if status is AlertStatus.TRIGGERED else Evidence(begun_at=NOW)
    state = AlertState(alert, status, NOW, 0.5, RULES[alert].threshold, 3, evidence)
    return dict(AlertMessage.of(connection(), state).detail)


def summed_up(run: Run, *, correction: bool) -> dict[str, Any]:
    summary = summaries.RunSummary(connection(), run, run.tally.counts, is_correction=correction)
    return summaries.announcement(summary, report(run, NOW, message_of))


@pytest.mark.parametrize("alert", Alert)
@pytest.mark.parametrize("status", AlertStatus)
def test_alerts_are_as_described(alert: Alert, status: AlertStatus) -> None:
    check(alerted(alert, status), ALERT)


def test_a_test_alert_is_as_described() -> None:
    told = AlertMessage.of_test(connection(), NOW)
    check(told.detail, ALERT)
    assert (told.detail["status"], told.attributes["status"]) == (TEST, TEST)
    assert "a test" in told.text


@pytest.mark.parametrize("run", [EMPTY, BUSY], ids=["empty", "busy"])
@pytest.mark.parametrize("correction", [False, True])
def test_run_summaries_are_as_described(run: Run, correction: bool) -> None:
    check(summed_up(run, correction=correction), SUMMARY)


@pytest.mark.parametrize("schema", [ALERT, SUMMARY], ids=["alert", "run summary"])
def test_a_member_that_is_not_described_is_noticed(schema: Mapping[str, Any]) -> None:
    detail = alerted(Alert.NO_EVENTS, AlertStatus.TRIGGERED) if schema is ALERT else summed_up(BUSY, correction=False)
    for changed in ({**detail, "colour": "red"}, {name: value for name, value in detail.items() if name != "id"}):
        with pytest.raises(jsonschema.ValidationError):
            check(changed, schema)


def test_the_values_that_are_described_are_all_there_are() -> None:
    properties, run = ALERT["properties"], SUMMARY["properties"]["run"]["properties"]
    assert properties["alert"]["enum"] == [*Alert, TEST]
    assert properties["status"]["enum"] == [*AlertStatus, TEST]
    assert properties["unit"]["enum"] == list(AlertUnit)
    assert set(SUMMARY["properties"]["connection"]["properties"]["status"]["enum"]) == set(Status)
    assert run["status"]["enum"] == list(RunStatus)
    assert set(run["reasons"]["items"]["properties"]["class"]["enum"]) == set(Class)
    assert set(run["losses"]["items"]["properties"]["class"]["enum"]) == set(Lost)


@pytest.mark.parametrize("alert", Alert)
def test_every_alert_is_documented_as_the_rules_have_it(alert: Alert) -> None:
    rule = RULES[alert]
    settable = f"{rule.minimum:,g} to {rule.maximum:,.10g}" if rule.is_settable else "fixed"
    row = f"| `{alert}` | {rule.means} | {rule.unit} | {rule.threshold:,g} | {settable} | {rule.remedy.says} |"
    assert row in MONITORING


def test_the_documented_rules_choose_what_is_told() -> None:
    patterns = [json.loads(one) for one in re.findall(r"--event-pattern '(.*?)'", MONITORING, re.DOTALL)]
    assert patterns
    for pattern in patterns:
        assert pattern["source"] == [SOURCE]
        assert set(pattern["detail-type"]) <= {"Alert Triggered", "Alert Resolved", "Run Summary"}
        assert pattern.get("detail", {}).keys() <= ALERT["properties"].keys()
