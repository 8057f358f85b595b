"""The checks that the monitor makes once a day: it is told when one begins to fail, and when none does any more."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from destination.domain.remedy import Remedy
from destination.domain.times import format_time
from functions.monitor import app as monitor
from marketo_simulator import Fault, Simulator
from testing.aws import Context, inbox
from testing.client import Stack, stack
from testing.control_plane import call, created

DAY, RUN = timedelta(days=1), timedelta(minutes=5)
NOW = datetime.now(UTC)
ENOUGH, TOO_LITTLE = Context(), Context(milliseconds_left=20_000)


@pytest.fixture
def console(control_plane_marketo: Simulator, tmp_path: Path) -> Iterator[Stack]:
    """With one connection that subscribes to the alert."""
    with stack(control_plane_marketo, tmp_path) as standing:
        standing.apply()
        standing.done("alerts", str(standing.connection()["id"]), "--set", "checks_failing")
        yield standing


def wake(at: datetime, context: Context = ENOUGH) -> int:
    """The monitor at a time; how many alerts changed."""
    return monitor.handler({"time": format_time(at)}, context)["alerts"]


def take_away(marketo: Simulator, *permissions: str) -> Any:
    """Leave the API user these permissions alone; what it was before."""
    client = marketo.identity.clients["client"]
    marketo.identity.clients["client"] = replace(client, permissions=permissions)
    return client


@pytest.mark.remedy("mend-checks")
def test_a_check_that_begins_to_fail_is_told_once_and_its_end_too(console: Stack) -> None:
    told = inbox(console.running.aws)
    assert [wake(NOW), wake(NOW + RUN)] == [0, 0], "all is well"
    before = take_away(console.marketo, "Read-Write Lead")
    tomorrow = NOW + DAY + 2 * RUN
    assert [wake(tomorrow), wake(tomorrow + RUN), wake(tomorrow + 2 * RUN)] == [0, 1, 0]
    (message,) = told.told()
    detail = message["message"]
    assert (detail["alert"], detail["status"], detail["counts"]["part"]) == ("checks_failing", "triggered", 1)
    assert ": assets" in detail["cause"]
    assert detail["remedy"] == Remedy.MEND_CHECKS.says
    (reason,) = detail["reasons"]
    assert (reason["code"], "Read-Write Assets" in reason["message"]) == ("assets", True)

    console.marketo.identity.clients["client"] = before  # as the hint says
    connection_id = console.connection()["id"]
    assert call("POST", f"/connections/{connection_id}/checks").json["ok"]
    assert [wake(NOW + 3 * DAY), wake(NOW + 3 * DAY + RUN)] == [0, 1]
    assert call("GET", f"/connections/{connection_id}/alerts").json["alerts"][0]["status"] == "resolved"


def test_what_failed_before_a_connection_was_changed_is_told_of_no_more(console: Stack) -> None:
    connection_id = str(console.connection()["id"])
    before = take_away(console.marketo, "Read-Write Lead")
    assert [wake(NOW), wake(NOW + RUN)] == [0, 1]
    call("POST", f"/connections/{connection_id}/disable")
    assert wake(NOW + 2 * RUN) == 1, "it is watched for nothing"
    console.marketo.identity.clients["client"] = before
    assert call("POST", f"/connections/{connection_id}/enable").status == 200
    assert [wake(NOW + 3 * RUN), wake(NOW + 4 * RUN)] == [0, 0]


def test_whoever_is_told_of_nothing_is_asked_about_nothing(console: Stack) -> None:
    console.done("alerts", str(console.connection()["id"]), "--set", "letters")
    created()  # a draft
    before = len(console.marketo.log())
    wake(NOW)
    assert len(console.marketo.log()) == before


def test_what_there_is_no_time_for_is_done_by_the_next_run(console: Stack) -> None:
    before = len(console.marketo.log())
    wake(NOW, TOO_LITTLE)
    assert len(console.marketo.log()) == before
    wake(NOW + RUN)
    assert len(console.marketo.log()) > before


def test_a_marketo_that_does_not_answer_is_no_failing_check(console: Stack) -> None:
    console.marketo.script(Fault("http", status=503, every=1))
    assert [wake(NOW), wake(NOW + RUN)] == [0, 0]


def test_checks_leave_the_tokens_of_others_and_connections_alone(console: Stack) -> None:
    secrets = console.running.aws.secrets
    names = {one["Name"] for one in secrets.list_secrets()["SecretList"]}
    before = {one: secrets.get_secret_value(SecretId=one)["VersionId"] for one in names}
    version = console.connection()["version"]
    wake(NOW)
    assert {one: secrets.get_secret_value(SecretId=one)["VersionId"] for one in names} == before
    assert console.connection()["version"] == version
