"""The preflight through the control plane's handler: what each check finds, and that Marketo is left as it was."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from destination.composition import connections as composition
from functions.connections import app
from marketo_simulator import Fault, Simulator
from testing.control_plane import (
    CREATE,
    ApiAnswer,
    activated,
    call,
    control_plane,
    created,
    credentials,
    delivering,
    fresh,
    logged,
    stored,
)

NAMES = [
    "credentials",
    "read_leads",
    "write_leads",
    "assets",
    "workspace",
    "partition",
    "dedupe_field",
    "mapping",
    "quota",
]
MARKETO: Mapping[str, Any] = {
    "partitions": [{"name": "EMEA", "id": 2}],
    "workspaces": [{"name": "Europe", "partitions": ["EMEA"]}],
    "fields": [{"name": "customerKey", "data_type": "string"}],
    "leads": [{"id": 7, "email": "ada@example.org", "firstName": "Ada"}],
    "lists": [{"id": 1001, "name": "Webinar; spring", "members": [7]}],
}
ROWS = CREATE["mapping"]
DEDUPE, FIRST, LAST = ROWS
EVERYTHING = ("Read-Write Lead", "Read-Write Assets")


@pytest.fixture(scope="module")
def stack() -> Iterator[Simulator]:
    with control_plane() as simulator:
        yield simulator


@pytest.fixture(autouse=True)
def marketo(stack: Simulator) -> Iterator[Simulator]:
    with fresh(stack):
        stack.seed(MARKETO)
        yield stack


def checked(connection_id: str, sample: object = None) -> Any:
    body = None if sample is None else {"sample": sample}
    answer = call("POST", f"/connections/{connection_id}/checks", body)
    assert answer.status == 200, answer.text
    assert [one["name"] for one in answer.json["checks"]] == NAMES
    return answer.json


def verdicts(report: Any) -> dict[str, bool | None]:
    """The checks that did not go well."""
    return {one["name"]: one["ok"] for one in report["checks"] if one["ok"] is not True}


def check(report: Any, name: str) -> Any:
    return next(one for one in report["checks"] if one["name"] == name)


def errors(report: Any, name: str) -> dict[str, str]:
    return {one["path"]: one["message"] for one in check(report, name)["errors"]}


def of_role(marketo: Simulator, *permissions: str, partitions: list[str] | None = None, **changes: object) -> str:
    """A connection whose API user has these permissions alone."""
    client = {"client_id": "narrow", "client_secret": "secret", "permissions": list(permissions)}
    marketo.seed({"clients": [client | {"partitions": partitions}]})
    return created(credentials={"client_id": "narrow", "client_secret": "secret"}, **changes)


def enabled(connection_id: str) -> ApiAnswer:
    return call("POST", f"/connections/{connection_id}/enable")


# A connection that could deliver


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


# Credentials


def test_without_credentials_nothing_is_asked(marketo: Simulator) -> None:
    report = checked(created(credentials=None))
    assert verdicts(report) == {"credentials": False, **dict.fromkeys(NAMES[1:])}
    assert "LaunchPoint" in check(report, "credentials")["hint"]
    assert marketo.log() == []


def test_wrong_credentials_end_the_checks(marketo: Simulator) -> None:
    report = checked(created(credentials={"client_id": "client", "client_secret": "wrong-one"}))
    assert verdicts(report) == {"credentials": False, **dict.fromkeys(NAMES[1:])}
    assert check(report, "credentials")["hint"] == "Check the client id and client secret."
    assert len(marketo.log()) == 1
    assert "wrong-one" not in str(report)


def test_credentials_that_were_changed_in_marketo_are_found_out_in_spite_of_a_token(marketo: Simulator) -> None:
    connection_id = created()
    assert checked(connection_id)["ok"] is True
    marketo.seed({"clients": [{"client_id": "client", "client_secret": "renewed"}]})
    assert verdicts(checked(connection_id))["credentials"] is False


# Permissions


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


# Workspace, partition, fields


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
    assert check(report, name)["hint"] == "Fix what errors names."


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


# Quota, and a Marketo that does not answer


def test_a_used_up_share_of_the_quota_is_told() -> None:
    report = checked(created(limits={"daily_calls": 5}))
    assert verdicts(report) == {"quota": False}
    assert check(report, "quota")["detail"] == "all integrations made 6 calls today, of the 5 in limits.daily_calls"


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
    assert (failed["ok"], failed["hint"]) == (False, "Check the Munchkin ID.")


def test_without_time_left_the_checks_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    connection_id = created()
    monkeypatch.setattr(composition, "LAST_ANSWER", 0.0)
    report = checked(connection_id)
    assert check(report, "credentials")["detail"] == "Marketo takes too long to answer"
    assert set(verdicts(report)) == set(NAMES)


# A sample

SAMPLE: Mapping[str, Any] = {
    "personalEmail": {"address": "ada@example.org"},
    "person": {"name": {"firstName": "Ada", "lastName": "Lovelace"}},
}


@pytest.mark.parametrize("sample", [SAMPLE, [SAMPLE], {"profiles": [SAMPLE]}])
def test_a_sample_that_has_every_source_fits(sample: object) -> None:
    report = checked(created(), sample)
    assert report["ok"] is True
    assert check(report, "mapping")["detail"] == "3 rows fit Marketo's fields, and the sample"


def test_what_a_sample_lacks_is_named_by_its_path_and_never_by_a_value() -> None:
    sample = {"personalEmail": {"address": "not an address"}, "person": {"name": {"firstname": "Adalbert"}}}
    report = checked(created(), sample)
    assert verdicts(report) == {"mapping": False}
    assert errors(report, "mapping") == {
        "mapping[0].source": "the value at personalEmail.address does not fit email: not an e-mail address; "
        "map another source or field",
        "mapping[1].source": "person.name.firstName is not in the sample (did you mean person.name.firstname?); "
        "correct the path, or give a sample that has it",
        "mapping[2].source": "person.name.lastName is not in the sample (did you mean person.name.firstname?); "
        "correct the path, or give a sample that has it",
    }
    assert "not an address" not in str(report)
    assert "Adalbert" not in str(report)


def test_a_source_may_be_in_any_event_of_a_sample() -> None:
    halves = [{"personalEmail": SAMPLE["personalEmail"]}, {"person": SAMPLE["person"]}]
    assert checked(created(), halves)["ok"] is True


EMAILS = [{"address": "ada@example.org"}, {"address": "home@example.org"}]


def of_emails(emails: list[dict[str, str]], **row: str | None) -> Any:
    """What is checked of a sample with several addresses, and of a row for them."""
    rows = [DEDUPE, FIRST, LAST, {"source": "emails[*].address", "target": "company", **row}]
    return checked(created(mapping=rows), {**SAMPLE, "emails": emails})


def test_a_sample_tells_of_several_values() -> None:
    report = of_emails(EMAILS)
    assert [one for one in report["warnings"] if one["path"] == "mapping[3].source"] == [
        {
            "path": "mapping[3].source",
            "message": "emails[*].address has several values in the sample, and the first is sent; choose one by an "
            "index or a condition in the path, or set join",
        }
    ]


@pytest.mark.parametrize(("source", "join"), [("emails[0].address", None), ("emails[*].address", ";")])
def test_a_path_into_an_array_fits_its_sample(source: str, join: str | None) -> None:
    report = of_emails(EMAILS, source=source, join=join)
    assert (report["ok"], report["warnings"]) == (True, [])


def test_a_path_that_leads_to_an_array_is_told_the_way_into_it() -> None:
    nowhere = of_emails(EMAILS, source="emails.address")
    assert "(did you mean emails[0].address?)" in errors(nowhere, "mapping")["mapping[3].source"]


def test_values_that_are_joined_may_be_too_long() -> None:
    too_long = of_emails([{"address": "a" * 200}, {"address": "b" * 200}], join=";")
    assert "longer than 255 characters" in errors(too_long, "mapping")["mapping[3].source"]


def test_identities_are_looked_for_in_a_sample() -> None:
    rows = [{"source": "identityMap.Email", "target": "DedupeField"}, FIRST, LAST]
    named = {**SAMPLE, "identityMap": {"Email": [{"id": "ada@example.org"}]}}
    assert checked(created(mapping=rows), named)["ok"] is True
    assert errors(checked(created(mapping=rows), SAMPLE), "mapping").keys() == {"mapping[0].source"}


@pytest.mark.parametrize(
    ("sample", "path"),
    [(7, "sample[0]"), ([], "sample"), ({"identityMap": 7}, "sample[0].identityMap"), ("text", "sample[0]")],
)
def test_a_sample_that_is_no_event_is_refused(marketo: Simulator, sample: object, path: str) -> None:
    answer = call("POST", f"/connections/{created()}/checks", {"sample": sample})
    assert (answer.status, set(answer.errors)) == (422, {path})
    assert marketo.log() == []


def test_no_value_of_a_sample_shows_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    caplog.set_level("DEBUG", app.logger.name)
    checked(created(), {**SAMPLE, "person": {"name": {"firstName": "Adalbert"}}})
    assert "marketo call answered" in logged(caplog)
    assert "Adalbert" not in logged(caplog)


# Warnings


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


# Enabling, and changes of what is enabled


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"mapping": [*ROWS, {"source": "x", "target": "leadScroe"}]}, "mapping[3].target"),
        ({"mapping": [*ROWS, {"source": "x", "target": "createdAt"}]}, "mapping[3].target"),
        (
            {"mapping": [*ROWS, {"source": "x", "target": "leadScore", "source_type": "boolean"}]},
            "mapping[3].source_type",
        ),
        ({"dedupe_field": "title", "mapping": [*ROWS, {"source": "e", "target": "email"}]}, "dedupe_field"),
        ({"partition": "APAC"}, "partition"),
    ],
)
def test_a_connection_that_does_not_fit_is_not_enabled(changes: Mapping[str, object], path: str) -> None:
    connection_id = created(**changes)
    activated(connection_id)
    answer = enabled(connection_id)
    assert (answer.status, answer.json["type"]) == (409, "urn:marketo-destination:problem:checks-failed")
    assert answer.errors.keys() == {path}
    assert stored(connection_id).status == "draft"


def test_a_missing_permission_keeps_a_connection_from_being_enabled(marketo: Simulator) -> None:
    connection_id = of_role(marketo, "Read-Only Lead", "Read-Write Assets")
    activated(connection_id)
    answer = enabled(connection_id)
    assert answer.status == 409
    assert answer.errors.keys() == {"checks.write_leads"}
    assert "Edit Person" in answer.errors["checks.write_leads"]


def test_a_used_up_quota_does_not_keep_a_connection_from_taking_events() -> None:
    connection_id = created(limits={"daily_calls": 1})
    activated(connection_id)
    assert enabled(connection_id).json["status"] == "enabled"


def test_a_marketo_that_does_not_answer_is_to_be_tried_again(marketo: Simulator) -> None:
    connection_id = created()
    activated(connection_id)
    marketo.script(Fault(code="608", path="^/rest", every=1))
    answer = enabled(connection_id)
    assert (answer.status, answer.json["type"]) == (503, "urn:marketo-destination:problem:marketo-unavailable")
    assert "Retry-After" in answer.headers
    assert stored(connection_id).status == "draft"


def test_an_enabled_connection_is_not_checked_again(marketo: Simulator) -> None:
    connection_id = created()
    activated(connection_id)
    enabled(connection_id)
    calls = len(marketo.log())
    assert enabled(connection_id).status == 200
    assert len(marketo.log()) == calls


CHANGES: list[tuple[Mapping[str, object], str]] = [
    ({"mapping": [*ROWS, {"source": "x", "target": "leadScroe"}]}, "mapping[3].target"),
    ({"dedupe_field": "phone", "mapping": [*ROWS, {"source": "e", "target": "email"}]}, "dedupe_field"),
    ({"partition": "APAC"}, "partition"),
    ({"workspace": "Nowhere"}, "workspace"),
]


@pytest.mark.parametrize("status", ["enabled", "blocked"])
@pytest.mark.parametrize(("patch", "path"), CHANGES)
def test_an_enabled_connection_keeps_fitting_marketo(status: str, patch: Mapping[str, object], path: str) -> None:
    connection_id = created(scope="all_profiles")
    enabled(connection_id)
    if status == "blocked":
        delivering().block(connection_id, "603: access denied", datetime.now(UTC))
    before = stored(connection_id)
    answer = call("PATCH", f"/connections/{connection_id}", patch)
    assert (answer.status, answer.json["type"]) == (409, "urn:marketo-destination:problem:checks-failed")
    assert answer.errors.keys() == {path}
    assert stored(connection_id) == before


@pytest.mark.parametrize(("patch", "path"), CHANGES)
def test_a_disabled_connection_is_free(marketo: Simulator, patch: Mapping[str, object], path: str) -> None:
    connection_id = created(scope="all_profiles")
    enabled(connection_id)
    call("POST", f"/connections/{connection_id}/disable")
    calls = len(marketo.log())
    assert call("PATCH", f"/connections/{connection_id}", patch).status == 200
    assert len(marketo.log()) == calls
    assert enabled(connection_id).errors.keys() == {path}


def test_a_change_that_marketo_has_no_part_in_asks_nothing(marketo: Simulator) -> None:
    connection_id = created()
    activated(connection_id)
    enabled(connection_id)
    calls = len(marketo.log())
    assert call("PATCH", f"/connections/{connection_id}", {"name": "Renamed"}).status == 200
    assert len(marketo.log()) == calls


def test_credentials_that_marketo_does_not_accept_do_not_replace_those_of_an_enabled_connection() -> None:
    connection_id = created()
    activated(connection_id)
    enabled(connection_id)
    before = credentials(connection_id)
    wrong = {"client_id": "client", "client_secret": "wrong"}
    answer = call("PATCH", f"/connections/{connection_id}", {"credentials": wrong})
    assert (answer.status, set(answer.errors)) == (409, {"checks.credentials"})
    assert credentials(connection_id) == before


def test_a_good_change_of_an_enabled_connection_is_stored() -> None:
    connection_id = created()
    activated(connection_id)
    enabled(connection_id)
    rows = [*ROWS, {"source": "company.name", "target": "company", "source_type": "string"}]
    assert call("PUT", f"/connections/{connection_id}/mapping", rows).status == 200
    assert stored(connection_id).mapping[3].source_type == "string"
