"""What each part of a legacy dataflow's export becomes, and what the report says of it."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from destination.domain.audience import ANY_NAMESPACE, Activation, AudienceKey, WhenListMissing
from destination.domain.connection import Generation, MappingRow, PersonAction, SyncType
from destination.domain.migration.draft import Draft, Migration, migrate
from destination.domain.migration.export import MAX_DEPTH, MAX_VALUES
from destination.domain.migration.report import Finding, MigrationResult
from destination.domain.problem import ConfigurationError
from testing.legacy import EMAIL, NAMES, export, flow, segment, selector

SAMPLE = Path(__file__).resolve().parents[3] / "events/migrations/legacy-v2.json"
SELECTORS = "flow.transformations[0].params.profileSelectors.selectors"
CREATION = "targetConnection.params.personCreation"
SEGMENTS = "flow.transformations[0].params.segmentSelectors.selectors"
NOW = datetime(2026, 1, 15, tzinfo=UTC)
CREATE, UPDATE = PersonAction.UPDATE_EXISTING_AND_CREATE_NEW, PersonAction.UPDATE_EXISTING_ONLY


def current(content: object) -> Migration:
    return migrate(content, Generation.CURRENT, NOW)


def drafted(content: object, generation: Generation = Generation.CURRENT) -> Draft:
    draft = migrate(content, generation, NOW).connection
    assert draft is not None
    return draft


def rows(content: object, generation: Generation = Generation.CURRENT) -> dict[str, str]:
    """The draft's mapping: source by target."""
    return {row.target: row.source for row in drafted(content, generation).mapping}


def found(content: object, item: str, generation: Generation = Generation.CURRENT) -> Finding:
    [finding] = [one for one in migrate(content, generation, NOW).report if one.item == item]
    return finding


def result(content: object, item: str, generation: Generation = Generation.CURRENT) -> str:
    return found(content, item, generation).result.value


def activation(**properties: Any) -> tuple[Activation | None, Finding]:
    """What an audience with these properties becomes."""
    migration = current(export(flow(EMAIL, segments=(segment(**properties),))))
    [finding] = [one for one in migration.report if one.item == f"{SEGMENTS}[0]"]
    return next(iter(migration.activations), None), finding


def test_the_sample_becomes_a_connection_its_audiences_and_a_report() -> None:
    migration = current(json.loads(SAMPLE.read_text()))
    assert migration.connection == Draft(
        name="Marketo EMEA (V2)",
        description="Webinar and newsletter audiences",
        munchkin_id="123-ABC-456",
        workspace="Default",
        sync_type=SyncType.AUDIENCE_AND_PROFILE,
        person_action=CREATE,
        generation=Generation.CURRENT,
        mapping=(
            MappingRow("identityMap.email", "DedupeField"),
            MappingRow("person.name.firstName", "firstName"),
            MappingRow("person.name.lastName", "lastName"),
            MappingRow("_acme.company", "company"),
            MappingRow("_acme.engagement", "leadScore"),
        ),
        marketing_actions=("emailTargeting", "partnerEvents"),
        propagate_renames=False,
    )
    assert [(one.audience, one.list_id) for one in migration.activations] == [
        (AudienceKey("ups", "5a8c1f6e-0f4d-4f7e-9a44-2b1c7d9e0001"), None),
        (AudienceKey(ANY_NAMESPACE, "5a8c1f6e-0f4d-4f7e-9a44-2b1c7d9e0002"), 4711),
        (AudienceKey("customeraudienceupload", "spring-fair"), None),
    ]
    assert {
        one.item: one.result.value for one in migration.report if one.result is not MigrationResult.CARRIED_OVER
    } == {
        f"{SELECTORS}[1]": "cannot_carry",
        f"{SELECTORS}[4]": "changed",
        f"{SELECTORS}[6]": "cannot_carry",
        f"{SEGMENTS}[3]": "cannot_carry",
        "credentials": "needs_person",
        "labels": "needs_person",
        "source": "needs_person",
        "targetConnection.params.personCreation": "needs_person",
        "flow.state": "changed",
        "propagate_renames": "changed",
        "unmapping": "changed",
        "targetConnection.params.exportPace": "needs_person",
    }


def test_the_sample_keeps_the_legacy_behaviour_where_that_is_wanted() -> None:
    content = json.loads(SAMPLE.read_text())
    draft = drafted(content, Generation.LEGACY_V2)
    assert draft.mapping[:2] == (MappingRow("identityMap.email", "Email"), MappingRow("identityMap.ecid", "ECID"))
    assert (draft.dedupe_field, draft.ecid_field, draft.propagate_renames) == ("email", None, True)
    assert result(content, "ecid_field", Generation.LEGACY_V2) == "needs_person"
    assert result(content, "propagate_renames", Generation.LEGACY_V2) == "carried_over"


FLOW = flow(EMAIL, *NAMES)
BASE = export(FLOW)["baseConnection"]


@pytest.mark.parametrize(
    "content",
    [
        FLOW,
        [FLOW],
        {"items": [FLOW]},
        {"flow": FLOW},
        {"flow": {"items": [FLOW]}},
        {"flows": [{"items": [FLOW]}]},
        [{"items": [FLOW]}, {"items": [BASE]}],
        {"export": {"dataflow": FLOW, "account": BASE}},
    ],
    ids=str,
)
def test_the_dataflow_is_found_however_it_is_wrapped(content: object) -> None:
    assert rows(content) == {
        "DedupeField": "identityMap.email",
        "firstName": "person.name.firstName",
        "lastName": "person.name.lastName",
    }


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (None, "flow"),
        ([], "flow"),
        ({}, "flow"),
        ("flow", "flow"),
        ({"items": []}, "flow"),
        ({"targetConnection": {"baseConnectionId": "base-1"}}, "flow"),
        ([FLOW, FLOW], "flow"),
        ({"flow": FLOW, "more": [0] * MAX_VALUES}, ""),
    ],
    ids=lambda value: str(value)[:60],
)
def test_what_is_not_the_export_of_one_dataflow_is_refused(content: object, path: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        current(content)
    assert [problem.path for problem in refused.value.problems] == [path]


def test_an_export_nests_so_deep_and_no_deeper() -> None:
    def nested(depth: int) -> dict[str, Any]:
        value: Any = 1
        for _ in range(depth):
            value = [value]
        return {**FLOW, "deep": value}

    assert current(nested(MAX_DEPTH - 2)).connection
    with pytest.raises(ConfigurationError, match="levels deep"):
        current(nested(MAX_DEPTH - 1))


@pytest.mark.parametrize(
    ("form", "source"),
    [
        (EMAIL, "identityMap.email"),
        (selector("identityMap.Email", "Email"), "identityMap.email"),
        (selector("identityMap.Email", ""), "identityMap.email"),
        (selector("identityMap.Email", "email", identity=True), "identityMap.email"),
        (selector("identityMap.Email[0].id", "identityMap.Email"), "identityMap.email"),
        (selector("/identityMap/Email", "Email"), "identityMap.email"),
        (selector("personalEmail.address", "identityMap.Email"), "personalEmail.address"),
        (selector("xdm:personalEmail.xdm:address", "Email", identity=True), "personalEmail.address"),
        ({"value": {"path": "workEmail.address", "identity": {"namespace": "email"}}}, "workEmail.address"),
    ],
    ids=str,
)
def test_every_form_of_the_email_identity_is_the_dedupe_field(form: object, source: str) -> None:
    content = export(flow(form))
    assert rows(content) == {"DedupeField": source}
    assert rows(content, Generation.LEGACY_V2) == {"Email": source}
    assert result(content, f"{SELECTORS}[0]") == "carried_over"
    assert drafted(content).dedupe_field == "email"


def test_an_identity_that_is_declared_only_is_mapped() -> None:
    content = export(flow(*NAMES, primaryFields=[{"fieldType": "IDENTITY", "identityNamespace": "Email"}]))
    assert rows(content)["DedupeField"] == "identityMap.email"


ALIASES = ("ECID", "ecid", "Adobe Marketing Cloud ID", "Adobe Experience Cloud ID", "Adobe Experience Platform ID")


@pytest.mark.parametrize("namespace", ALIASES)
def test_nobody_is_found_by_ecid_alone(namespace: str) -> None:
    content = export(flow({"value": {"path": "identityMap.ECID", "identity": {"namespace": namespace}}}, *NAMES))
    assert current(content).connection is None
    assert result(content, f"{SELECTORS}[0]") == "cannot_carry"
    refused = found(content, "connection")
    assert refused.result is MigrationResult.CANNOT_CARRY
    assert refused.remedy is not None
    assert "dedupe_field" in refused.remedy
    assert "generation=legacy_v2" in refused.remedy


def test_the_legacy_generation_finds_people_by_ecid() -> None:
    content = export(flow({"value": {"path": "identityMap.ECID", "identity": {"namespace": "ECID"}}}, *NAMES))
    assert rows(content, Generation.LEGACY_V2)["ECID"] == "identityMap.ecid"
    assert drafted(content, Generation.LEGACY_V2).ecid_field is None
    assert result(content, "ecid_field", Generation.LEGACY_V2) == "needs_person"


@pytest.mark.parametrize(
    ("form", "expected", "becomes"),
    [
        (selector("_acme.company", "companyName"), "changed", {"company": "_acme.company"}),
        (selector("_acme.company", "company"), "carried_over", {"company": "_acme.company"}),
        (selector("/_acme/tier", "tier"), "carried_over", {"tier": "_acme.tier"}),
        (selector("$._acme.tier", "tier"), "carried_over", {"tier": "_acme.tier"}),
        (selector("identityMap.CRMID", "crmId"), "carried_over", {"crmId": "identityMap.crmid"}),
        (selector("_acme.tier", "tier", sourceType="ATTRIBUTE"), "carried_over", {"tier": "_acme.tier"}),
        (selector("_acme.out", "unsubscribed"), "needs_person", {"unsubscribed": "_acme.out"}),
        (selector("personalEmail.address", "email"), "changed", {}),
        (selector("_acme.tier", "tier", sourceType="EXPRESSION"), "cannot_carry", {}),
        (selector("_acme.tier", "tier", transformation="SHA256"), "cannot_carry", {}),
        (selector("_acme.tier", "tier", transformation=None), "carried_over", {"tier": "_acme.tier"}),
        (selector("lower(_acme.tier)", "tier"), "cannot_carry", {}),
        (selector("_acme.tiers[0].name", "tier"), "carried_over", {"tier": "_acme.tiers[0].name"}),
        (selector("/_acme/tiers[]/name", "tier"), "carried_over", {"tier": "_acme.tiers[*].name"}),
        (selector("_acme.tiers[?main==true].name", "tier"), "carried_over", {"tier": "_acme.tiers[?main==true].name"}),
        (selector("_acme.tiers[a].name", "tier"), "cannot_carry", {}),
        (selector("concat(_acme.tiers[0])", "tier"), "cannot_carry", {}),
        (selector("_acme/tier", "tier"), "cannot_carry", {}),
        (selector("", "tier"), "cannot_carry", {}),
        (selector("a" * 256, "tier"), "cannot_carry", {}),
        (selector("_acme.tier", "t" * 256), "cannot_carry", {}),
        (selector("_acme.tier", "loyalty.tier"), "cannot_carry", {}),
        (selector("_acme.tier", ""), "cannot_carry", {}),
        (selector("_acme.id", "id"), "cannot_carry", {}),
        (selector("_acme.ecid", "ecids"), "cannot_carry", {}),
        (selector("_acme.crm", "DedupeField"), "cannot_carry", {}),
        (selector("person.name.firstName", "firstName"), "carried_over", {}),
        (selector("person.name.nickName", "firstName"), "cannot_carry", {}),
        (selector("identityMap.CRMID", "identityMap.CRMID"), "cannot_carry", {}),
        (selector("identityMap.Email_LC_SHA256", "Email"), "cannot_carry", {}),
        (selector("workEmail.address", "Email"), "cannot_carry", {}),
        ({"type": "JSON_PATH", "value": {}}, "cannot_carry", {}),
        ({}, "cannot_carry", {}),
        (17, "cannot_carry", {}),
    ],
    ids=str,
)
def test_what_an_attribute_becomes(form: object, expected: str, becomes: dict[str, str]) -> None:
    content = export(flow(EMAIL, *NAMES, form))
    before = {"DedupeField": "identityMap.email", "firstName": "person.name.firstName"}
    assert rows(content) == before | {"lastName": "person.name.lastName"} | becomes
    assert result(content, f"{SELECTORS}[3]") == expected


def test_a_condition_other_than_that_the_value_exists_is_lost() -> None:
    form = selector("_acme.tier", "tier")
    form["value"]["operator"] = "GREATER_THAN"
    content = export(flow(EMAIL, form))
    assert rows(content)["tier"] == "_acme.tier"
    assert result(content, f"{SELECTORS}[1]") == "changed"


def test_an_email_attribute_that_comes_before_the_identity_is_left_out_too() -> None:
    content = export(flow(selector("workEmail.address", "email"), EMAIL))
    assert rows(content) == {"DedupeField": "identityMap.email"}
    assert result(content, f"{SELECTORS}[0]") == "changed"


SET = {
    "id": "set-1",
    "version": 2,
    "mappings": [
        {"source": "identityMap.Email", "destination": "Email", "sourceType": "ATTRIBUTE"},
        {"source": "person.name.firstName", "destination": "firstName", "sourceType": "ATTRIBUTE"},
        {"source": "upper(_acme.tier)", "destination": "tier", "sourceType": "EXPRESSION"},
    ],
}
BY_SET = flow(profileMapping={"mappingId": "set-1", "mappingVersion": 2})


@pytest.mark.parametrize("sets", [[SET], SET, {"items": [SET]}, [{"items": [{**SET, "id": "set-0"}, SET]}]], ids=str)
def test_a_mapping_set_is_read(sets: object) -> None:
    content = export(BY_SET, "MATCH_ONLY") | {"mappingSets": sets}
    assert rows(content) == {"DedupeField": "identityMap.email", "firstName": "person.name.firstName"}
    [refused] = [one for one in current(content).report if one.result is MigrationResult.CANNOT_CARRY]
    assert refused.item.endswith(".mappings[2]")


def test_a_mapping_set_of_another_version_is_to_be_compared() -> None:
    content = export(BY_SET) | {"mappingSets": [{**SET, "version": 1}]}
    assert result(content, "flow.transformations[0].params.profileMapping") == "needs_person"


@pytest.mark.parametrize("sets", [[], [{**SET, "id": "set-2"}]], ids=["none", "another"])
def test_a_mapping_set_that_is_not_in_the_export_is_named(sets: list[object]) -> None:
    content = export(BY_SET) | {"mappingSets": sets}
    missing = found(content, "flow.transformations[0].params.profileMapping")
    assert missing.result is MigrationResult.NEEDS_PERSON
    assert "set-1" in missing.detail
    assert drafted(content).mapping == ()


@pytest.mark.parametrize(
    ("parameters", "munchkin_id"),
    [
        ({"account": {"instance": "123-ABC-456"}}, "123-ABC-456"),
        ({"host": "https://123-abc-456.mktorest.com/rest"}, "123-ABC-456"),
        ({"one": "123-ABC-456", "other": "123-abc-456"}, "123-ABC-456"),
        ({"one": "123-ABC-456", "other": "123-ABC-457"}, None),
        ({"clientSecret": "123-ABC-456"}, None),
        ({"id": "0123-ABC-456"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_the_munchkin_id_is_recognised_anywhere(parameters: dict[str, object], munchkin_id: str | None) -> None:
    content = export(flow(EMAIL)) | {"baseConnection": {"auth": {"params": parameters}}}
    assert drafted(content).munchkin_id == munchkin_id
    missing = [one for one in current(content).report if one.item == "munchkin_id"]
    assert [one.result for one in missing] == ([] if munchkin_id else [MigrationResult.NEEDS_PERSON])


@pytest.mark.parametrize(
    ("parameters", "workspace"),
    [
        ({"workspace": "EMEA"}, "EMEA"),
        ({"Workspace ID": "EMEA"}, "EMEA"),
        ({"workspace": {"id": 3, "name": "EMEA"}}, "EMEA"),
        ({"workspaceId": 3}, None),
        ({"workspaceId": "3"}, None),
        ({"workspace": "EMEA", "workspaceName": "APAC"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_the_workspace_is_named_and_not_numbered(parameters: dict[str, object], workspace: str | None) -> None:
    content = {"flow": flow(EMAIL), "targetConnection": {"baseConnectionId": "b", "params": parameters}}
    assert drafted(content).workspace == workspace
    assert any(one.item == "workspace" for one in current(content).report) is (workspace is None)


@pytest.mark.parametrize(
    ("parameters", "action", "is_told"),
    [
        ({"personCreation": "Match Existing Marketo People and Create Missing People in Marketo"}, CREATE, True),
        ({"personCreation": "Match Existing Marketo People Only"}, UPDATE, True),
        ({"Person Creation": "MATCH_AND_CREATE"}, CREATE, True),
        ({"personCreation": "MATCH_ONLY"}, UPDATE, True),
        ({"personCreation": "DO_NOT_CREATE"}, UPDATE, True),
        ({"createMissingPeople": True}, CREATE, True),
        ({"createMissingPeople": False}, UPDATE, True),
        ({"matchType": "create"}, CREATE, True),
        ({"personCreation": "17"}, UPDATE, False),
        ({"personCreation": "create", "createNewPeople": False}, UPDATE, False),
        ({"createdAt": "create"}, UPDATE, False),
        ({}, UPDATE, False),
    ],
    ids=str,
)
def test_who_is_created(parameters: dict[str, object], action: PersonAction, is_told: bool) -> None:
    content = {"flow": flow(EMAIL, *NAMES), "targetConnection": {"baseConnectionId": "b", "params": parameters}}
    assert drafted(content).person_action is action
    assert all(one.item != "person_action" for one in current(content).report) is is_told


def test_nobody_is_created_without_names() -> None:
    content = export(flow(EMAIL, NAMES[0]))
    assert drafted(content).person_action is UPDATE
    finding = found(content, CREATION)
    assert finding.result is MigrationResult.NEEDS_PERSON
    assert "lastName" in finding.detail
    assert UPDATE in finding.detail
    # It is said once, and nothing says that people are created.
    assert [one for one in current(content).report if "person_action" in one.detail] == [finding]


def test_two_that_create_people_are_warned_of() -> None:
    on = flow(EMAIL, *NAMES)
    assert drafted(export(on)).person_action is CREATE
    finding = found(export(on), CREATION)
    assert finding.result is MigrationResult.NEEDS_PERSON
    assert "disable the dataflow" in (finding.remedy or "")
    assert result(export(on | {"state": "disabled"}), CREATION) == "carried_over"
    assert result(export(on, creation="MATCH_ONLY"), CREATION) == "carried_over"


@pytest.mark.parametrize("end", ["2026-01-14", "2026-01-15T00:00:00Z"])
def test_an_audience_that_is_over_is_left_out(end: str) -> None:
    made, finding = activation(schedule={"startDate": "2025-01-01", "endDate": end})
    assert made is None
    assert finding.result is MigrationResult.CANNOT_CARRY
    assert "is over since 2026-01-15T00:00Z" in finding.detail


def test_an_audience_that_is_over_today_is_not_over_yet() -> None:
    made, _ = activation(schedule={"endDate": "2026-01-15"})
    assert made is not None


def test_nothing_is_carried_over_to_no_draft() -> None:
    ecid = {"value": {"path": "identityMap.ECID", "identity": {"namespace": "ECID"}}}
    migration = current(export(flow(ecid, *NAMES, segments=(segment(),))))
    assert (migration.connection, migration.activations) == (None, ())
    assert {one.result for one in migration.report} == {MigrationResult.CANNOT_CARRY}
    [connection] = [one for one in migration.report if one.item == "connection"]
    assert "by ECID alone" in connection.detail
    assert f"{SEGMENTS}[0]" in {one.item for one in migration.report}


@pytest.mark.parametrize(("attributes", "expected"), [((), "audience_only"), (NAMES, "audience_and_profile")])
def test_the_sync_type_is_by_what_is_mapped(attributes: tuple[object, ...], expected: str) -> None:
    assert drafted(export(flow(EMAIL, *attributes))).sync_type == expected


def day(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("properties", "start", "end"),
    [
        ({"schedule": {"startDate": "2026-02-01", "endDate": "2026-02-28"}}, day("2026-02-01"), day("2026-03-01")),
        ({"schedule": {"startDate": "2026-02-01", "endDate": "2026-02-01"}}, day("2026-02-01"), day("2026-02-02")),
        ({"schedule": {"startDate": "2026-02-01T08:30:00+01:00"}}, day("2026-02-01T07:30"), None),
        ({"schedule": {"endDate": "2026-02-01T08:30:00Z"}}, None, day("2026-02-01T08:30")),
        ({"schedule": {"startDate": "1769904000"}}, day("2026-02-01"), None),
        ({"schedule": {"startDate": 1769904000000}}, day("2026-02-01"), None),
        ({"createTime": "1769904000"}, day("2026-02-01"), None),
        ({"schedule": {"startDate": "2026-03-01"}, "createTime": "1769904000"}, day("2026-03-01"), None),
        ({"schedule": {"endDate": None}}, None, None),
        ({}, None, None),
    ],
    ids=str,
)
def test_from_when_to_when(properties: dict[str, object], start: datetime | None, end: datetime | None) -> None:
    made, finding = activation(**properties)
    assert made is not None
    assert (made.start, made.end) == (start, end)
    assert finding.result is MigrationResult.CARRIED_OVER


@pytest.mark.parametrize(
    "schedule",
    [
        {"startDate": "soon"},
        {"endDate": ["2026-01-01"]},
        {"endDate": "99999999999999999999"},
        {"startDate": "2026-02-02", "endDate": "2026-02-01"},
        {"startDate": "0001-01-01T00:00:00+14:00"},
    ],
    ids=str,
)
def test_a_schedule_that_makes_no_sense_is_left_to_a_person(schedule: dict[str, object]) -> None:
    made, finding = activation(schedule=schedule)
    assert made is not None
    assert (made.start, made.end) == (None, None)
    assert finding.result is MigrationResult.NEEDS_PERSON


@pytest.mark.parametrize(
    ("given", "list_id", "expected"),
    [
        ("4711", 4711, "carried_over"),
        (4711, 4711, "carried_over"),
        ("ST4711A1", 4711, "carried_over"),
        ("crm-list", None, "needs_person"),
        ("0", None, "needs_person"),
        ("", None, "carried_over"),
        (None, None, "carried_over"),
    ],
    ids=str,
)
def test_the_mapping_id_of_the_first_version_is_the_list(given: object, list_id: int | None, expected: str) -> None:
    made, finding = activation(mappingId=given)
    assert made is not None
    assert made.list_id == list_id
    assert finding.result == expected
    assert made.when_list_missing is (WhenListMissing.CREATE if list_id is None else WhenListMissing.BLOCK)


@pytest.mark.parametrize(
    ("second", "name", "list_id", "expected"),
    [
        ({"name": "Audience aud-1"}, "Audience aud-1 (2)", None, "changed"),
        ({"name": " audience  AUD-1 "}, "audience  AUD-1 (2)", None, "changed"),
        ({"name": "Other"}, "Other", None, "carried_over"),
        ({"name": "Other", "mappingId": "7"}, "Other", 7, "carried_over"),
        ({"name": None}, "aud-2", None, "carried_over"),
        ({"name": "n" * 300}, "n" * 255, None, "changed"),
    ],
    ids=str,
)
def test_two_audiences_get_two_lists(second: dict[str, Any], name: str, list_id: int | None, expected: str) -> None:
    content = export(flow(EMAIL, segments=(segment(), segment("aud-2", **second))))
    made = current(content).activations[1]
    assert (made.name, made.list_id) == (name, list_id)
    assert result(content, f"{SEGMENTS}[1]") == expected


def test_a_list_belongs_to_one_audience() -> None:
    content = export(flow(EMAIL, segments=(segment(mappingId="7"), segment("aud-2", mappingId="7"))))
    assert [one.list_id for one in current(content).activations] == [7, None]
    assert result(content, f"{SEGMENTS}[1]") == "needs_person"


@pytest.mark.parametrize(
    "refused",
    [
        segment("aud-2", kind="ACCOUNT_SEGMENT"),
        segment("aud-2", kind="PROSPECT_SEGMENT"),
        segment("aud-2", kind="DATASET"),
        segment("aud-2", kind="UNHEARD_OF"),
        segment("aud-1"),
        segment("i" * 257),
        segment("aud-2", namespace="has space"),
        segment(""),
        {},
        "aud-2",
    ],
    ids=lambda value: str(value)[:60],
)
def test_an_audience_that_cannot_be_activated_is_left_out(refused: object) -> None:
    content = export(flow(EMAIL, segments=(segment(), refused)))
    assert [one.audience.id for one in current(content).activations] == ["aud-1"]
    assert result(content, f"{SEGMENTS}[1]") == "cannot_carry"


def test_a_marketing_action_is_the_end_of_its_reference() -> None:
    references = ["/dulepolicy/marketingActions/core/emailTargeting", "/custom/not a name", 7]
    content = export(flow(EMAIL) | {"policy": {"enforcementRefs": references}})
    assert drafted(content).marketing_actions == ("emailTargeting",)
    assert result(content, "flow.policy.enforcementRefs[1]") == "cannot_carry"


def test_what_nobody_read_is_named_once_and_never_shown() -> None:
    odd = {**selector("_acme.tier", "tier"), "colour": "blue-value"}
    legacy = flow(EMAIL, odd, odd, futureFeature={"deep": ["blue-value"]}) | {"pace": "blue-value", "empty": []}
    content = export(legacy, unknown="blue-value") | {"notes": "blue-value"}
    unread = [one.item for one in current(content).report if "was not read" in one.detail]
    assert unread == [
        "flow.transformations[].params.profileSelectors.selectors[].colour",
        "flow.transformations[].params.futureFeature",
        "flow.pace",
        "targetConnection.params.unknown",
        "notes",
    ]
    assert "blue-value" not in repr(current(content))


def test_credentials_are_not_taken() -> None:
    content = export(flow(EMAIL), **{"apiToken": "hush-token", "nested": {"clientId": "hush-client"}})
    migrated = current(content)
    assert "hush" not in repr(migrated)
    assert result(content, "credentials") == "needs_person"


def test_half_characters_do_not_go_further() -> None:
    content = export(flow(EMAIL, segments=(segment(name="\ud800x"),)) | {"\udfff": 1, "name": "\ud800"})
    repr(current(content)).encode()
