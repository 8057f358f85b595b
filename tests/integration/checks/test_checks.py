"""The preflight through the control plane's handler: what passes it is left as it was, and what it warns of."""

import pytest

from marketo_simulator import Simulator
from testing.checks import ROWS, check, checked, of_role, verdicts
from testing.control_plane import activated, call, created


def test_a_good_connection_passes_every_check_and_nothing_changes(marketo: Simulator) -> None:
    connection_id = created(partition="EMEA", workspace="Europe")
    before = marketo.dump()
    report = checked(connection_id)
    assert report["ok"] is True
    assert verdicts(report) == {}
    assert report["warnings"] == []
    assert marketo.dump() == before


def test_the_checks_take_a_few_calls_and_say_how_many(marketo: Simulator) -> None:
    report = checked(created())
    counted = [one for one in marketo.log() if one.counted]
    assert report["marketo_calls"] == len(counted) == 7
    assert len(marketo.log()) == len(counted) + 1


def test_what_a_connection_does_not_need_is_not_asked(marketo: Simulator) -> None:
    report = checked(of_role(marketo, "Read-Write Lead", sync_type="profile_only"))
    assert report["ok"] is True
    assert "not needed" in check(report, "assets")["detail"]
    assert "not needed" in check(report, "workspace")["detail"]
    updates = checked(created(person_action="update_existing_only"))
    assert "not needed" in check(updates, "partition")["detail"]


def test_a_body_is_not_needed_and_an_empty_one_does() -> None:
    connection_id = created()
    assert call("POST", f"/connections/{connection_id}/checks", {}).json["ok"] is True
    refused = call("POST", f"/connections/{connection_id}/checks", {"events": []})
    assert (refused.status, refused.errors) == (422, {"events": "is not a known property; leave it out"})


def test_nobody_cannot_be_checked() -> None:
    assert call("POST", "/connections/nobody/checks").status == 404


def test_warnings_come_with_the_checks_and_never_fail_them() -> None:
    rows = [*ROWS, {"source": "salary", "target": "annualRevenue", "source_type": "long"}]
    report = checked(created(mapping=rows))
    assert report["ok"] is True
    assert report["warnings"] == [
        {
            "path": "mapping[3].source_type",
            "message": "an XDM long in annualRevenue, a currency: "
            "whole numbers beyond 9,007,199,254,740,992 lose digits there",
        }
    ]


@pytest.mark.usefixtures("short_window")
def test_it_is_told_what_withdrawals_cost_where_lists_may_hold_people_of_others() -> None:
    rule = {"consent": {"source": "consents.marketing.email.val", "allowed": ["y"]}}
    asking, free, without = created(**rule), created(**rule), created()
    for one in (asking, without):
        call("POST", f"/connections/{one}/audiences", {"id": "aud-2", "name": "A list of its own"})
    assert activated(asking).json["list"]["id"] == 1001
    (warning,) = checked(asking)["warnings"]
    assert warning["path"] == "consent"
    assert warning["message"].startswith("1 of its lists were there before their audience was activated")
    assert call("POST", f"/connections/{free}/audiences", {"id": "aud-1", "name": "Its own as well"}).status == 201
    assert [checked(one)["warnings"] for one in (free, without)] == [[], []]
