"""What an audit record tells of a change, and what it never tells."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from destination.control.audit import credential_changes, differences
from destination.domain.audience import Activation, AudienceKey
from destination.domain.audit import AuditChange
from destination.domain.connection import Connection, Consent, Limits, MappingRow, Status, WhenMissing
from destination.domain.credentials import ClientCredentials
from destination.domain.verification import Schedule
from testing.world import connection

AT = datetime(2026, 11, 21, 10, tzinfo=UTC)
CONNECTION = connection(mapping=(MappingRow("email", "DedupeField"), MappingRow("company", "company", labels=("C4",))))
ACTIVATION = Activation(AudienceKey("ups", "aud-1"), "Webinar", list_id=7, list_name="Webinar", version=3)


@pytest.mark.parametrize(
    ("after", "changes"),
    [
        (CONNECTION, []),
        (replace(CONNECTION, name="Renamed"), [AuditChange("name", "Webinar leads", "Renamed")]),
        (replace(CONNECTION, partition="EMEA"), [AuditChange("partition", None, "EMEA")]),
        (replace(CONNECTION, propagate_renames=True), [AuditChange("propagate_renames", False, True)]),
        (replace(CONNECTION, status=Status.DISABLED), [AuditChange("status", "enabled", "disabled")]),
        (replace(CONNECTION, limits=Limits(concurrency=3)), [AuditChange("limits.concurrency", 5, 3)]),
        (replace(CONNECTION, lead_cache=timedelta(hours=1)), [AuditChange("lead_cache", "PT0S", "PT3600S")]),
        (replace(CONNECTION, consent=Consent("c", ("y",))), [
            AuditChange("consent.source", None, "c"),
            AuditChange("consent.allowed", None, ["y"]),
        ]),
        (replace(CONNECTION, verification=Schedule(timedelta(days=1))), [
            AuditChange("verification.every", None, "PT86400S"),
            AuditChange("verification.repair", None, ["leavers", "missing"]),
        ]),
        (replace(CONNECTION, marketing_actions=("emailTargeting",)), [
            AuditChange("marketing_actions", None, ["emailTargeting"])
        ]),
        (replace(CONNECTION, version=2, blocked_cause="603", deleting_since=AT), []),
    ],
)  # fmt: skip
def test_only_what_was_configured_differently_is_told(after: Connection, changes: list[AuditChange]) -> None:
    assert list(differences(CONNECTION, after)) == changes


def test_a_row_of_the_mapping_stands_under_its_target() -> None:
    mapping = (MappingRow("email", "DedupeField"), MappingRow("score", "leadScore", WhenMissing.CLEAR))
    row = {"when_missing": "ignore", "when_empty": "ignore"}
    assert differences(CONNECTION, replace(CONNECTION, mapping=mapping)) == (
        AuditChange("mapping.company", {"source": "company", "target": "company", **row, "labels": ["C4"]}, None),
        AuditChange(
            "mapping.leadScore", None, {"source": "score", "target": "leadScore", **row, "when_missing": "clear"}
        ),
    )


def test_what_is_new_and_what_is_gone_is_told_whole() -> None:
    made = {change.path: change.after for change in differences(None, ACTIVATION)}
    assert made == {
        "name": "Webinar",
        "data_type": "people",
        "list_id": 7,
        "list_name": "Webinar",
        "when_list_missing": "block",
    }
    assert {change.path: change.before for change in differences(ACTIVATION, None)} == made


@pytest.mark.parametrize(
    ("before", "after", "changes"),
    [
        (None, None, []),
        (None, ("id", "hush"), [("credentials.client_id", None, "id"), ("credentials.client_secret", None, "changed")]),
        (("id", "hush"), ("id", "hush"), []),
        (("id", "hush"), ("id", "hush-2"), [("credentials.client_secret", None, "changed")]),
        (("id", "hush"), ("id-2", "hush"), [("credentials.client_id", "id", "id-2")]),
    ],
)
def test_of_credentials_only_the_client_id_is_told(
    before: tuple[str, str] | None, after: tuple[str, str] | None, changes: list[tuple[str, object, object]]
) -> None:
    told = credential_changes(before and ClientCredentials(*before), after and ClientCredentials(*after))
    assert list(told) == [AuditChange(*change) for change in changes]
    assert "hush" not in repr(told)
