"""Inputs at the edge of what a program can read: refused like any other wrong input, and no call stays executing."""

import csv
from datetime import datetime
from typing import Any, Final

import pytest

from marketo_simulator import Request
from marketo_simulator.errors import MESSAGES
from marketo_simulator.imports import Imports
from tests.unit.simulator.simulator_api import Api, code

LONG: Final = "9" * 5_000
DEEP: Final = b"[" * 100_000
JSON: Final = {"Content-Type": "application/json"}
SEED: Final[dict[str, Any]] = {
    "leads": [{"email": "ada@example.org"}],
    "lists": [{"id": 7, "name": "Seven", "members": [1]}],
}


def imported(file: bytes) -> tuple[str, list[Any]]:
    """The code of the call, and the cities of all leads when the import is done."""
    api = Api(SEED)
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + file + b"\r\n--b--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = api.call("POST", "/bulk/v1/leads.json", {"format": "csv"}, body=body, headers=headers)
    api.simulator.advance(60)
    return code(answer), [lead.get("city") for lead in api.leads().values()]


def test_a_file_may_end_its_lines_with_carriage_returns() -> None:
    assert imported(b"email,city\rada@example.org,Paris\rbob@example.org,Rome\r") == ("", ["Paris", "Rome"])


def test_a_cell_of_a_file_may_be_long() -> None:
    called, cities = imported(b"email,city\nada@example.org," + b"x" * 140_000 + b"\n")
    assert (called, cities) == ("", ["x" * 255])


@pytest.mark.parametrize("file", [b"email,city\nada@example.org,Paris\n", b"\0", b""])
def test_an_import_leaves_others_who_read_csv_in_the_process_alone(file: bytes) -> None:
    before = csv.field_size_limit()
    imported(file)
    assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("method", "path", "params"),
    [
        ("GET", "/rest/v1/leads.json", {"filterType": "id", "filterValues": LONG}),
        ("GET", "/rest/v1/lists.json", {"id": LONG}),
        ("POST", "/rest/v1/lists/7/leads.json", {"id": LONG}),
        ("GET", f"/rest/v1/lead/{LONG}.json", {}),
        ("GET", f"/rest/v1/lists/{LONG}/leads.json", {}),
        ("GET", "/rest/v1/lists.json", {"batchSize": LONG}),
        ("GET", "/rest/v1/lists.json", {"nextPageToken": "OBUXI2LPNY5DC"}),
        ("GET", "/rest/asset/v1/staticLists.json", {"folder": LONG}),
        ("GET", "/rest/asset/v1/staticLists.json", {"offset": LONG}),
        ("GET", "/rest/asset/v1/staticLists.json", {"earliestUpdatedAt": "0001-01-01T00:00:00+14:00"}),
    ],
)
def test_numbers_of_any_length_are_answered_and_found_nowhere(method: str, path: str, params: dict[str, str]) -> None:
    answer = Api(SEED).call(method, path, params)
    shown = {key for row in answer.get("result", []) for key in row.keys() & {"id"}}
    assert not shown or path == "/rest/v1/lists.json" or "earliestUpdatedAt" in params


@pytest.mark.parametrize("path", ["/rest/v1/leads.json", "/rest/v1/leads/delete.json"])
def test_deep_json_is_no_json(path: str) -> None:
    api = Api(SEED)
    assert code(api.call("POST", path, body=DEEP, headers=JSON)) == "609"
    folder = {"name": "x", "folder": DEEP.decode()}
    assert code(api.call("POST", "/rest/asset/v1/staticLists.json", form=folder)) == "1003"
    assert api.simulator.handle(Request("POST", "/_simulator/seed", body=DEEP)).status == 400


def test_a_name_of_a_part_may_be_no_text() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="\xff"\r\n\r\nx\r\n--b--\r\n'
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    assert code(Api(SEED).call("POST", "/bulk/v1/leads.json", body=body, headers=headers)) == "613"


@pytest.mark.parametrize(
    "content",
    [
        {"advance": 1e300},
        {"advance": -1e15},
        {"advance": float("nan")},
        {"offset": 10**400},
        {"now": "9999-12-31T23:59:59Z"},
        {"now": "0001-01-01T00:00:00+14:00"},
    ],
)
def test_the_clock_stays_among_the_times_that_can_be_told(content: dict[str, Any]) -> None:
    api = Api(SEED)
    answer = api.send("POST", "/_simulator/clock", content=content)
    assert answer.status == 400
    assert api.simulator.clock.now() == api.time.now
    assert len(api.find("id", 1)["result"]) == 1


def test_an_import_that_breaks_leaves_no_call_executing() -> None:
    api = Api(SEED, concurrency=1)

    class Broken(Imports):
        def settle(self, now: datetime) -> None:
            raise ZeroDivisionError

    api.simulator.imports = Broken()
    for _ in range(3):
        assert code(api.find("id", 1)) == "611"
    api.simulator.reset()
    api.sign_in()
    assert code(api.find("id", 1)) == ""
    assert api.simulator.limits.executing == 0


@pytest.mark.parametrize("name", ["action", "lookupField", "partitionName"])
@pytest.mark.parametrize(("given", "shown"), [(True, "true"), ([None], "[null]")])
def test_options_of_the_wrong_type_are_spelled_as_the_request_did(name: str, given: object, shown: str) -> None:
    answer = Api(SEED).sync({"email": "ada@example.org"}, **{name: given})
    assert answer["errors"] == [{"code": "1001", "message": f"Invalid value '{shown}'. Required of type 'String'"}]


def test_a_lead_id_that_is_none_is_spelled_as_the_request_did() -> None:
    answer = Api(SEED).call("POST", "/rest/v1/leads/delete.json", content={"input": [{"id": None}]})
    assert answer["errors"] == [{"code": "1003", "message": "Invalid value 'null' for lead id"}]


def test_every_documented_code_has_its_text_when_it_is_scripted() -> None:
    """Marketo REST, Error Codes."""
    codes = [*range(600, 617), 500, 502, *range(701, 705), *range(709, 715), 718, 719]
    codes += [*range(1001, 1023), *range(1025, 1030), 1035, 1036, 1037, 1042, 1048, 1049, *range(1076, 1081)]
    assert {str(number) for number in codes} == MESSAGES.keys()
    api = Api(SEED)
    for each in MESSAGES:
        api.simulator.seed({"faults": [{"code": each}]})
        (error,) = api.find("id", 1)["errors"]
        assert (error["code"], error["message"]) == (each, MESSAGES[each])
        assert len(error["message"]) > len("Error")
