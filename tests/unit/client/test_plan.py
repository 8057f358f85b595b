"""The plan: from what is wanted and what is there to what has to be done."""

from collections.abc import Mapping
from typing import Any

import pytest

from destination.api.audiences import AudienceIn
from destination.api.connections import ConnectionIn
from destination.domain.audience import ANY_NAMESPACE, AudienceKey
from destination.domain.problem import ConfigurationError
from destination_client.documents import Document, InvalidFileError
from destination_client.plan import (
    Activate,
    Change,
    ChangeAudience,
    Create,
    Deactivate,
    Difference,
    Disable,
    Enable,
    GiveCredentials,
    Present,
    Step,
    plan,
)
from destination_client.wanted import Wanted, wanted

PROPERTIES: Mapping[str, Any] = {
    "name": "Webinar leads",
    "munchkin_id": "123-ABC-456",
    "workspace": "Default",
    "sync_type": "audience_and_profile",
    "person_action": "update_existing_only",
    "dedupe_field": "email",
    "source": {"format": "aep"},
    "mapping": [
        {"source": "personalEmail.address", "target": "DedupeField"},
        {"source": "person.name.firstName", "target": "firstName"},
    ],
}
CREDENTIALS = {"client_id": "client", "client_secret": "${SECRET}"}
SPRING = {"id": "aud-1", "name": "Spring"}
KEY = AudienceKey(ANY_NAMESPACE, "aud-1")


def document(content: Mapping[str, Any]) -> Document:
    return Document("file.yaml", content, {"": 1})


def described(**properties: Any) -> Wanted:
    return wanted(document({**PROPERTIES, **properties}), {})


def present(*audiences: Mapping[str, Any], status: str = "enabled", **properties: Any) -> Present:
    """A connection as the control plane shows it after it was made so; its audiences have the lists 1, 2, …"""
    made = ConnectionIn.read({**PROPERTIES, **properties}).model_dump(mode="json", exclude={"credentials"})
    shown = [
        AudienceIn.read(one).model_dump(mode="json") | {"version": number, "list": {"id": number, "name": one["name"]}}
        for number, one in enumerate(audiences, 1)
    ]
    return Present({**made, "id": "c-1", "version": 3, "status": status, "delivered_at": None}, shown)


@pytest.mark.parametrize(
    ("description", "there", "steps"),
    [
        ({}, None, [Create(PROPERTIES)]),
        ({"enabled": True}, None, [Create(PROPERTIES), Enable()]),
        ({"enabled": False}, None, [Create(PROPERTIES)]),
        (
            {"audiences": [SPRING], "enabled": True},
            None,
            [Create(PROPERTIES), Activate(KEY, SPRING), Enable()],
        ),
        ({}, present(), []),
        ({"enabled": True}, present(), []),
        ({"enabled": True}, present(status="blocked"), []),
        ({"enabled": True}, present(status="disabled"), [Enable()]),
        ({"enabled": True}, present(status="draft"), [Enable()]),
        ({"enabled": False}, present(), [Disable()]),
        ({"enabled": False}, present(status="blocked"), [Disable()]),
        ({"enabled": False}, present(status="draft"), []),
        ({}, present(limits={"concurrency": 9}), []),
        (
            {"limits": {"concurrency": 9}},
            present(),
            [Change({"limits": {"concurrency": 9}}, [Difference("limits.concurrency", 5, 9)])],
        ),
        ({"limits": {"concurrency": 5}}, present(), []),
        ({"resend_unchanged_after": "PT24H"}, present(), []),
        (
            {"partition": None},
            present(partition="EMEA"),
            [Change({"partition": None}, [Difference("partition", "EMEA", None)])],
        ),
        ({"name": "  Webinar leads "}, present(), []),
        ({"audiences": [SPRING]}, present(SPRING), []),
        ({"audiences": [{**SPRING, "list": {"id": 1}}]}, present(SPRING), []),
        (
            {"audiences": [{**SPRING, "start": "2026-11-21T10:00+0100"}]},
            present({**SPRING, "start": "2026-11-21T09:00:00Z"}),
            [],
        ),
        ({"audiences": []}, present(SPRING), []),
        (
            {"audiences": [{**SPRING, "name": "Autumn"}]},
            present(SPRING),
            [ChangeAudience(KEY, 1, {"name": "Autumn"}, [Difference("name", "Spring", "Autumn")])],
        ),
        (
            {"audiences": [{**SPRING, "namespace": "crm"}]},
            present(SPRING),
            [Activate(AudienceKey("crm", "aud-1"), {**SPRING, "namespace": "crm"})],
        ),
    ],
)
def test_the_steps(description: Mapping[str, Any], there: Present | None, steps: list[Step]) -> None:
    assert list(plan(described(**description), there)) == steps


def test_a_mapping_differs_by_rows() -> None:
    rows = [PROPERTIES["mapping"][0], {"source": "first", "target": "firstName"}]
    (change,) = plan(described(mapping=rows), present())
    assert isinstance(change, Change)
    assert change.patch == {"mapping": rows}
    (difference,) = change.differences
    assert [row["source"] for row in difference.before] == ["person.name.firstName"]
    assert [row["source"] for row in difference.after] == ["first"]


def test_rows_in_another_order_are_another_mapping() -> None:
    (change,) = plan(described(mapping=PROPERTIES["mapping"][::-1]), present())
    assert isinstance(change, Change)


MOVED = [{"source": "workEmail.address", "target": "DedupeField"}, *PROPERTIES["mapping"][1:]]


def delivered(there: Present) -> Present:
    return Present({**there.connection, "delivered_at": "2026-11-21T10:00:00Z"}, there.audiences)


def test_what_people_are_known_by_changes_only_where_it_is_said_to_mean_the_same() -> None:
    there = delivered(present())
    with pytest.raises(ConfigurationError, match=r"mapping\[0\].source: the source of DedupeField cannot be changed"):
        plan(described(mapping=MOVED), there)
    (step,) = plan(described(mapping=MOVED), there, same_people=True)
    assert isinstance(step, Change)
    assert step.patch == {"mapping": MOVED, "same_people": True}
    (other,) = plan(described(description="Anew"), there, same_people=True)
    assert isinstance(other, Change)
    assert other.patch == {"description": "Anew"}
    with pytest.raises(ConfigurationError, match="dedupe_field: cannot be changed"):
        plan(described(dedupe_field="customerKey"), there, same_people=True)


def test_the_workspace_stays_while_there_are_lists_in_it() -> None:
    with pytest.raises(ConfigurationError, match="workspace: cannot be changed"):
        plan(described(workspace="Europe"), present(SPRING))
    assert len(plan(described(workspace="Europe"), present())) == 1


def test_pruning_takes_away_what_is_not_named_and_nothing_else() -> None:
    there = present(SPRING, {"id": "aud-2", "name": "Autumn"})
    assert plan(described(audiences=[SPRING]), there, prune=True) == (
        Deactivate(AudienceKey(ANY_NAMESPACE, "aud-2"), 2),
    )
    assert plan(described(), there, prune=True) == ()


def test_an_audience_that_gets_its_list_with_the_change_is_changed_after_it() -> None:
    there = present(SPRING, sync_type="profile_only")
    bare = Present(there.connection, [{**there.audiences[0], "list": None}])
    (change,) = plan(described(audiences=[SPRING]), bare)
    assert isinstance(change, Change)
    assert change.patch == {"sync_type": "audience_and_profile"}
    renamed = {**SPRING, "name": "Autumn"}
    _, step = plan(described(audiences=[renamed]), bare)
    assert step == ChangeAudience(KEY, 2, {"name": "Autumn"}, [Difference("name", "Spring", "Autumn")])


def test_an_audience_without_a_list_is_activated_again_where_lists_are_kept() -> None:
    there = present(SPRING)
    bare = Present(there.connection, [{**there.audiences[0], "list": None}])
    assert plan(described(audiences=[SPRING]), bare) == (Activate(KEY, SPRING, 1),)


@pytest.mark.parametrize(
    ("status", "description", "on_demand", "given"),
    [
        ("enabled", {}, False, False),
        ("enabled", {"name": "Webinar leads", "workspace": "Other"}, False, False),
        ("enabled", {}, True, True),
        ("draft", {}, False, False),
        ("draft", {"enabled": True}, False, True),
        ("draft", {"audiences": [SPRING]}, False, True),
    ],
)
def test_credentials_are_given_where_they_may_be_missing(
    status: str, description: Mapping[str, Any], on_demand: bool, given: bool
) -> None:
    asked = described(credentials=CREDENTIALS, **description)
    steps = plan(asked, present(status=status), give_credentials=on_demand)
    assert (GiveCredentials() in steps) is given


@pytest.mark.parametrize(
    ("description", "there", "path"),
    [
        ({"workspace": None}, None, "workspace"),
        ({"sync_type": "both"}, None, "sync_type"),
        ({"limits": {"concurrency": 50}}, None, "limits.concurrency"),
        ({"limits": {"calls": 50}}, present(), "limits.calls"),
        ({"mapping": [{"source": "a..b", "target": "DedupeField"}]}, present(), "mapping[0].source"),
        ({"munchkin_id": "999-XYZ-999"}, present(), "munchkin_id"),
        ({"audiences": [{"id": "aud-1"}]}, None, "audiences[0].name"),
        ({"audiences": [SPRING, SPRING]}, None, "audiences[1]"),
        ({"audiences": [{**SPRING, "colour": "red"}]}, present(SPRING), "audiences[0].colour"),
        ({"audiences": [{**SPRING, "list": {"id": 7}}]}, present(SPRING), "audiences[0].list"),
        ({"audiences": [{"name": "Spring"}]}, present(), "audiences[0].id"),
        ({"name": "Webinar leads"}, present(status="deleting"), "name"),
    ],
)
def test_what_would_be_refused_is_refused_before_anything_is_done(
    description: Mapping[str, Any], there: Present | None, path: str
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        plan(described(**description), there)
    assert [problem.path for problem in refused.value.problems] == [path]


def test_credentials_cannot_be_given_anew_without_any() -> None:
    with pytest.raises(ConfigurationError, match="credentials: must be in the file"):
        plan(described(), present(), give_credentials=True)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"dedupe": "email"}, "dedupe: is not a known property; did you mean dedupe_field?"),
        ({"xyz": 1}, "xyz: is not a known property; leave it out"),
        ({"status": "enabled"}, "status: is not a known property"),
        ({"name": None}, "name: must be given, as it finds the connection; or give its id"),
        ({"id": 7}, "id: must be the id of a connection"),
        ({"id": "3f0e"}, "id: must be the id of a connection"),
        ({"enabled": "yes"}, "enabled: must be true or false"),
        ({"audiences": {"id": "a"}}, "audiences: must be a list"),
        ({"audiences": ["a"]}, "audiences[0]: must be an object"),
        ({"credentials": "secret"}, "credentials: must be an object"),
        ({"credentials": {"client_secret": "plain"}}, "a secret does not belong in a file"),
        ({"description": "${NOBODY}"}, "description: the environment variable NOBODY is not set"),
    ],
)
def test_a_document_that_cannot_be_meant_is_refused(content: Mapping[str, Any], problem: str) -> None:
    described = document({**PROPERTIES, **content})
    try:
        problems = described.placed(wanted(described, {}).problems)
    except InvalidFileError as refused:
        problems = list(refused.problems)
    assert problem in "\n".join(f"{one.path}: {one.message}" for one in problems)


def test_all_that_would_be_refused_is_refused_at_once() -> None:
    audiences = [{"id": "aud-1"}, {**SPRING, "id": "aud-2", "data_type": "account"}, {"nmae": "Autumn"}]
    description = {"dedupe_field": "id", "mapping": [{"source": "a..b", "target": "DedupeField"}]}
    with pytest.raises(ConfigurationError) as refused:
        plan(described(**description, audiences=audiences), None)
    assert {
        "dedupe_field",
        "mapping[0].source",
        "audiences[0].name",
        "audiences[1].data_type",
        "audiences[2].id",
        "audiences[2].nmae",
    } <= {one.path for one in refused.value.problems}


def test_values_come_from_the_environment_but_secrets_stay_references() -> None:
    read = wanted(document({**PROPERTIES, "munchkin_id": "${MUNCHKIN}", "credentials": CREDENTIALS}), {"MUNCHKIN": "1"})
    assert read.properties["munchkin_id"] == "1"
    assert read.credentials == CREDENTIALS
