"""Whatever the export of a dataflow holds: it is told what became of every selector, and the draft can be created."""

import json
import string
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from destination.api.audiences import AudienceIn
from destination.api.connections import ConnectionIn
from destination.api.migrations import ConnectionDraft, MigrationOut
from destination.domain.audience_rules import activation_problems
from destination.domain.connection import Generation
from destination.domain.connection_rules import connection_problems
from destination.domain.migration.draft import Draft, migrate
from destination.domain.problem import ConfigurationError
from testing.legacy import EMAIL, NAMES, export, flow, segment, selector

NOW = datetime(2026, 1, 15, tzinfo=UTC)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)
PATHS = st.sampled_from(
    [
        "identityMap.Email",
        "identityMap.ECID",
        "identityMap.crm",
        "personalEmail.address",
        "_acme.tier",
        "a..b",
        "f(x)",
        "",
    ]
) | st.text(max_size=10)
TARGETS = st.sampled_from(
    ["Email", "ECID", "identityMap.Email", "firstName", "lastName", "companyName", "company", "email", "id", "a.b", ""]
) | st.text(max_size=10)
DATES = st.sampled_from(["2026-02-01", "2026-01-31T23:59:59Z", "9999-12-31", "1769904000", "soon"]) | SCALARS


@st.composite
def selectors(draw: st.DrawFn) -> Any:
    if draw(st.booleans()):
        return draw(st.sampled_from([EMAIL, *NAMES]) | ANYTHING)
    changes = {"identity": draw(SCALARS), "sourceType": draw(st.sampled_from(["ATTRIBUTE", "EXPRESSION", None]))}
    return selector(draw(PATHS), draw(TARGETS), **changes)


@st.composite
def segments(draw: st.DrawFn) -> Any:
    if not draw(st.integers(0, 4)):
        return draw(ANYTHING)
    audience_id = draw(st.sampled_from(["aud-1", "aud-2", "aud-3"]) | st.text(max_size=5))
    properties: dict[str, Any] = draw(
        st.fixed_dictionaries(
            {},
            optional={
                "name": st.sampled_from(["One", " one", "one (2)", "Two, three"]) | SCALARS,
                "namespace": st.sampled_from(["ups", "CustomerAudienceUpload"]) | SCALARS,
                "schedule": st.fixed_dictionaries({}, optional={"startDate": DATES, "endDate": DATES}) | ANYTHING,
                "createTime": DATES,
                "mappingId": st.sampled_from(["7", "8", "ST9A1", "0"]) | SCALARS,
            },
        )
    )
    return segment(audience_id, draw(st.sampled_from(["PLATFORM_SEGMENT"] * 4 + ["ACCOUNT_SEGMENT"])), **properties)


@st.composite
def exports(draw: st.DrawFn) -> Any:
    profile, audiences = draw(st.lists(selectors(), max_size=8)), draw(st.lists(segments(), max_size=6))
    legacy = flow(*profile, segments=tuple(audiences)) | {"name": draw(SCALARS), "policy": draw(ANYTHING)}
    return export(legacy, draw(st.sampled_from(["MATCH_AND_CREATE", "MATCH_ONLY"]) | ANYTHING), more=draw(ANYTHING))


@given(exports(), st.sampled_from(Generation))
def test_every_selector_is_in_the_report_once(content: Any, generation: Generation) -> None:
    reported = [one.item for one in migrate(content, generation, NOW).report]
    parameters = content["flow"]["transformations"][0]["params"]
    for name in ("profileSelectors", "segmentSelectors"):
        for index in range(len(parameters[name]["selectors"])):
            assert reported.count(f"flow.transformations[0].params.{name}.selectors[{index}]") == 1


@given(exports(), st.sampled_from(Generation))
def test_a_draft_can_be_created_once_its_gaps_are_filled(content: Any, generation: Generation) -> None:
    migration = migrate(content, generation, NOW)
    if migration.connection is None:
        return
    body = ConnectionDraft.of(filled(migration.connection)).model_dump(mode="json")
    connection = ConnectionIn.read(body).draft()
    assert connection_problems(connection) == []
    lists = [one.list_id for one in migration.activations if one.list_id is not None]
    assert len(lists) == len(set(lists))
    for activation in migration.activations:
        read = AudienceIn.read(AudienceIn.of(activation).model_dump(mode="json")).activation()
        assert activation_problems(connection, read) == []


def filled(draft: Draft) -> Draft:
    """What a person gives."""
    has_ecid = any(row.target == "ECID" for row in draft.mapping)
    return replace(
        draft,
        munchkin_id=draft.munchkin_id or "123-ABC-456",
        workspace=draft.workspace or "Default",
        ecid_field="ecidText" if has_ecid else None,
    )


@given(st.dictionaries(st.sampled_from(["transformations", "policy", "params", "auth", "flow"]), ANYTHING | exports()))
def test_no_content_is_too_odd(content: Any) -> None:
    for odd in (content, {**content, "flowSpec": {}}, [exported(content)]):
        with suppress(ConfigurationError):
            MigrationOut.of(migrate(odd, Generation.CURRENT, NOW)).model_dump_json().encode()


def exported(parameters: object) -> Any:
    return export(flow() | {"transformations": [{"params": parameters}]})


SECRETS = st.text(string.ascii_letters + string.digits, max_size=40).map(lambda text: f"hush-{text}")
SECRET_NAMES = st.sampled_from(["clientSecret", "client_id", "password", "accessToken", "refresh-token", "apiKey"])


@given(st.dictionaries(SECRET_NAMES, SECRETS, min_size=1), exports(), st.sampled_from(Generation))
def test_a_secret_is_never_told(secrets: dict[str, str], content: Any, generation: Generation) -> None:
    content["baseConnection"]["auth"]["params"] |= secrets
    content["targetConnection"]["params"] |= {"account": secrets}
    told = json.dumps(MigrationOut.of(migrate(content, generation, NOW)).model_dump(mode="json"))
    assert all(secret not in told for secret in secrets.values())
