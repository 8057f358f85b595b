"""What faults make of answers: headers, types, damaged bodies, slow bytes, broken connections; limits of a call."""

import json

import pytest
import requests

from marketo_simulator import AnswerTooSlow, ConnectionDropped, Fault, Request, Response
from marketo_simulator.adapter import SimulatorAdapter
from tests.unit.simulator.simulator_api import Api, code

PARTITIONS = "/rest/v1/leads/partitions.json"
NEW = {"email": "new@example.org"}


def sent(api: Api) -> Response:
    return api.send("POST", "/rest/v1/leads.json", content={"input": [NEW]})


@pytest.mark.parametrize("effect", ["error", "http", "pass", "slow", "trickle", "skip"])
def test_headers_and_type_of_the_answer_go_with_every_effect(effect: str) -> None:
    api = Api()
    api.simulator.script(Fault(effect, code="606", headers={"Retry-After": "20"}, content_type="text/plain"))
    answer = sent(api)
    assert (answer.headers, answer.content_type) == ({"Retry-After": "20"}, "text/plain")
    assert (sent(api).headers, sent(api).content_type) == ({}, "application/json;charset=UTF-8")


def test_a_damaged_answer_hides_that_the_call_took_effect() -> None:
    api = Api()
    whole = sent(api)
    for damage, expected in {
        "cut": whole.body.replace(b"created", b"updated")[: len(whole.body) // 2],
        "html": b"<html><body><h1>Bad Gateway</h1></body></html>",
        "empty": b"",
    }.items():
        api.simulator.script(Fault("malformed", damage=damage))
        answer = sent(api)
        assert (answer.status, answer.body[-20:-9]) == (200, expected[-20:-9])
        with pytest.raises(ValueError, match=r"Expecting|Unterminated|delimiter"):
            answer.json()
    assert [call.executed for call in api.simulator.log()[1:]] == [True] * 4


def test_another_charset_than_the_header_says() -> None:
    api = Api()
    api.simulator.script(Fault("malformed", damage="charset"))
    answer = sent(api)
    assert answer.content_type.endswith("UTF-8")
    with pytest.raises(UnicodeDecodeError):
        answer.body.decode("utf-8")
    assert json.loads(answer.body.decode("utf-16"))["success"] is True


def test_text_that_no_charset_can_write_is_answered_all_the_same() -> None:
    api = Api()
    api.send(
        "POST", "/_simulator/faults", body=b'[{"effect":"http","body":"\\ud800"},{"code":"1","message":"\\ud800"}]'
    )
    assert sent(api).body == b"?"
    assert sent(api).json()["errors"][0]["code"] == "1"


def test_slow_bytes_come_in_pieces() -> None:
    api = Api()
    api.simulator.script(Fault("trickle", piece=10, seconds=2))
    start = api.time.now
    answer = sent(api)
    pieces = list(answer.pieces(api.time.sleep))
    assert b"".join(pieces) == answer.body
    assert {len(piece) for piece in pieces[:-1]} == {10}
    assert (api.time.now - start).total_seconds() == 2 * (len(pieces) - 1)


def test_a_caller_gives_up_between_slow_pieces_and_the_call_took_effect() -> None:
    api = Api()
    api.simulator.script(Fault("trickle", piece=10, seconds=30))
    answer = sent(api)
    with pytest.raises(AnswerTooSlow):
        list(answer.pieces(api.time.sleep, patience=5))
    assert len(api.leads()) == 1


def test_a_connection_that_breaks_in_the_middle_of_the_answer() -> None:
    api = Api()
    api.simulator.script(Fault("drop", after_bytes=12))
    answer = sent(api)
    got: list[bytes] = []
    with pytest.raises(ConnectionDropped):
        got.extend(answer.pieces(api.time.sleep))
    assert len(api.leads()) == 1
    assert api.simulator.log()[-1].status == 0


def test_the_adapter_passes_all_of_it_on() -> None:
    api = Api()
    api.simulator.script(
        Fault("pass", headers={"Retry-After": "7"}),
        Fault("trickle", piece=40, seconds=3),
        Fault("trickle", seconds=60),
        Fault("drop", after_bytes=3),
    )
    with requests.Session() as session:
        session.mount("https://", SimulatorAdapter(api.simulator))
        session.headers["Authorization"] = f"Bearer {api.token}"
        url = f"https://marketo.invalid{PARTITIONS}"
        assert session.get(url, timeout=10).headers["Retry-After"] == "7"
        assert session.get(url, timeout=10).json()["success"] is True
        with pytest.raises(requests.exceptions.ReadTimeout):
            session.get(url, timeout=10)
        with pytest.raises(requests.exceptions.ConnectionError):
            session.get(url, timeout=10)


def test_a_call_may_have_so_many_records() -> None:
    api = Api({"leads": [NEW]}, max_records=2)
    records = [{"email": f"p{number}@example.org"} for number in range(3)]
    assert code(api.sync(*records)) == "1003"
    assert api.sync(*records)["errors"][0]["message"] == "Number of records exceeds the limit of 2"
    assert code(api.find("email", "a", "b", "c")) == "1003"
    assert code(api.call("POST", "/rest/v1/leads/delete.json", {"id": "1,2,3"})) == "1003"
    assert api.outcomes(*records[:2]) == ["created", "created"]
    assert api.simulator.log()[1].records == 3


def test_a_caller_with_more_patience_than_a_call_may_take_is_answered() -> None:
    api = Api(latency=60.0, max_seconds=5.0)
    request = Request.of("GET", PARTITIONS, {"Authorization": f"Bearer {api.token}"})
    assert api.simulator.handle(request, patience=30.0).json()["errors"][0]["code"] == "604"


def test_records_take_time_and_a_call_may_take_so_much_of_it() -> None:
    api = Api(latency=1.0, latency_per_record=0.5, max_seconds=3.0)
    start = api.time.now
    assert api.outcomes(*[{"email": f"p{number}@example.org"} for number in range(4)]) == ["created"] * 4
    assert (api.time.now - start).total_seconds() == 3
    assert code(api.sync(*[{"email": f"q{number}@example.org"} for number in range(5)])) == "604"
    assert (api.time.now - start).total_seconds() == 6
    assert len(api.leads()) == 9
    assert code(api.get("/rest/v1/leads/partitions.json")) == ""
