"""The call log: bodies without secrets, within bounds; what can be asked of it, and why a call was refused."""

import json
import re
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

import marketo_simulator
from marketo_simulator import Condition, ConnectionDropped, DecodeError, Fault, Request
from marketo_simulator.explanations import RULES
from marketo_simulator.masking import masked_body
from tests.unit.simulator.simulator_api import NOW, Api, code

PARTITIONS = "/rest/v1/leads/partitions.json"
ADA, BOB = "ada@example.org", "bob@example.org"


def control(api: Api, name: str, **query: object) -> Any:
    target = f"/_simulator/{name}?" + "&".join(f"{key}={value}" for key, value in query.items())
    return api.simulator.handle(Request.of("GET", target)).json()


def numbers(api: Api, **query: object) -> list[int]:
    """Numbers of the calls that the log finds, asked in Python; over HTTP it finds the same."""
    found = [call.number for call in api.simulator.log(**query)]
    assert [call["number"] for call in control(api, "calls", **query)] == found
    return found


# Secrets

SECRETS = ("hush-hush", "a b+c/&=")


def everything(api: Api) -> str:
    """All that the log shows."""
    return json.dumps(control(api, "calls", bodies="true"), ensure_ascii=False)


@pytest.mark.parametrize("secret", SECRETS)
def test_no_secret_of_an_identity_call_is_shown(secret: str) -> None:
    api = Api()
    form = {"grant_type": "client_credentials", "client_id": "client", "client_secret": secret}
    api.send("POST", "/identity/oauth/token", form=form)
    api.send("POST", "/identity/oauth/token", form)
    api.send("POST", "/identity/oauth/token", content=form)
    api.send(
        "POST", "/identity/oauth/token", headers={"Content-Type": "text/plain"}, body=f"client_secret={secret}".encode()
    )
    shown = everything(api)
    assert secret not in shown
    assert "hush" not in shown
    assert "a+b%2Bc" not in shown


def test_no_token_is_shown_wherever_it_stands() -> None:
    api = Api()
    token = api.token
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in token)
    multipart = f'--b\r\nContent-Disposition: form-data; name="access_token"\r\n\r\n{token}\r\n--b--\r\n'
    api.get(PARTITIONS, access_token=token, other=token)
    api.send("POST", PARTITIONS, form={"access_token": token, "x": token})
    api.send("POST", PARTITIONS, content={"access_token": token, "x": [token]})
    api.send("POST", PARTITIONS, headers={"Content-Type": "application/json"}, body=f'{{"x": "{escaped}"}}'.encode())
    api.send("POST", PARTITIONS, headers={"Content-Type": "multipart/form-data; boundary=b"}, body=multipart.encode())
    api.send("GET", f"/rest/v1/{token}.json")
    for damage in ("charset", "cut", "html"):
        api.simulator.script(Fault("malformed", damage=damage))
        api.identity(client_id="client", client_secret="secret")
    api.send("POST", PARTITIONS, headers={"Cookie": token, "X-Other": f"a {token}", "Authorization": token})
    shown = everything(api)
    assert token not in shown
    assert token.replace(":", "%3A") not in shown
    assert "\x00" not in shown
    assert token[:20] not in shown
    assert escaped.replace("\\", "\\\\") not in shown
    assert "Bearer ***" in shown


def test_names_that_are_written_with_escapes_hide_their_secrets_too() -> None:
    api = Api()
    headers = {"Content-Type": "application/json"}
    api.send("POST", "/identity/oauth/token", headers=headers, body=b'{"client\\u005fsecret": "hush-hush"}')
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    api.send("POST", "/identity/oauth/token", headers=form, body=b"client%5Fsecret=hush-hush&a=b")
    assert "hush" not in everything(api)


def test_bodies_are_shown_as_they_came_and_left() -> None:
    api = Api()
    api.simulator.script(Fault("pass", headers={"X-Trace": "t"}))
    api.sync({"email": ADA})
    shown = control(api, "calls", bodies="true")[-1]
    assert shown["body"] == f'{{"input": [{{"email": "{ADA}"}}]}}'
    assert json.loads(shown["answer_body"])["result"] == [{"id": 1, "status": "created"}]
    assert shown["headers"] == {"Authorization": "Bearer ***", "Content-Type": "application/json"}
    assert shown["answer_headers"]["X-Trace"] == "t"
    assert "body" not in control(api, "calls")[-1]


def test_bodies_keep_to_their_bound_and_go_with_their_calls() -> None:
    api = Api(body_bytes_kept=6_000, calls_kept=50, calls_per_window=None)
    for number in range(100):
        api.sync({"email": f"p{number}@example.org", "firstName": "x" * 200})
    shown = control(api, "calls", bodies="true")
    with_bodies = [call for call in shown if "body" in call]
    assert len(shown) == 50
    assert 0 < len(with_bodies) < 50
    assert with_bodies == shown[-len(with_bodies) :]
    assert sum(len(call["body"]) + len(call["answer_body"]) for call in with_bodies) <= 6_000
    api.simulator.configure(calls_kept=3)
    api.get(PARTITIONS)
    assert len(control(api, "calls")) == 3
    api.simulator.configure(body_bytes_kept=0)
    api.get(PARTITIONS)
    assert [call for call in control(api, "calls", bodies="true") if "body" in call] == []


def test_a_body_that_is_no_text_is_shown_all_the_same() -> None:
    api = Api()
    api.send("POST", PARTITIONS, body=b"\xff\x00\xfe")
    api.send("POST", PARTITIONS, body=b"x" * 100_000)
    binary, long = control(api, "calls", bodies="true")[-2:]
    assert binary["body"] == "\ufffd\x00\ufffd"
    assert long["body"].endswith("(34464 characters more)")


# Queries


def test_a_call_has_the_name_of_adobes_definitions_however_it_ended() -> None:
    api = Api({"leads": [{"id": 7, "email": ADA}]})
    api.simulator.script(Fault(code="606", path="describe"))
    api.get("/rest/v1/leads/describe.json")
    api.get("/rest/v1/lead/7.json")
    api.call("POST", "/rest/v1/leads/push.json")
    api.get("/rest/v1/nothing.json")
    assert [call["operation"] for call in control(api, "calls")] == [
        "",
        "Describe Lead",
        "Get Lead by Id",
        "Push Lead to Marketo",
        "",
    ]


def test_calls_are_found_by_what_they_are() -> None:
    api = Api({"leads": [{"id": 7, "email": ADA}, {"id": 8, "email": BOB}], "lists": [{"name": "L", "id": 70}]})
    api.get(PARTITIONS)  # 2
    api.find("email", ADA)  # 3
    api.sync({"email": BOB, "firstName": "Grace"})  # 4
    api.simulator.advance(60)
    api.call("POST", "/rest/v1/lists/70/leads.json", {"id": "7"})  # 5
    api.get("/rest/v1/nothing.json")  # 6
    api.get("/rest/v1/lead/8.json")  # 7
    assert numbers(api, method="POST") == [4, 5]
    assert numbers(api, path="/lists?/") == [5]
    assert numbers(api, endpoint="/rest/v1/leads.json") == [3, 4]
    assert numbers(api, endpoint="POST%20/rest/v1/leads.json".replace("%20", " ")) == [4]
    assert numbers(api, operation="Sync Leads") == numbers(api, operation="sync leads") == [4]
    assert numbers(api, operation="Add to List") == [5]
    assert numbers(api, operation="Sync") == []
    assert numbers(api, lead=7) == [3, 5]
    assert numbers(api, lead=8) == [4, 7]
    assert numbers(api, key="firstName") == [4]
    assert numbers(api, value=BOB.upper()) == [4]
    assert numbers(api, key="email", value=ADA) == [3]
    assert numbers(api, code="610") == [6]
    assert numbers(api, code="") == [1, 2, 3, 4, 5, 7]
    assert numbers(api, status=200, user="api@example.org") == [2, 3, 4, 5, 6, 7]
    assert numbers(api, since=(NOW + timedelta(seconds=60)).strftime("%Y-%m-%dT%H:%M:%SZ")) == [5, 6, 7]
    assert numbers(api, after=5) == [6, 7]
    assert numbers(api, limit=2) == [6, 7]
    assert numbers(api, limit=0) == []
    assert numbers(api, method="POST", lead=7, limit=5) == [5]


def test_lists_are_no_leads() -> None:
    api = Api({"leads": [{"id": 7, "email": ADA}], "lists": [{"name": "L", "id": 7, "members": [7]}]})
    api.get("/rest/v1/lists.json")
    api.get("/rest/v1/lists/7.json")
    api.get("/rest/asset/v1/staticList/7.json")
    assert numbers(api, lead=7) == []
    api.get("/rest/v1/lists/7/leads.json")
    assert numbers(api, lead=7) == [5]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"led": "7"}, "calls: unknown key 'led'; did you mean 'lead'?"),
        ({"lead": "seven"}, "calls.lead: expected a whole number, got 'seven'"),
        ({"lead": "9" * 5000}, "calls.lead: expected a whole number, got '999"),
        ({"since": "yesterday"}, "calls: since 'yesterday' is not a time; write it like 2026-01-31T09:00:00Z"),
        ({"since": "2026-01-31T09:00:00"}, "calls: since '2026-01-31T09:00:00' has no zone"),
        ({"path": "("}, "calls: path '(' is not a regular expression"),
    ],
)
def test_a_query_that_makes_no_sense_is_refused(query: dict[str, object], message: str) -> None:
    api = Api()
    assert control(api, "calls", **query)["error"].startswith(message)


def test_a_query_in_python_is_refused_alike() -> None:
    with pytest.raises(DecodeError, match="did you mean 'lead'"):
        Api().simulator.log(led=7)


# Limits over time


def test_the_use_of_the_limits_over_time() -> None:
    api = Api(calls_per_window=3, daily_quota=7)
    for _ in range(4):
        api.get(PARTITIONS)
    api.simulator.advance(20)
    for _ in range(2):
        api.get(PARTITIONS)
    usage = control(api, "usage")
    assert (usage["in_window"], usage["of_quota"], usage["executing"]) == (2, 6, 0)
    assert (usage["calls_per_window"], usage["daily_quota"], usage["concurrency"]) == (3, 7, 10)
    first, second = usage["windows"]
    assert first == {
        "start": "2026-03-02T12:00:00+00:00",
        "calls": 5,
        "counted": 4,
        "codes": {"606": 1},
        "by_limit": 1,
        "most_in_window": 4,
        "most_executing": 1,
        "of_quota": 4,
    }
    assert (second["start"], second["calls"], second["of_quota"]) == ("2026-03-02T12:00:20+00:00", 2, 6)


# Why


def why(api: Api) -> dict[str, Any]:
    shown: dict[str, Any] = control(api, "explain", call=api.simulator.log()[-1].number)
    return shown


def test_why_a_rate_limit_refused() -> None:
    api = Api(calls_per_window=2)
    for _ in range(4):
        api.get(PARTITIONS)
    shown = why(api)
    assert shown["outcome"] == (
        "refused with 606 Max rate limit '2' exceeded with in '20' secs; the call took no effect"
    )
    assert shown["why"] == "It was call 4 within 20 s, and 2 are allowed; refused calls count too."
    assert shown["numbers"] == {
        "in_window": 4,
        "calls_per_window": 2,
        "window_seconds": 20.0,
        "window_since": "2026-03-02T11:59:40+00:00",
    }
    assert (shown["source"], shown["counts"]) == ('Marketo REST, Rest API, "Limits"', True)


def test_why_a_quota_refused_and_a_later_setting_changes_nothing_about_it() -> None:
    api = Api(daily_quota=1)
    api.get(PARTITIONS)
    api.get(PARTITIONS)
    api.simulator.configure(daily_quota=50)
    assert why(api)["why"] == "It was call 2 of the day, and 1 are allowed until midnight in America/Chicago."


def test_why_concurrency_refused() -> None:
    api = Api(concurrency=0)
    api.get(PARTITIONS)
    assert why(api)["why"] == "0 calls were executing when it came, and 0 may."
    assert why(api)["numbers"] == {"concurrent": 1, "concurrency": 0}


def test_why_a_call_took_too_long() -> None:
    api = Api(latency=9.0, max_seconds=4.0)
    api.get(PARTITIONS)
    assert why(api)["why"] == "It would have taken 9 s; the settings let a call take 4 s."
    assert why(api)["outcome"].endswith("the call took effect")
    assert (why(api)["counts"], api.simulator.log()[-1].counted) == (False, False)


def test_why_a_call_had_too_many_records() -> None:
    api = Api(max_records=1)
    api.sync({"email": ADA}, {"email": BOB})
    assert why(api)["numbers"] == {"records": 2, "max_records": 1}


def test_why_records_were_skipped() -> None:
    api = Api({"leads": [{"email": ADA}, {"email": ADA}]})
    api.sync({"email": BOB}, {"email": ADA})
    (skipped,) = why(api)["skipped"]
    assert skipped["record"] == 1
    assert [(each["code"], each["rule"]) for each in skipped["reasons"]] == [("1007", "Several leads have the key.")]


def test_why_a_script_did_it() -> None:
    api = Api()
    api.simulator.script(Fault(code="606", every=1, when=Condition(value=ADA)))
    api.find("email", ADA)
    shown = why(api)
    assert shown["why"] == "A fault of the script, effect 'error', was due for it."
    assert shown["fault"]["every"] == 1
    assert shown["fault"]["when"]["value"] == ADA
    api.simulator.clear_faults()
    api.simulator.script(Fault("drop"))
    with pytest.raises(ConnectionDropped):
        api.get(PARTITIONS)
    assert why(api)["outcome"] == "the connection broke; the call took no effect"


def test_every_code_that_the_simulator_gives_by_itself_has_its_rule() -> None:
    sources = [path.read_text() for path in Path(marketo_simulator.__file__).parent.glob("*.py")]
    given = {code for text in sources for code in re.findall(r'(?:CallError|\breason)\(\s*"([0-9]+)"', text)}
    limits = {"606", "607", "615"}  # which are explained with their numbers
    assert limits < given <= RULES.keys() | limits


@pytest.mark.parametrize("wanted", ["0", "99", "x", "", "9" * 5000])
def test_a_call_that_is_not_there_cannot_be_explained(wanted: str) -> None:
    assert "error" in control(Api(), "explain", call=wanted)


def test_why_a_call_with_a_mistake_of_the_caller_failed() -> None:
    api = Api()
    assert code(api.get("/rest/v1/nothing.json")) == "610"
    assert why(api)["rule"] == "No endpoint has this path."
    api.token = "other"
    api.get(PARTITIONS)
    assert (why(api)["counts"], why(api)["rule"].startswith("The access token was given to nobody")) == (False, True)
    api.send("POST", "/rest/v1/leads.json", body=b" " * (1024 * 1024 + 1))
    assert why(api)["why"] == "It is larger than the gateway takes."


def test_a_body_full_of_names_of_secrets_is_shown_in_no_time() -> None:
    started = time.process_time()
    text = masked_body("name=access_token\n" * 12_000, "multipart/form-data; boundary=b")
    assert text.startswith("name=access_token\n")
    part = 'Content-Disposition: form-data; name="access_token"\r\nContent-Type: text/plain\r\n\r\ns3cret\r\n--b--'
    assert "s3cret" not in masked_body(part, "multipart/form-data; boundary=b")
    assert time.process_time() - started < 1
