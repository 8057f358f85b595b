"""What the checks of the credentials and of the API user's permissions find."""

from collections.abc import Mapping

import pytest

from destination.domain.remedy import Remedy
from marketo_simulator import Simulator
from testing.checks import NAMES, check, checked, of_role, verdicts
from testing.control_plane import created


def test_without_credentials_nothing_is_asked(marketo: Simulator) -> None:
    report = checked(created(credentials=None))
    assert verdicts(report) == {"credentials": False, **dict.fromkeys(NAMES[1:])}
    assert "LaunchPoint" in check(report, "credentials")["hint"]
    assert marketo.log() == []


def test_wrong_credentials_end_the_checks(marketo: Simulator) -> None:
    report = checked(created(credentials={"client_id": "client", "client_secret": "wrong-one"}))
    assert verdicts(report) == {"credentials": False, **dict.fromkeys(NAMES[1:])}
    assert check(report, "credentials")["hint"] == Remedy.GIVE_CREDENTIALS.says
    assert len(marketo.log()) == 1
    assert "wrong-one" not in str(report)


def test_credentials_that_were_changed_in_marketo_are_found_out_in_spite_of_a_token(marketo: Simulator) -> None:
    connection_id = created()
    assert checked(connection_id)["ok"] is True
    marketo.seed({"clients": [{"client_id": "client", "client_secret": "renewed"}]})
    assert verdicts(checked(connection_id))["credentials"] is False


@pytest.mark.parametrize(
    ("permissions", "failing", "check_name", "permission"),
    [
        (["Read-Only Lead", "Read-Write Assets"], {"write_leads": False}, "write_leads", "Edit Person"),
        (["Read-Write Lead", "Read-Only Assets"], {"assets": False}, "assets", "Read-Write Assets"),
        (["Read-Write Lead"], {"assets": False, "workspace": None}, "assets", "Read-Write Assets"),
        (
            ["Read-Write Assets"],
            dict.fromkeys(["read_leads", "write_leads", "partition", "dedupe_field", "mapping"], False),
            "read_leads",
            "Read-Only Person",
        ),
    ],
)
def test_a_missing_permission_is_named(
    marketo: Simulator,
    permissions: list[str],
    failing: Mapping[str, bool | None],
    check_name: str,
    permission: str,
) -> None:
    connection_id = of_role(marketo, *permissions)
    before = marketo.dump()
    report = checked(connection_id)
    assert verdicts(report) == failing
    assert permission in check(report, check_name)["hint"]
    assert "603" in check(report, check_name)["detail"]
    assert marketo.dump() == before
