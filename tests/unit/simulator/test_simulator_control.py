"""The control interface, the seed and its errors, several instances."""

import json
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from marketo_simulator import DecodeError, Request, Simulator
from marketo_simulator.__main__ import main
from marketo_simulator.fields import DATA_TYPES
from tests.unit.simulator.simulator_api import Api, code

PARTITIONS = "/rest/v1/leads/partitions.json"


def control(simulator: Simulator, method: str, name: str, content: object = None) -> Any:
    body = b"" if content is None else json.dumps(content).encode()
    return simulator.handle(Request.of(method, f"/_simulator/{name}", body=body)).json()


def test_control_calls_are_no_api_calls() -> None:
    api = Api(calls_per_window=1)
    for _ in range(5):
        control(api.simulator, "GET", "stats")
    assert code(api.get(PARTITIONS)) == ""
    assert [call["endpoint"] for call in control(api.simulator, "GET", "calls")] == [
        "GET /identity/oauth/token",
        f"GET {PARTITIONS}",
    ]


def test_the_log_says_what_came_and_what_became_of_it_without_secrets() -> None:
    api = Api()
    api.sync({"email": "a@example.org"}, {"email": "b@example.org"})
    identity, sync = control(api.simulator, "GET", "calls")
    assert identity["params"]["client_secret"] == "***"
    assert sync == {
        "number": 2,
        "time": "2026-03-02T12:00:00+00:00",
        "method": "POST",
        "path": "/rest/v1/leads.json",
        "endpoint": "POST /rest/v1/leads.json",
        "operation": "Sync Leads",
        "params": {},
        "body_bytes": 67,
        "records": 2,
        "status": 200,
        "code": "",
        "message": "",
        "executed": True,
        "counted": True,
        "concurrent": 1,
        "in_window": 1,
        "of_quota": 1,
        "by_limit": False,
        "fault": False,
        "user": "api@example.org",
        "request_id": api.simulator.log()[-1].request_id,
        "seconds": 0.0,
    }


def test_a_lookup_is_logged_as_the_call_it_stands_for() -> None:
    api = Api()
    form = {"filterType": "email", "filterValues": "a@example.org,b@example.org"}
    api.call("POST", "/rest/v1/leads.json", {"_method": "GET"}, form=form)
    call = api.simulator.log()[-1]
    assert (call.method, call.endpoint, call.records) == ("POST", "GET /rest/v1/leads.json", 2)
    assert call.params["filterValues"] == "a@example.org,b@example.org"


def test_seed_adds_and_reset_goes_back_to_the_start() -> None:
    api = Api({"leads": [{"email": "a@example.org"}]})
    control(api.simulator, "POST", "seed", {"leads": [{"email": "b@example.org"}]})
    control(api.simulator, "POST", "faults", {"code": "606", "every": 1})
    assert len(control(api.simulator, "GET", "dump")["leads"]) == 2
    control(api.simulator, "POST", "reset")
    dump = control(api.simulator, "GET", "dump")
    assert [lead["email"] for lead in dump["leads"]] == ["a@example.org"]
    assert control(api.simulator, "GET", "calls") == []
    assert control(api.simulator, "GET", "faults") == []
    assert code(api.get(PARTITIONS)) == "601"


def test_dump_shows_everything() -> None:
    seed = {
        "partitions": [{"name": "EMEA", "id": 9}],
        "workspaces": [{"name": "Europe", "partitions": ["EMEA"]}],
        "leads": [{"email": "a@example.org", "partition": "EMEA", "id": 40}],
        "lists": [{"name": "L", "id": 7, "workspace": "Europe", "members": [40]}],
    }
    stamp = "2026-03-02T12:00:00Z"
    lead = {"id": 40, "createdAt": stamp, "updatedAt": stamp, "leadPartitionId": 9, "email": "a@example.org"}
    assert control(Api(seed).simulator, "GET", "dump") == {
        "leads": [lead | {"partition": "EMEA"}],
        "lists": [
            {
                "id": 7,
                "name": "L",
                "workspace": "Europe",
                "folder": "/Lead Database/Europe/Group Lists",
                "description": "",
                "members": [40],
            }
        ],
        "partitions": [
            {"id": 1, "name": "Default", "description": "Initial system lead partition"},
            {"id": 9, "name": "EMEA", "description": ""},
        ],
        "workspaces": [
            {"id": 1, "name": "Default", "partitions": None},
            {"id": 2, "name": "Europe", "partitions": ["EMEA"]},
        ],
    }


def test_settings_are_changed_one_by_one() -> None:
    api = Api(latency=0.25)
    assert control(api.simulator, "PATCH", "settings", {"calls_per_window": 1})["latency"] == 0.25
    assert [code(api.get(PARTITIONS)) for _ in range(2)] == ["", "606"]
    assert control(api.simulator, "GET", "settings")["calls_per_window"] == 1
    before = control(api.simulator, "GET", "settings")
    control(api.simulator, "POST", "seed", {"settings": {"concurrency": None}})
    assert control(api.simulator, "GET", "settings") == before | {"concurrency": None}


def test_the_clock_is_advanced_set_and_put_back() -> None:
    api = Api()
    assert control(api.simulator, "POST", "clock", {"advance": 90})["now"] == "2026-03-02T12:01:30+00:00"
    moved = control(api.simulator, "POST", "clock", {"now": "2026-07-01T00:00:00Z"})
    assert moved["now"] == "2026-07-01T00:00:00+00:00"
    assert control(api.simulator, "POST", "clock", {"offset": 0}) == {"now": "2026-03-02T12:00:00+00:00", "offset": 0.0}
    assert control(api.simulator, "GET", "clock")["offset"] == 0.0


def test_a_clock_that_cannot_be_moved_as_was_said_stays_where_it_is() -> None:
    api = Api()
    for wrong in ({"advance": "x"}, {"offset": "x"}):
        assert "error" in control(api.simulator, "POST", "clock", {"now": "2026-07-01T00:00:00Z"} | wrong)
    assert control(api.simulator, "GET", "clock")["offset"] == 0.0


def test_no_time_is_lost_when_several_let_it_pass() -> None:
    simulator = Simulator()
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(simulator.clock.advance, [1] * 20_000))
    finally:
        sys.setswitchinterval(usual)
    assert simulator.clock.offset.total_seconds() == 20_000


def test_faults_are_scripted_listed_and_cleared() -> None:
    api = Api()
    shown = control(api.simulator, "POST", "faults", [{"code": "606"}, {"effect": "slow", "seconds": 2}])
    assert [(fault["effect"], fault["code"], fault["seconds"]) for fault in shown] == [
        ("error", "606", 0.0),
        ("slow", "", 2.0),
    ]
    assert control(api.simulator, "DELETE", "faults") == []
    assert control(api.simulator, "GET", "faults") == []


@pytest.mark.parametrize(
    ("method", "name", "content", "message"),
    [
        ("POST", "faults", {"efect": "drop"}, "faults[0]: unknown key 'efect'; did you mean 'effect'?"),
        ("POST", "faults", {"effect": "error"}, "faults[0]: effect 'error' needs a code, such as \"606\""),
        ("PATCH", "settings", {"latency": "fast"}, "settings.latency: expected a number, got 'fast'"),
        ("PATCH", "settings", {"latency": -1}, "settings: latency is negative; give seconds from 0 up"),
        (
            "POST",
            "clock",
            {"forward": 1},
            "clock: unknown key 'forward'; use advance or offset (seconds) or now (ISO 8601)",
        ),
        (
            "POST",
            "clock",
            {"now": "2026-07-01T00:00:00"},
            "the time 2026-07-01T00:00:00 has no zone; add Z or an offset",
        ),
        ("POST", "seed", [], "seed: expected an object, got []"),
        ("POST", "nothing", {}, "unknown control call; known are "),
    ],
)
def test_control_errors_say_what_to_mend(method: str, name: str, content: object, message: str) -> None:
    assert control(Api().simulator, method, name, content)["error"].startswith(message)


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ({"lead": []}, "seed: unknown key 'lead'; did you mean 'leads'?"),
        ({"leads": {}}, "seed.leads: expected a list, got {}"),
        ({"instances": []}, "seed.instances: expected an object, got []"),
        ({"settings": {"concurrency": "ten"}}, "seed.settings.concurrency: expected a whole number, got 'ten'"),
        ({"leads": [{"emial": "a"}]}, "seed.leads[0]: there is no field 'emial'; add it under 'fields'"),
        ({"leads": [{"email": "a"}]}, "seed.leads[0].email: not an e-mail address; its type is email"),
        (
            {"leads": [{"partition": "EMEA"}]},
            "seed.leads[0].partition: there is no partition 'EMEA'; known are Default",
        ),
        (
            {"leads": [{"id": 1}, {"id": 1}]},
            "seed.leads[1].id: 1 is not a free whole number; leave it out to get one",
        ),
        ({"lists": [{"id": 5}]}, "seed.lists[0]: 'name' is missing; add it"),
        (
            {"lists": [{"name": "L", "members": [3]}]},
            "seed.lists[0].members: there is no lead 3; add it under 'leads' with this id",
        ),
        (
            {"lists": [{"name": "L", "folder": "F"}]},
            "seed.lists[0].folder: there is no folder 'F'; add it under 'folders'",
        ),
        (
            {"lists": [{"name": "L", "id": 7}, {"name": "M", "id": 7}]},
            "seed.lists[1].id: 7 is taken by 'L'; leave the id out to get one",
        ),
        (
            {"folders": [{"name": "F", "id": 12}]},
            "seed.folders[0].id: 12 is taken by 'Group Lists'; leave the id out to get one",
        ),
        (
            {"folders": [{"name": "F", "workspace": "Europe"}]},
            "seed.folders[0].workspace: there is no workspace 'Europe'; known are Default",
        ),
        (
            {"fields": [{"name": "x", "data_type": "number"}]},
            "seed.fields[0]: data_type 'number' is unknown; use one of",
        ),
        ({"fields": [{"name": "a b"}]}, "seed.fields[0]: name 'a b' is not an API name; use letters"),
        (
            {"clients": [{"client_id": "c", "client_secret": "s", "permissions": ["All"]}]},
            "seed.clients[0]: permission 'All' is unknown; use",
        ),
        ({"settings": {"quota_time_zone": "Mars"}}, "seed.settings: quota_time_zone 'Mars' is unknown"),
        (
            {"settings": {"latency_by_path": {"(": 1}}},
            "seed.settings: latency_by_path: '(' is not a regular expression",
        ),
        ({"instances": {"123-ABC-456": {"leeds": []}}}, "seed.instances.123-ABC-456: unknown key 'leeds'"),
    ],
)
def test_seed_errors_name_place_problem_and_remedy(seed: dict[str, object], message: str) -> None:
    with pytest.raises(DecodeError) as caught:
        Simulator(seed)
    assert str(caught.value).startswith(message)


def test_the_command_refuses_a_seed_it_cannot_use(tmp_path: Any, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "seed.json"
    file.write_text('{"leads": [{"email": "a"}]}')
    assert main(["--seed", str(file)]) == 2
    file.write_text("{")
    assert main(["--seed", str(file)]) == 2
    assert main(["--seed", str(tmp_path / "nothing.json")]) == 2
    errors = capsys.readouterr().err
    assert "seed.leads[0].email: not an e-mail address" in errors
    assert "is not JSON" in errors


def test_instances_have_their_own_state_and_share_the_clock() -> None:
    seed = {"leads": [{"email": "a@example.org"}], "instances": {"123-ABC-456": {"leads": []}}}
    api = Api(seed)
    named, fresh = Api(instance="123-ABC-456"), Api(instance="999-ZZZ-999")
    for other in (named, fresh):
        other.simulator = api.simulator
        other.sign_in()
        other.sync({"email": "b@example.org"})
    emails = [
        [lead["email"] for lead in instance.dump()["leads"]]
        for instance in (api.simulator, api.simulator.instance("123-ABC-456"), api.simulator.instance("999-ZZZ-999"))
    ]
    assert emails == [["a@example.org"], ["b@example.org"], ["a@example.org", "b@example.org"]]
    api.simulator.advance(7200)
    assert [code(each.get(PARTITIONS)) for each in (api, named, fresh)] == ["602"] * 3
    stats = api.simulator.handle(Request.of("GET", "/123-ABC-456/_simulator/stats")).json()
    assert stats["calls"] == 3
    api.simulator.reset()
    assert code(named.get(PARTITIONS)) == "601"


def test_a_munchkin_id_is_the_same_in_any_case() -> None:
    simulator = Simulator({"instances": {"123-abc-456": {"leads": [{"email": "a@example.org"}]}}})
    for path in ("/123-ABC-456", "/123-abc-456", "/123-Abc-456"):
        answer = simulator.handle(Request.of("GET", f"{path}/_simulator/dump")).json()
        assert [lead["email"] for lead in answer["leads"]] == ["a@example.org"]
    assert list(simulator.instances) == ["", "123-ABC-456"]
    assert simulator.instance("123-abc-456") is simulator.instance("123-ABC-456")


@pytest.mark.parametrize("names", [["emea"], ["123-ABC-45"], ["\u0661\u0662\u0663-ABC-456"], ["1-abc-1 "], [""]])
def test_an_instance_that_no_path_leads_to_is_refused(names: list[str]) -> None:
    with pytest.raises(DecodeError, match=r"seed\.instances: .* is no Munchkin ID; write it like 123-ABC-456"):
        Simulator({"instances": {name: {} for name in names}})


def test_an_instance_cannot_be_seeded_twice() -> None:
    with pytest.raises(DecodeError, match=r"seed\.instances: '123-abc-456' is there already, in another case"):
        Simulator({"instances": {"123-ABC-456": {}, "123-abc-456": {}}})


def test_describe_shows_every_data_type_and_describe2_the_searchable_ones() -> None:
    custom = [{"name": f"of_{data_type}", "data_type": data_type} for data_type in DATA_TYPES]
    others = [{"name": "quiet", "searchable": False}, {"name": "soapOnly", "display_name": "SOAP", "rest": False}]
    api = Api({"fields": [{"name": "customerKey", "length": 40}, *custom, *others]})
    described = {item["displayName"]: item for item in api.get("/rest/v1/leads/describe.json")["result"]}
    assert {item["dataType"] for item in described.values()} == set(DATA_TYPES)
    assert described["Email Address"] == {
        "id": 56,
        "displayName": "Email Address",
        "dataType": "email",
        "length": 255,
        "rest": {"name": "email", "readOnly": False},
        "soap": {"name": "Email", "readOnly": False},
    }
    assert [item["displayName"] for item in described.values() if "rest" not in item] == ["SOAP"]
    assert len({item["id"] for item in described.values()}) == len(described)
    (lead,) = api.get("/rest/v1/leads/describe2.json")["result"]
    searchable = [name for (name,) in lead["searchableFields"]]
    assert {"email", "id", "cookies", "leadPartitionId", "sfdcLeadId", "customerKey"} <= set(searchable)
    assert not {"firstName", "ecids", "quiet", "createdAt"} & set(searchable)
    fields = {item["name"]: item for item in lead["fields"]}
    assert fields["ecids"]["updateable"] is False
    assert fields["customerKey"]["length"] == 40
    assert "soapOnly" not in fields
    assert "dedupeFields" not in lead


def test_a_field_can_be_added_while_leads_are_there() -> None:
    api = Api({"leads": [{"email": "a@example.org", "title": "CEO"}]})
    assert code(api.find("title", "CEO")) == "1011"
    api.simulator.seed({"fields": [{"name": "title", "searchable": True}]})
    assert [row["id"] for row in api.find("title", "CEO")["result"]] == [1]
