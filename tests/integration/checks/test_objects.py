"""What the checks of workspace, partition and fields find."""

from collections.abc import Mapping
from typing import Any

import pytest

from destination.domain.remedy import Remedy
from marketo_simulator import Simulator
from testing.checks import EVERYTHING, ROWS, check, checked, errors, of_role, verdicts
from testing.control_plane import created


@pytest.mark.parametrize(
    ("changes", "name", "path", "message"),
    [
        (
            {"workspace": "Eurpe"},
            "workspace",
            "workspace",
            "(did you mean Europe?)",
        ),
        (
            {"partition": "APAC"},
            "partition",
            "partition",
            "Marketo has no partition APAC that the API user can see;",
        ),
        (
            {"dedupe_field": "phone", "mapping": [*ROWS, {"source": "e", "target": "email"}]},
            "dedupe_field",
            "dedupe_field",
            "phone is not searchable; choose one of the call marketo/dedupe-fields",
        ),
        (
            {"mapping": [*ROWS, {"source": "company.name", "target": "Company Name"}]},
            "mapping",
            "mapping[3].target",
            "Marketo has no lead field Company Name (did you mean company?); see the call marketo/fields",
        ),
    ],
)
def test_what_marketo_does_not_have_is_named(changes: Mapping[str, object], name: str, path: str, message: str) -> None:
    report = checked(created(**changes))
    assert verdicts(report) == {name: False}
    assert errors(report, name).keys() == {path}
    assert message in errors(report, name)[path]
    assert check(report, name)["hint"] == Remedy.FIX_PROPERTIES.says


@pytest.mark.parametrize(
    ("changes", "meaning"),
    [
        ({"partition": "EMEA"}, "created a second time"),
        ({"partition": "EMEA", "person_action": "update_existing_only"}, "PERSON_NOT_FOUND"),
        ({"person_action": "update_existing_only"}, "PERSON_NOT_FOUND"),
        ({"sync_type": "audience_only"}, "created a second time"),
    ],
)
def test_an_api_user_who_sees_some_partitions_only_is_warned_of(
    marketo: Simulator, changes: Mapping[str, Any], meaning: str
) -> None:
    report = checked(of_role(marketo, *EVERYTHING, partitions=["EMEA"], **changes))
    warnings = {one["path"]: one["message"] for one in report["warnings"]}
    assert "does not see the partition Default" in warnings["partition"]
    assert meaning in warnings["partition"]


def test_an_api_user_who_sees_the_default_partition_is_not_warned_of(marketo: Simulator) -> None:
    assert checked(of_role(marketo, *EVERYTHING, partitions=["Default"]))["warnings"] == []
    assert checked(created(partition="EMEA"))["warnings"] == []


def test_a_partition_that_the_api_user_does_not_see_is_named(marketo: Simulator) -> None:
    report = checked(of_role(marketo, *EVERYTHING, partitions=["EMEA"]))
    assert verdicts(report) == {"partition": False}
    assert "no partition Default" in errors(report, "partition")["partition"]
