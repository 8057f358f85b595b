"""What the checks say of the quota, and of a Marketo that does not answer."""

import pytest

from destination.composition import connections as composition
from destination.domain.remedy import Remedy
from marketo_simulator import Fault, Simulator
from testing.checks import NAMES, check, checked, verdicts
from testing.control_plane import created


def test_a_used_up_share_of_the_quota_is_told() -> None:
    report = checked(created(limits={"daily_calls": 5}))
    assert verdicts(report) == {"quota": False}
    assert check(report, "quota")["detail"] == "all integrations made 6 calls today, of the 5 in limits.daily_calls"


@pytest.mark.usefixtures("short_window")
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (Fault(code="607", path="^/rest", every=1), "607"),
        (Fault(code="606", path="^/rest", every=1), "606"),
        (Fault("http", status=503, path="^/rest", every=1), "503"),
        (Fault("drop", path="^/rest", every=1), "CONNECTION_LOST"),
        (Fault("http", status=502, path="^/identity", every=1), "502"),
    ],
)
def test_a_marketo_that_does_not_answer_is_told_and_left_alone(marketo: Simulator, fault: Fault, said: str) -> None:
    connection_id = created()
    marketo.script(fault)
    report = checked(connection_id)
    first = next(one for one in report["checks"] if one["ok"] is not True)
    assert (report["ok"], first["ok"]) == (False, None)
    assert said in first["detail"]
    assert "Try again after" in first["hint"]
    later = report["checks"][report["checks"].index(first) + 1 :]
    assert {one["ok"] for one in later} == {None}
    assert {one["detail"] for one in later} == {"not checked, as Marketo does not answer now"}
    assert len(marketo.log()) <= 5


@pytest.mark.parametrize("path", ["^/identity", "^/rest"])
@pytest.mark.parametrize("status", [404, 302])
def test_a_page_of_another_host_is_no_reason_to_try_again(marketo: Simulator, status: int, path: str) -> None:
    connection_id = created()
    marketo.script(Fault("http", status=status, path=path, every=1))
    failed = next(one for one in checked(connection_id)["checks"] if one["ok"] is not True)
    assert (failed["ok"], failed["hint"]) == (False, Remedy.CHECK_HOST.says)


def test_without_time_left_the_checks_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    connection_id = created()
    monkeypatch.setattr(composition, "LAST_ANSWER", 0.0)
    report = checked(connection_id)
    assert check(report, "credentials")["detail"] == "Marketo takes too long to answer"
    assert set(verdicts(report)) == set(NAMES)
