"""What Census may send to a connection: objects, fields and operations.

Shapes: Census documentation, "Custom Destination API", RPC details of list_objects, list_fields, supported_operations.
"""

from dataclasses import replace
from typing import Any

import pytest

from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import (
    ActiveConnection,
    Consent,
    Generation,
    MappingRow,
    PersonAction,
    Scope,
    SourceType,
)
from destination.ingest.sources.census_objects import answer_to
from destination.ingest.sources.census_rpc import RpcCall, audience_of
from testing.persons import activation, active

A = {"object_api_name": "audience:ups:a"}


def asked(method: str, target: ActiveConnection, wanted: object = None) -> dict[str, Any]:
    answer = answer_to(RpcCall(method, {"object": wanted}, 7), target)
    assert answer is not None
    assert (answer["jsonrpc"], answer["id"]) == ("2.0", 7)
    return answer


def objects(target: ActiveConnection) -> dict[str, str]:
    named = asked("list_objects", target)["result"]["objects"]
    return {one["object_api_name"]: one["label"] for one in named}


def fields(*rows: MappingRow, **changes: Any) -> dict[str, dict[str, Any]]:
    found = asked("list_fields", active(mapping=rows, **changes), A)["result"]["fields"]
    assert len({one["field_api_name"] for one in found}) == len(found)
    return {one["field_api_name"]: one for one in found}


def test_each_activated_audience_is_an_object_under_its_name() -> None:
    target = active(replace(activation("a"), name="Webinar"), activation("b"))
    assert objects(target) == {"audience:ups:a": "Webinar", "audience:ups:b": "b"}


def test_people_without_an_audience_are_one_where_the_connection_takes_them() -> None:
    assert "lead" in objects(active(scope=Scope.ALL_PROFILES))
    assert "lead" not in objects(active(scope=Scope.ACTIVATED_AUDIENCES))


def test_an_audience_in_any_namespace_is_sent_in_the_default_one() -> None:
    anywhere = Activation(AudienceKey("", "x/y"), "Anywhere")
    (name,) = objects(active(anywhere))
    assert audience_of(name) == AudienceKey("ups", "x/y")


def test_the_fields_are_what_the_connection_reads() -> None:
    found = fields(
        MappingRow("email", "DedupeField"),
        MappingRow("person.name.firstName", "firstName"),
        MappingRow("score", "leadScore", source_type=SourceType.INTEGER),
        MappingRow("tags", "tags", source_type=SourceType.ARRAY, join=";"),
        MappingRow("identityMap.CRM", "crmId"),
        consent=Consent("consents.email.val", ("y",)),
        person_id="crm.id",
    )
    assert list(found) == [
        "email", "person.name.firstName", "score", "tags", "identityMap.crm", "consents.email.val", "crm.id",
    ]  # fmt: skip
    assert {name: one["type"] for name, one in found.items() if one["type"] != "string"} == {"score": "integer"}
    assert [name for name, one in found.items() if one["array"]] == ["tags"]
    assert [name for name, one in found.items() if one["identifier"] and one["required"]] == ["email"]
    assert all(one["createable"] and one["updateable"] and one["label"] for one in found.values())


def test_what_cannot_be_the_name_of_a_field_or_is_never_exported_is_none() -> None:
    rows = (
        MappingRow("emails[0].address", "DedupeField"),
        MappingRow("home", "address", source_type=SourceType.OBJECT),
        MappingRow("secret", "company", labels=("C12",)),
        MappingRow("city", "city"),
    )
    assert list(fields(*rows)) == ["city"]


@pytest.mark.parametrize("first_is_identity", [True, False])
def test_a_source_that_is_mapped_twice_is_one_field_and_an_identifier(*, first_is_identity: bool) -> None:
    rows = [MappingRow("email", "DedupeField"), MappingRow("email", "email")]
    found = fields(*(rows if first_is_identity else rows[::-1]))
    assert [(name, one["identifier"]) for name, one in found.items()] == [("email", True)]


def test_an_identifier_is_text() -> None:
    found = fields(MappingRow("crm", "DedupeField", source_type=SourceType.DOUBLE))
    assert (found["crm"]["type"], found["crm"]["array"]) == ("string", False)


def test_the_identities_of_a_legacy_connection_are_identifiers() -> None:
    rows = (MappingRow("email", "Email"), MappingRow("ecid", "ECID"))
    found = fields(*rows, generation=Generation.LEGACY_V2, ecid_field="ecid")
    assert all(one["identifier"] for one in found.values())


@pytest.mark.parametrize(
    ("person_action", "changes"),
    [
        (PersonAction.UPDATE_EXISTING_AND_CREATE_NEW, "upsert"),
        (PersonAction.UPDATE_EXISTING_ONLY, "update"),
    ],
)
def test_operations_are_those_that_the_connection_can_keep(person_action: PersonAction, changes: str) -> None:
    target = active(person_action=person_action)
    assert asked("supported_operations", target, A)["result"] == {"operations": ["mirror", changes]}
    assert asked("supported_operations", target, {"object_api_name": "lead"})["result"] == {"operations": [changes]}


@pytest.mark.parametrize("method", ["list_fields", "supported_operations"])
@pytest.mark.parametrize("wanted", [None, 7, {}, {"object_api_name": "contact"}, {"object_api_name": [1]}])
def test_what_is_no_object_has_neither_fields_nor_operations(method: str, wanted: object) -> None:
    assert asked(method, active(), wanted)["error"]["code"] == -32602


@pytest.mark.parametrize("method", ["sync_batch", "test_connection", "get_sync_speed", "LIST_OBJECTS"])
def test_another_call_is_not_answered_here(method: str) -> None:
    assert answer_to(RpcCall(method, {}), active()) is None
