"""From events to persons: paths, identities, values that are missing, empty or unfit."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from destination.domain.audience import Activation
from destination.domain.connection import (
    ActiveConnection,
    Connection,
    MappingRow,
    OnInvalid,
    Scope,
    WhenEmpty,
    WhenMissing,
)
from destination.domain.event import MembershipStatus, ProfileEvent
from destination.domain.mapping import Mapper
from destination.domain.outcome import INVALID_ATTRIBUTE, INVALID_DEDUPE_VALUE, MISSING_DEDUPE_VALUE, OUTSIDE_SCHEDULE
from destination.domain.person import Origin, Unit
from destination.domain.schema import Field, Schema
from testing.world import START, audience, connection, event

SCHEMA = Schema(
    {
        one.name: one
        for one in (
            Field("email", "email", 255),
            Field("firstName", "string", 255),
            Field("company", "string", 10),
            Field("leadScore", "integer"),
            Field("unsubscribed", "boolean"),
            Field("mktoName", "string", updateable=False),
            Field("crmId", "string", 50),
        )
    }
)
ORIGIN = Origin("message-1", "4", "2026-11-21T10:00Z")


def units(
    mapping: Mapping[str, str] | tuple[MappingRow, ...],
    profile: Mapping[str, object],
    *,
    identities: Mapping[str, tuple[str, ...]] | None = None,
    **changes: Any,
) -> list[Unit]:
    """The persons of an event in audience `a`; the mapping is given as target and source, or as rows."""
    rows = mapping if isinstance(mapping, tuple) else tuple(MappingRow(row, to) for to, row in mapping.items())
    target = active(connection(mapping=rows, **changes))
    one = event(None, ("a", MembershipStatus.REALIZED))
    return Mapper.of(target, SCHEMA).units(replace(one, profile=profile, identities=identities or {}), ORIGIN)


def active(of: Connection) -> ActiveConnection:
    return ActiveConnection(of, {audience("a"): Activation(audience("a"), "a", list_id=1001)})


def only(found: list[Unit]) -> Unit:
    (unit,) = found
    return unit


def test_dotted_paths_reach_into_the_profile() -> None:
    mapping = {"DedupeField": "personalEmail.address", "company": "_tenant.loyalty.tier", "firstName": "plain"}
    profile = {
        "personalEmail": {"address": "Ada@Example.org"},
        "_tenant": {"loyalty": {"tier": "gold"}},
        "plain": "Ada",
    }
    unit = only(units(mapping, profile))
    assert (unit.key, unit.dedupe_value) == ("ada@example.org", "Ada@Example.org")
    assert unit.fields == {"company": "gold", "firstName": "Ada"}


@pytest.mark.parametrize(
    "there", [{}, {"name": None}, {"name": {}}, {"name": {"first": None}}, {"name": {"first": {}}}]
)
def test_absent_null_and_empty_objects_are_not_on_the_profile(there: dict[str, object]) -> None:
    mapping = {"DedupeField": "email", "firstName": "name.first"}
    unit = only(units(mapping, {"email": "ada@example.org", **there}))
    assert (unit.fields, unit.dropped) == ({}, ())


@pytest.mark.parametrize("there", ["Ada", 7, ["Ada"], False])
def test_a_path_through_something_that_is_no_object_finds_nothing(there: object) -> None:
    unit = only(units({"DedupeField": "email", "firstName": "name.first"}, {"email": "ada@example.org", "name": there}))
    assert (unit.fields, unit.dropped) == ({}, ())


def test_zero_and_false_are_values() -> None:
    mapping = {"DedupeField": "email", "leadScore": "score", "unsubscribed": "out"}
    unit = only(units(mapping, {"email": "ada@example.org", "score": 0, "out": False}))
    assert unit.fields == {"leadScore": 0, "unsubscribed": False}


@pytest.mark.parametrize("there", [{}, {"company": None}, {"company": {}}, {"company": []}])
def test_a_row_may_clear_what_is_missing(there: dict[str, object]) -> None:
    rows = (MappingRow("email", "DedupeField"), MappingRow("company", "company", when_missing=WhenMissing.CLEAR))
    assert only(units(rows, {"email": "ada@example.org", **there})).fields == {"company": None}


@pytest.mark.parametrize("empty", ["", "  ", "\t\n"])
def test_an_empty_text_is_sent_only_where_the_row_says_so(empty: str) -> None:
    for when_empty, fields in ((WhenEmpty.IGNORE, {}), (WhenEmpty.SEND, {"company": ""})):
        rows = (MappingRow("email", "DedupeField"), MappingRow("company", "company", when_empty=when_empty))
        unit = only(units(rows, {"email": "ada@example.org", "company": empty}))
        assert (unit.fields, unit.dropped) == (fields, ())


def test_an_empty_text_does_not_clear_what_only_absence_clears() -> None:
    rows = (MappingRow("email", "DedupeField"), MappingRow("company", "company", when_missing=WhenMissing.CLEAR))
    assert only(units(rows, {"email": "ada@example.org", "company": ""})).fields == {}


def test_what_marketo_cannot_take_is_dropped_and_named_and_the_rest_arrives() -> None:
    mapping = {"DedupeField": "email", "company": "company", "leadScore": "score", "firstName": "first", "gone": "x"}
    unit = only(units(mapping, {"email": "ada@example.org", "company": "x" * 11, "score": "high", "first": "Ada"}))
    assert unit.fields == {"firstName": "Ada"}
    assert set(unit.dropped) == {"company", "leadScore", "gone"}
    assert unit.refusal is None


def test_a_read_only_field_is_never_sent_not_even_to_clear_it() -> None:
    row = MappingRow("name", "mktoName", WhenMissing.CLEAR, WhenEmpty.SEND)
    rows = (MappingRow("email", "DedupeField"), row)
    for there, dropped in (({"name": "Ada"}, ("mktoName",)), ({"name": ""}, ()), ({}, ())):
        unit = only(units(rows, {"email": "ada@example.org", **there}))
        assert (unit.fields, unit.dropped) == ({}, dropped)


def test_on_invalid_fail_turns_the_drop_into_failed() -> None:
    mapping = {"DedupeField": "email", "leadScore": "score"}
    profile = {"email": "ada@example.org", "score": "high"}
    assert only(units(mapping, profile, on_invalid=OnInvalid.FAIL)).refusal is INVALID_ATTRIBUTE
    fitting = {**profile, "score": 7}
    assert only(units(mapping, fitting, on_invalid=OnInvalid.FAIL)).refusal is None


@pytest.mark.parametrize("there", [{}, {"email": None}, {"email": {}}, {"email": ""}, {"email": "  "}, {"email": []}])
def test_without_a_dedupe_value_there_is_no_person(there: dict[str, object]) -> None:
    unit = only(units({"DedupeField": "email"}, there))
    assert (unit.key, unit.refusal) == (None, MISSING_DEDUPE_VALUE)
    assert [one.audience for one in unit.memberships] == [audience("a")]


@pytest.mark.parametrize("value", ["ada", 7, True, {"address": "ada@example.org"}, "ada@example.org,b@example.org"])
def test_an_unfit_dedupe_value_is_no_person_whatever_on_invalid_says(value: object) -> None:
    for on_invalid in OnInvalid:
        unit = only(units({"DedupeField": "email"}, {"email": value}, on_invalid=on_invalid))
        assert (unit.key, unit.refusal) == (None, INVALID_DEDUPE_VALUE)


@pytest.mark.parametrize("source", ["identityMap.email", "identityMap.Email", "IdentityMap.EMAIL"])
def test_an_identity_with_several_ids_is_one_person_each_and_its_first_id_elsewhere(source: str) -> None:
    found = units(
        {"DedupeField": source, "crmId": source},
        {},
        identities={"email": ("ada@example.org", "", "ADA@example.org", "nobody", "lovelace@example.org")},
    )
    assert [(unit.key, unit.origin.number, unit.refusal) for unit in found] == [
        ("ada@example.org", "4", None),
        (None, "4.1", INVALID_DEDUPE_VALUE),
        ("lovelace@example.org", "4.2", None),
    ]
    assert {unit.fields["crmId"] for unit in found} == {"ada@example.org"}
    assert len({unit.origin for unit in found}) == len(found)


def test_an_identity_path_may_hold_dots() -> None:
    found = units(
        {"DedupeField": "identityMap.com.example.mail"}, {}, identities={"com.example.mail": ("a@b.example",)}
    )
    assert only(found).key == "a@b.example"


def test_of_a_list_attribute_the_first_value_counts() -> None:
    found = units(
        {"DedupeField": "emails", "firstName": "names"},
        {"emails": ["ada@example.org", None, "lovelace@example.org"], "names": [None, "Ada"]},
    )
    assert [(unit.key, unit.fields) for unit in found] == [("ada@example.org", {"firstName": "Ada"})]


def test_the_dedupe_field_is_filled_by_the_identity_alone() -> None:
    mapping = {"DedupeField": "work", "email": "private"}
    unit = only(units(mapping, {"work": "ada@example.org", "private": "home@example.org"}))
    assert (unit.key, unit.fields) == ("ada@example.org", {})


def test_any_searchable_field_can_identify() -> None:
    unit = only(
        units({"DedupeField": "crm", "email": "email"}, {"crm": " C-1 ", "email": "a@b.example"}, dedupe_field="crmId")
    )
    assert (unit.key, unit.dedupe_value, unit.fields) == ("C-1", "C-1", {"email": "a@b.example"})


def test_audiences_that_are_not_activated_ride_along_unseen() -> None:
    target = active(connection())
    one = event("ada@example.org", ("a", MembershipStatus.EXITED), ("elsewhere", MembershipStatus.REALIZED))
    unit = only(Mapper.of(target, SCHEMA).units(one, ORIGIN))
    assert [membership.audience for membership in unit.memberships] == [audience("a")]


def test_an_audience_of_another_namespace_is_another_audience() -> None:
    one = event("ada@example.org", ("a", MembershipStatus.REALIZED))
    (membership,) = one.memberships
    foreign = replace(one, memberships=(replace(membership, audience=membership.audience._replace(namespace="crm")),))
    assert Mapper.of(active(connection()), SCHEMA).units(foreign, ORIGIN) == []


@pytest.mark.parametrize("memberships", [(), (("elsewhere", MembershipStatus.REALIZED),)])
def test_an_event_without_an_activated_audience_concerns_only_a_connection_of_all_profiles(
    memberships: tuple[tuple[str, MembershipStatus], ...],
) -> None:
    one: ProfileEvent = event("ada@example.org", *memberships)
    assert Mapper.of(active(connection()), SCHEMA).units(one, ORIGIN) == []
    unit = only(Mapper.of(active(connection(scope=Scope.ALL_PROFILES)), SCHEMA).units(one, ORIGIN))
    assert (unit.key, unit.memberships) == ("ada@example.org", ())


def test_an_audience_counts_from_its_start_on_and_before_its_end() -> None:
    hour = timedelta(hours=1)
    activation = Activation(audience("a"), "a", start=START, end=START + hour, list_id=1001)
    mapper = Mapper.of(ActiveConnection(connection(), {audience("a"): activation}), SCHEMA)
    for at in (START, START + hour - timedelta(microseconds=1)):
        one = event("ada@example.org", ("a", MembershipStatus.REALIZED), at=at)
        unit = only(mapper.units(one, ORIGIN))
        assert (unit.memberships, unit.unscheduled, unit.refusal) == (one.memberships, (), None)
    for at in (START - timedelta(microseconds=1), START + hour):
        one = event("ada@example.org", ("a", MembershipStatus.REALIZED), at=at)
        unit = only(mapper.units(one, ORIGIN))
        assert (unit.memberships, unit.unscheduled, unit.refusal) == ((), one.memberships, OUTSIDE_SCHEDULE)


def test_an_audience_outside_its_schedule_leaves_the_others_of_its_event_alone() -> None:
    activations = {
        audience("a"): Activation(audience("a"), "a", start=START + timedelta(hours=1), list_id=1001),
        audience("b"): Activation(audience("b"), "b", list_id=1002),
    }
    mapper = Mapper.of(ActiveConnection(connection(), activations), SCHEMA)
    one = event("ada@example.org", ("a", MembershipStatus.REALIZED), ("b", MembershipStatus.REALIZED))
    unit = only(mapper.units(one, ORIGIN))
    assert [membership.audience for membership in unit.memberships] == [audience("b")]
    assert [membership.audience for membership in unit.unscheduled] == [audience("a")]
    assert unit.refusal is None


def test_what_must_not_be_exported_is_not_sent_whatever_the_row_says() -> None:
    mapping = (
        MappingRow("email", "DedupeField"),
        MappingRow("company", "company", labels=("C2",)),
        MappingRow("score", "leadScore", labels=("C2", "C12")),
        MappingRow("gone", "crmId", when_missing=WhenMissing.CLEAR, labels=("C12",)),
        MappingRow("x", "notInTheSchema", labels=("C12",)),
    )
    profile = {"email": "ada@example.org", "company": "Acme", "score": 7, "x": "y"}
    unit = only(units(mapping, profile))
    assert (unit.fields, unit.dropped) == ({"company": "Acme"}, ())


@pytest.mark.parametrize(
    ("target", "value", "code", "why"),
    [
        ("company", "longer than ten", "TOO_LONG", "longer than 10 characters"),
        ("leadScore", "many", "INVALID_VALUE", "not a number"),
        ("mktoName", "Ada", "READ_ONLY", "the field is read-only in Marketo"),
        ("shoeSize", 44, "UNKNOWN_FIELD", "Marketo has no such field, or this API user may not see it"),
    ],
)
def test_why_an_attribute_is_dropped_can_be_told(target: str, value: object, code: str, why: str) -> None:
    rows = (MappingRow("email", "DedupeField"), MappingRow("source", target), MappingRow("name", "firstName"))
    mapper = Mapper.of(active(connection(mapping=rows)), SCHEMA)
    of = event("ada@example.org", ("a", MembershipStatus.REALIZED), source=value, name="Ada")
    assert [unit.dropped for unit in mapper.units(of, ORIGIN)] == [(target,)]
    assert {name: (error.code, str(error)) for name, error in mapper.why_dropped(of).items()} == {target: (code, why)}
