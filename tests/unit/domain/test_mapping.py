"""From events to persons: paths, identities, values that are missing, empty or unfit."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from destination.domain.audience import ANY_NAMESPACE, Activation, AudienceKey
from destination.domain.connection import (
    ActiveConnection,
    Consent,
    Generation,
    MappingRow,
    OnInvalid,
    OptIn,
    Scope,
    WhenEmpty,
    WhenMissing,
)
from destination.domain.event import MAX_IDENTITIES, Membership, MembershipStatus
from destination.domain.mapping import Mapper, keys_of
from destination.domain.outcome import INVALID_ATTRIBUTE, INVALID_DEDUPE_VALUE, MISSING_DEDUPE_VALUE, NO_CONSENT
from destination.domain.person import Origin, Said, Unit
from destination.domain.schema import Field, Schema
from destination.domain.times import EPOCH
from testing.persons import ADA, HOUR, RUN, START, activation, active, audience, event, lead, minute, said

REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
SCHEMA = Schema(
    {
        one.name: one
        for one in (
            Field("email", "email", 255),
            Field("firstName", "string", 255),
            Field("company", "string", 10),
            Field("leadScore", "integer"),
            Field("unsubscribed", "boolean"),
            Field("isVip", "boolean"),
            Field("mktoName", "string", updateable=False),
            Field("crmId", "string", 50),
        )
    }
)
ORIGIN = Origin("envelope-1", "4", RUN)


def units(
    mapping: Mapping[str, str] | tuple[MappingRow, ...],
    profile: Mapping[str, object],
    *,
    identities: Mapping[str, tuple[str, ...]] | None = None,
    **changes: Any,
) -> list[Unit]:
    """The persons of an event in audience `a`; the mapping is given as target and source, or as rows."""
    rows = mapping if isinstance(mapping, tuple) else tuple(MappingRow(row, to) for to, row in mapping.items())
    one = event(None, ("a", REALIZED))
    whole = replace(one, profile=profile, identities=identities or {})
    return mapper(activation("a"), mapping=rows, **changes).units(whole, ORIGIN)


def mapper(*activations: Activation, now: datetime = START, dormant: str = "", **changes: Any) -> Mapper:
    return Mapper.of(active(*activations, dormant=dormant, **changes), SCHEMA, now)


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
    mapping = {"DedupeField": "email", "leadScore": "score", "isVip": "out"}
    unit = only(units(mapping, {"email": "ada@example.org", "score": 0, "out": False}))
    assert unit.fields == {"leadScore": 0, "isVip": False}


@pytest.mark.parametrize("opt_in", [*OptIn, None])
@pytest.mark.parametrize(("value", "means"), [(True, True), ("1", True), (False, False), (0.0, False)])
def test_an_opt_out_is_taken_back_only_where_somebody_decided_so(
    opt_in: OptIn | None, value: object, *, means: bool
) -> None:
    rows = (MappingRow("email", "DedupeField"), MappingRow("out", "unsubscribed", opt_in=opt_in))
    unit = only(units(rows, {"email": "ada@example.org", "out": value}, on_invalid=OnInvalid.FAIL))
    is_sent = means or opt_in is OptIn.SEND
    assert unit.fields == ({"unsubscribed": means} if is_sent else {})
    assert unit.warned == (() if is_sent else (("unsubscribed", "OPT_IN_KEPT"),))
    assert (unit.dropped, unit.refusal) == ((), None)


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


@pytest.mark.parametrize("there", [{}, {"out": None}, {"out": ""}])
def test_a_boolean_is_never_emptied(there: dict[str, object]) -> None:
    row = MappingRow("out", "isVip", WhenMissing.CLEAR, WhenEmpty.SEND)
    unit = only(units((MappingRow("email", "DedupeField"), row), {"email": "ada@example.org", **there}))
    assert (unit.fields, unit.dropped) == ({}, ())


def test_an_empty_text_does_not_clear_what_only_absence_clears() -> None:
    rows = (MappingRow("email", "DedupeField"), MappingRow("company", "company", when_missing=WhenMissing.CLEAR))
    assert only(units(rows, {"email": "ada@example.org", "company": ""})).fields == {}


@pytest.mark.parametrize(
    ("value", "is_warned_of"),
    [("Café 👍", True), ("\U0001d49cda", True), ("👍\x00", True), ("Café ✓", False), ("客户", False)],
)
def test_what_marketo_may_cut_is_sent_as_it_is_and_warned_of(value: str, *, is_warned_of: bool) -> None:
    unit = only(units({"DedupeField": "email", "company": "company"}, {"email": "ada@example.org", "company": value}))
    assert (unit.fields, unit.dropped) == ({"company": value.replace("\x00", "")}, ())
    assert unit.warned == ((("company", "MAY_BE_CUT"),) if is_warned_of else ())


@pytest.mark.parametrize(("value", "taken"), [("Ac\x00me\x1b", "Acme"), ("\x00 \x01", ""), ("Ac\ud83dme", "Acme")])
def test_control_characters_are_taken_out_and_what_has_nothing_else_is_empty(value: str, taken: str) -> None:
    for when_empty in WhenEmpty:
        rows = (MappingRow("email", "DedupeField"), MappingRow("company", "company", when_empty=when_empty))
        unit = only(units(rows, {"email": "ada@example.org", "company": value}))
        sent = {"company": taken} if taken or when_empty is WhenEmpty.SEND else {}
        assert (unit.fields, unit.dropped) == (sent, ())


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


@pytest.mark.parametrize(
    "value",
    [
        "ada",
        7,
        True,
        {"address": "ada@example.org"},
        "ada@example.org,b@example.org",
        "ada\x00@example.org",
        "\u202eada@example.org",
        "mailto:ada@example.org",
    ],
)
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


SEVERAL = "VALUES_LEFT_OUT"


@pytest.mark.parametrize("source", ["emails", "emails[*]", "addresses[*].address"])
def test_several_values_that_identify_are_a_person_each_as_those_of_an_identity(source: str) -> None:
    values = ["ada@example.org", None, "ADA@example.org", "nobody", "lovelace@example.org"]
    found = units({"DedupeField": source}, {"emails": values, "addresses": [{"address": one} for one in values]})
    assert [(unit.key, unit.origin.number, unit.refusal, unit.warned) for unit in found] == [
        ("ada@example.org", "4", None, ()),
        (None, "4.1", INVALID_DEDUPE_VALUE, ()),
        ("lovelace@example.org", "4.2", None, ()),
    ]


@pytest.mark.parametrize(("count", "warned"), [(MAX_IDENTITIES, ()), (MAX_IDENTITIES + 1, (("email", SEVERAL),))])
def test_so_many_values_may_identify_and_more_are_told_of(count: int, warned: object) -> None:
    found = units({"DedupeField": "emails"}, {"emails": [f"p{number}@example.org" for number in range(count)]})
    assert len(found) == MAX_IDENTITIES
    assert {unit.warned for unit in found} == {warned}


@pytest.mark.parametrize(
    ("source", "join", "taken", "warned"),
    [
        ("names", None, "Ada", True),
        ("names", ";", "Ada;A.;1815", False),
        ("names[1]", None, None, False),
        ("names[2]", None, "A.", False),
        ("names[2]", ";", "A.", False),
        ("names[9]", None, None, False),
        ("people[*].name", None, "Ada", True),
        ("people[*].name", " / ", "Ada / Byron", False),
        ("people[?born==1815].name", None, "Ada", False),
        ("people[?id.kind=='poet'].name", ";", "Byron", False),
        ("people[?id.kind=='none'].name", ";", None, False),
        ("people.name", None, None, False),
        ("people[0].name.first", None, None, False),
        ("identityMap.crm", None, "C-1", False),
        ("identityMap.crm", ",", "C-1,C-2", False),
    ],
)
def test_of_several_values_a_field_gets_the_first_or_all_joined(
    source: str, join: str | None, taken: str | None, *, warned: bool
) -> None:
    profile = {
        "email": ADA,
        "names": ["Ada", None, "A.", {}, " ", 1815.0],
        "people": [{"name": "Ada", "born": 1815}, {"name": "Byron", "born": "1788", "id": {"kind": "poet"}}],
    }
    rows = (MappingRow("email", "DedupeField"), MappingRow(source, "firstName", join=join))
    unit = only(units(rows, profile, identities={"crm": ("C-1", "C-2")}))
    assert unit.fields == ({} if taken is None else {"firstName": taken})
    assert unit.warned == ((("firstName", SEVERAL),) if warned else ())


@pytest.mark.parametrize("there", [{}, {"tags": []}, {"tags": [None, {}]}, {"tags": None}])
def test_a_row_of_several_values_may_clear_what_is_missing(there: dict[str, object]) -> None:
    for source in ("tags", "tags[*]"):
        row = MappingRow(source, "company", when_missing=WhenMissing.CLEAR, join=";")
        unit = only(units((MappingRow("email", "DedupeField"), row), {"email": ADA, **there}))
        assert unit.fields == {"company": None}


def test_empty_texts_alone_are_an_empty_text() -> None:
    for when_empty, fields in ((WhenEmpty.IGNORE, {}), (WhenEmpty.SEND, {"company": ""})):
        row = MappingRow("tags", "company", when_empty=when_empty, join=";")
        unit = only(units((MappingRow("email", "DedupeField"), row), {"email": ADA, "tags": ["", "  "]}))
        assert (unit.fields, unit.dropped) == (fields, ())


@pytest.mark.parametrize(
    ("tags", "code"),
    [(["a", {"b": "c"}], "INVALID_VALUE"), (["abcde", "fghij"], "TOO_LONG"), ([["a"], "b"], "INVALID_VALUE")],
)
def test_joined_values_that_are_no_text_or_too_long_are_dropped(tags: list[object], code: str) -> None:
    rows = (MappingRow("email", "DedupeField"), MappingRow("tags", "company", join=";"))
    of, one = mapper(mapping=rows), event(ADA, ("a", REALIZED), tags=tags)
    assert [(unit.fields, unit.dropped, unit.warned) for unit in of.units(one, ORIGIN)] == [({}, ("company",), ())]
    assert {name: error.code for name, error in of.why_dropped(one).items()} == {"company": code}


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
    one = event(ADA, ("a", EXITED), ("elsewhere", REALIZED))
    unit = only(mapper().units(one, ORIGIN))
    assert (unit.memberships, unit.unscheduled, unit.dormant) == (one.memberships[:1], (), ())


def test_an_audience_of_another_namespace_is_another_audience() -> None:
    one = event(ADA, ("a", REALIZED))
    (membership,) = one.memberships
    foreign = replace(one, memberships=(membership._replace(audience=membership.audience._replace(namespace="crm")),))
    assert only(mapper().units(foreign, ORIGIN)).memberships == ()


@pytest.mark.parametrize(
    ("words", "status", "at"),
    [
        ("crm in 1", REALIZED, 1),
        ("crm out 1", EXITED, 1),
        ("crm in 1, ups out 2", REALIZED, 1),
        ("crm in 1, ups in 2, csv out 3", REALIZED, 2),
        ("crm out 1, ups out 2", EXITED, 2),
        ("crm in 1, crm out 2", EXITED, 2),
        ("crm in 2, crm out 1", REALIZED, 2),
        ("crm in 1, crm out 1", EXITED, 1),
    ],
)
@pytest.mark.parametrize("is_dormant", [False, True])
def test_an_audience_in_any_namespace_is_named_once(
    words: str, status: MembershipStatus, at: int, *, is_dormant: bool
) -> None:
    split = [one.split() for one in words.split(", ")]
    said_of = {"in": REALIZED, "out": EXITED}
    memberships = tuple(
        Membership(AudienceKey(space, "a"), said_of[what], minute(int(when))) for space, what, when in split
    )
    anywhere = AudienceKey(ANY_NAMESPACE, "a")
    known = {} if is_dormant else {anywhere: Activation(anywhere, "a")}
    target = ActiveConnection(active().connection, known, {anywhere: EPOCH} if is_dormant else {})
    of = Mapper.of(target, SCHEMA, START)
    unit = only(of.units(replace(event(ADA), memberships=memberships), ORIGIN))
    (one,) = unit.dormant if is_dormant else unit.memberships
    assert (one.audience, one.status, one.at) == (anywhere, status, minute(at))
    assert len(one.parts) == len({space for space, _, _ in split})


@pytest.mark.parametrize("namespace", ["ups", ANY_NAMESPACE])
def test_what_waited_while_its_audience_was_activated_is_received_at_its_beginning(namespace: str) -> None:
    activated = AudienceKey(namespace, "a")
    known = {activated: Activation(activated, "a", begun_at=minute(5))}
    of = Mapper.of(ActiveConnection(active().connection, known), SCHEMA, minute(9))
    memberships = (Membership(AudienceKey("ups", "a"), REALIZED, minute(1)),)
    said = replace(event(ADA), memberships=memberships, received_at=minute(2))
    unit = only(of.units(said, ORIGIN))
    (one,) = unit.memberships
    assert unit.said_of(one) == Said(minute(1), minute(5))


def test_memberships_in_audiences_that_were_deactivated_lately_are_told_apart() -> None:
    one = event(ADA, ("a", REALIZED), ("c", EXITED))
    unit = only(mapper(dormant="c").units(one, ORIGIN))
    assert (unit.memberships, unit.dormant) == (one.memberships[:1], one.memberships[1:])
    unit = only(mapper(activation("b"), dormant="c").units(one, ORIGIN))
    assert (unit.memberships, unit.dormant, unit.names_audience) == ((), one.memberships[1:], False)


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("memberships", [(), (("elsewhere", REALIZED),), (("c", REALIZED),)])
def test_whether_an_event_without_an_activated_audience_concerns_the_connection_is_up_to_the_person(
    memberships: tuple[tuple[str, MembershipStatus], ...], scope: Scope
) -> None:
    """Whoever is in an audience is updated by it; so is the unit complete."""
    unit = only(mapper(scope=scope, dormant="c").units(event(ADA, *memberships), ORIGIN))
    assert (unit.key, unit.memberships, unit.names_audience) == (ADA, (), False)
    assert unit.fields == {"firstName": "Ada"}


@pytest.mark.parametrize(
    ("memberships", "scope", "reason"),
    [
        ((("a", REALIZED),), Scope.ACTIVATED_AUDIENCES, MISSING_DEDUPE_VALUE),
        ((("b", REALIZED),), Scope.ACTIVATED_AUDIENCES, MISSING_DEDUPE_VALUE),
        ((("elsewhere", REALIZED),), Scope.ACTIVATED_AUDIENCES, None),
        ((("c", REALIZED),), Scope.ACTIVATED_AUDIENCES, None),
        ((), Scope.ACTIVATED_AUDIENCES, None),
        ((), Scope.ALL_PROFILES, MISSING_DEDUPE_VALUE),
    ],
)
def test_an_event_of_nobody_concerns_the_connection_if_it_names_an_audience(
    memberships: tuple[tuple[str, MembershipStatus], ...], scope: Scope, reason: object
) -> None:
    of = mapper(activation("a"), activation("b", start=START + HOUR), scope=scope, dormant="c")
    found = of.units(event(None, *memberships), ORIGIN)
    assert [unit.refusal for unit in found] == ([reason] if reason else [])


@pytest.mark.parametrize(
    ("said_at", "now", "counts"),
    [
        (0, 0, True),
        (59.9, 59.9, True),
        (-0.1, -0.1, False),
        (60, 60, False),
        (-30, 10, True),
        (50, 70, True),
        (70, 90, False),
        (-30, -10, False),
    ],
    ids=[
        "from its start on",
        "before its end",
        "before its start",
        "from its end on",
        "said before its start",
        "said before its end",
        "said after its end",
        "long before",
    ],
)
def test_an_audience_counts_within_its_schedule_and_what_was_said_within_it_after_it_too(
    said_at: float, now: float, *, counts: bool
) -> None:
    scheduled = activation("a", start=START, end=START + HOUR)
    one = event(ADA, ("a", REALIZED), at=minute(said_at))
    unit = only(mapper(scheduled, now=minute(now)).units(one, ORIGIN))
    assert (unit.memberships, unit.unscheduled) == ((one.memberships, ()) if counts else ((), one.memberships))
    assert (unit.names_audience, unit.refusal) == (True, None)


def test_an_audience_outside_its_schedule_leaves_the_others_of_its_event_alone() -> None:
    one = event(ADA, ("a", REALIZED), ("b", REALIZED))
    unit = only(mapper(activation("a", start=START + HOUR), activation("b")).units(one, ORIGIN))
    assert (unit.memberships, unit.unscheduled) == (one.memberships[1:], one.memberships[:1])


def test_a_unit_has_the_times_of_its_event() -> None:
    one = replace(event(ADA, ("a", REALIZED), at=minute(1)), received_at=minute(3))
    assert only(mapper().units(one, ORIGIN)).said == said(1, 3)


CONSENT = Consent("consents.share", ("y",))


@pytest.mark.parametrize(("word", "consents"), [("y", True), ("n", False), (None, False)])
def test_whose_profile_has_consent_is_told_and_without_it_no_attributes(word: str | None, *, consents: bool) -> None:
    one = event(ADA, ("a", REALIZED), consents={"share": word}, company="longer than ten")
    unit = only(mapper(consent=CONSENT, on_invalid=OnInvalid.FAIL).units(one, ORIGIN))
    assert (unit.consents, unit.memberships) == (consents, one.memberships)
    assert (unit.fields, unit.dropped) == (({"firstName": "Ada"}, ("company", "lastName")) if consents else ({}, ()))
    assert unit.refusal == (INVALID_ATTRIBUTE if consents else None)


def test_a_withdrawal_of_nobody_has_no_other_fault() -> None:
    unit = only(mapper(consent=CONSENT).units(event(None, ("a", REALIZED)), ORIGIN))
    assert (unit.key, unit.refusal) == (None, NO_CONSENT)
    assert mapper(consent=CONSENT).units(event(None), ORIGIN) == []


LEGACY: dict[str, Any] = {
    "generation": Generation.LEGACY_V2,
    "ecid_field": "crmId",
    "mapping": (
        MappingRow("identityMap.Email", "Email"),
        MappingRow("identityMap.ECID", "ECID"),
        MappingRow("firstName", "firstName"),
    ),
}


@pytest.mark.parametrize(
    ("identities", "key", "value", "ecid"),
    [
        ({"email": (ADA,), "ecid": ("123",)}, ADA, ADA, "123"),
        ({"email": (ADA,)}, ADA, ADA, None),
        ({"ecid": ("123",)}, "ecid,123", None, "123"),
        ({"email": ("nobody",), "ecid": ("123",)}, "ecid,123", None, "123"),
    ],
    ids=["both", "an address", "an ECID", "an ECID beside an address that is none"],
)
def test_on_a_legacy_connection_a_person_is_an_address_or_else_an_ecid(
    identities: Mapping[str, tuple[str, ...]], key: str, value: str | None, ecid: str | None
) -> None:
    one = replace(event(None, ("a", REALIZED)), identities=identities)
    unit = only(mapper(activation("a"), **LEGACY).units(one, ORIGIN))
    assert (unit.key, unit.dedupe_value, unit.ecid, unit.refusal) == (key, value, ecid, None)


@pytest.mark.parametrize(
    ("others", "keys"),
    [
        ((ADA,), {ADA}),
        ((ADA, "123"), {ADA, "ecid,123"}),
        ((None, "123"), {"ecid,123"}),
        ((ADA, None), {ADA}),
        ((None,), set()),
    ],
)
def test_a_lead_may_be_the_person_of_either_of_its_values(others: tuple[str | None, ...], keys: set[str]) -> None:
    assert keys_of(lead(7, key="7", others=others)) == keys


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
    of, one = mapper(mapping=rows), event(ADA, ("a", REALIZED), source=value, name="Ada")
    assert [unit.dropped for unit in of.units(one, ORIGIN)] == [(target,)]
    assert {name: (error.code, str(error)) for name, error in of.why_dropped(one).items()} == {target: (code, why)}
