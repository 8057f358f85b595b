"""What nobody documents of imports: each point is a setting, and each of its values is tried here."""

from collections.abc import Mapping
from typing import Any

import pytest

from marketo_simulator import DecodeError
from tests.unit.simulator.simulator_api import Api, code
from tests.unit.simulator.test_simulator_bulk import BULK, poll, upload

SEED: dict[str, Any] = {
    "partitions": [{"name": "EMEA"}],
    "leads": [
        {"id": 1, "email": "one@example.org", "firstName": "One"},
        {"id": 2, "email": "two@example.org", "firstName": "Two", "updatedAt": "2020-01-01T00:00:00Z"},
        {"id": 3, "email": "two@example.org", "firstName": "Three"},
    ],
    "lists": [{"name": "L", "id": 7}],
}


def imported(file: str, settings: Mapping[str, Any], **params: object) -> Api:
    api = Api(SEED, **settings)
    assert upload(api, file, **params)["success"]
    api.simulator.advance(60)
    return api


def failures(api: Api) -> list[str]:
    return api.send("GET", f"{BULK}/batch/1/failures.json").body.decode().splitlines()


@pytest.mark.parametrize(("choice", "name"), [("keep", "One"), ("clear", None)])
def test_blank_cells(choice: str, name: str | None) -> None:
    api = imported("email,firstName,city\none@example.org,,Rome\n", {"import_blank_cells": choice})
    assert (api.lead(1).get("firstName"), api.lead(1)["city"]) == (name, "Rome")


@pytest.mark.parametrize("choice", ["keep", "clear"])
def test_a_blank_key_is_none(choice: str) -> None:
    api = imported("email,firstName\n,Nobody\n", {"import_blank_cells": choice})
    assert failures(api)[1] == ",Nobody,Value for lookup field 'email' not found"


@pytest.mark.parametrize(("choice", "names", "failed"), [("newest", "Two X", 0), ("fail", "Two Three", 1)])
def test_several_matches(choice: str, names: str, failed: int) -> None:
    api = imported("email,firstName\ntwo@example.org,X\n", {"import_several_matches": choice})
    assert [api.lead(each)["firstName"] for each in (2, 3)] == names.split()
    assert poll(api, 1)["numOfRowsFailed"] == failed


def test_the_key_of_several_leads_stays_as_it_is_written() -> None:
    api = imported("email,firstName\nTWO@example.org,Three\n", {})
    before = Api(SEED).lead(3)
    assert (api.lead(3)["email"], api.lead(3)["updatedAt"]) == (before["email"], before["updatedAt"])


@pytest.mark.parametrize(("choice", "name", "failed"), [("last", "B", 0), ("first", "A", 1)])
def test_equal_rows(choice: str, name: str, failed: int) -> None:
    file = "email,firstName\none@example.org,A\nONE@example.org,B\n"
    api = imported(file, {"import_equal_rows": choice})
    assert (api.lead(1)["firstName"], poll(api, 1)["numOfRowsFailed"]) == (name, failed)


@pytest.mark.parametrize(
    ("choice", "leads"),
    [
        ("refuse", [(1, "One", "Default")]),
        ("update", [(1, "X", "Default")]),
        ("create", [(1, "One", "Default"), (4, "X", "EMEA")]),
    ],
)
def test_a_key_of_another_partition(choice: str, leads: list[tuple[int, str, str]]) -> None:
    file = "email,firstName\none@example.org,X\n"
    api = imported(file, {"import_other_partition": choice}, partitionName="EMEA")
    found = [lead for lead in api.leads().values() if lead["email"] == "one@example.org"]
    assert [(lead["id"], lead["firstName"], lead["partition"]) for lead in found] == leads
    assert poll(api, 1)["numOfRowsFailed"] == (1 if choice == "refuse" else 0)


def test_a_second_lead_in_a_partition_is_the_one_that_is_meant_there() -> None:
    api = imported(
        "email,firstName\none@example.org,X\none@example.org,Y\n",
        {"import_other_partition": "create"},
        partitionName="EMEA",
    )
    assert [(lead["id"], lead["firstName"]) for lead in api.leads().values() if lead["id"] in (1, 4)] == [
        (1, "One"),
        (4, "Y"),
    ]


@pytest.mark.parametrize(("choice", "status", "name"), [("fail", "Failed", "One"), ("ignore", "Complete", "X")])
def test_unknown_columns(choice: str, status: str, name: str) -> None:
    file = "row,email,firstName,row2\n1,one@example.org,X,2\n"
    api = imported(file, {"import_unknown_columns": choice})
    assert (poll(api, 1)["status"], api.lead(1)["firstName"]) == (status, name)


@pytest.mark.parametrize(("choice", "status", "members"), [("accept", "Complete", [1]), ("fail", "Failed", [])])
@pytest.mark.parametrize("header", ["id", "row,id"])
def test_a_file_of_ids_alone(choice: str, status: str, members: list[int], header: str) -> None:
    file = f"{header}\n{'5,' if ',' in header else ''}1\n"
    settings = {"import_id_only": choice, "import_unknown_columns": "ignore"}
    api = imported(file, settings, lookupField="id", listId=7)
    assert (poll(api, 1)["status"], api.members(7)) == (status, members)


@pytest.mark.parametrize(("choice", "members"), [("join", [1]), ("ignore", [])])
def test_a_list_beside_ids(choice: str, members: list[int]) -> None:
    api = imported("id,city\n1,Rome\n", {"import_list_by_id": choice}, lookupField="id", listId=7)
    assert (api.members(7), api.lead(1)["city"]) == (members, "Rome")


def test_a_list_beside_other_keys_is_always_joined() -> None:
    assert imported("email\none@example.org\n", {"import_list_by_id": "ignore"}, listId=7).members(7) == [1]


@pytest.mark.parametrize(("choice", "length", "failed", "warned"), [("cut", 255, 0, 1), ("fail", 3, 1, 0)])
def test_long_values(choice: str, length: int, failed: int, warned: int) -> None:
    api = imported(f"email,firstName\none@example.org,{'x' * 300}\n", {"import_long_values": choice})
    row = poll(api, 1)
    assert (len(api.lead(1)["firstName"]), row["numOfRowsFailed"], row["numOfRowsWithWarning"]) == (
        length,
        failed,
        warned,
    )


@pytest.mark.parametrize(("choice", "failed", "city"), [("fail", 1, None), ("fill", 0, "Rome")])
def test_short_rows(choice: str, failed: int, city: str | None) -> None:
    api = imported("email,city,title\none@example.org,Rome\n", {"import_short_rows": choice})
    assert (poll(api, 1)["numOfRowsFailed"], api.lead(1).get("city")) == (failed, city)


def test_long_rows_always_fail() -> None:
    assert poll(imported("email\none@example.org,x\n", {"import_short_rows": "fill"}), 1)["numOfRowsFailed"] == 1


@pytest.mark.parametrize(("shifts", "line"), [(False, "bad,Rome,,"), (True, "bad,Rome,")])
def test_the_reason_may_shift_over_a_blank_last_cell(shifts: bool, line: str) -> None:
    file = "email,city,title\nbad,Rome,\n"
    api = imported(file, {"import_reports_shift": shifts})
    header, row = failures(api)
    assert header == "email,city,title,Import Failure Reason"
    assert row.startswith(f"{line}Invalid")


def test_how_many_may_wait_and_execute() -> None:
    api = Api(SEED, import_jobs=3, import_jobs_executing=1, import_queue_seconds=0, import_seconds=10)
    codes = [code(upload(api, "email\na@example.org\n")) for _ in range(4)]
    assert codes == ["", "", "", "1016"]
    api.simulator.advance(5)
    assert [poll(api, each)["status"] for each in (1, 2, 3)] == ["Importing", "Queued", "Queued"]


def test_imports_into_one_list_may_wait_for_another() -> None:
    api = Api(SEED, import_busy_list="queue", import_queue_seconds=0, import_seconds=10)
    for _ in range(2):
        assert upload(api, "email\na@example.org\n", listId=7)["success"]
    assert upload(api, "email\na@example.org\n")["success"]
    api.simulator.advance(15)
    assert [poll(api, each)["status"] for each in (1, 2)] == ["Complete", "Importing"]


def test_rows_take_their_time() -> None:
    api = Api(SEED, import_queue_seconds=0, import_seconds=5, import_rows_per_second=0.5)
    upload(api, "email\na@example.org\nb@example.org\n")
    api.simulator.advance(8)
    assert poll(api, 1)["status"] == "Importing"
    api.simulator.advance(1)
    assert poll(api, 1)["status"] == "Complete"


@pytest.mark.parametrize(
    "changes",
    [
        {"import_blank_cells": "drop"},
        {"import_jobs": 0},
        {"import_jobs_executing": 0},
        {"import_rows_per_second": 0.0},
        {"import_rows_per_second": float("nan")},
    ],
)
def test_what_is_no_choice_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(DecodeError, match=next(iter(changes))):
        Api().simulator.configure(**changes)


def test_a_key_of_the_crm_finds_leads_and_makes_none() -> None:
    seed = {"leads": [{"email": "one@example.org", "sfdcLeadId": "00Q1"}]}
    api = Api(seed)
    file = "sfdcLeadId,firstName\n00Q1,One\n00Q2,Two\n"
    assert upload(api, file, lookupField="sfdcLeadId")["success"]
    api.simulator.advance(60)
    assert (poll(api, 1)["numOfLeadsProcessed"], list(api.leads()), api.lead(1)["firstName"]) == (1, [1], "One")
    assert failures(api)[1:] == ["00Q2,Two,Lead not found"]
