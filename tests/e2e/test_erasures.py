"""Erasures on the deployed stack: nothing of a person is left in any table or object, but for the mark."""

from typing import Any

from destination.domain.shard import name_of as row_of
from tests.e2e.system import DELIVERY_SECONDS, Destination, System, profile, wait_for

AUDIENCE = "Forgotten"
ADA, BOB = "ada@erasures.example", "bob@erasures.example"
OF_LOG = ("erasures#", "audit#")
"""Where people are named by pseudonyms, which are no values: the marks, and who asked for them."""


def test_nothing_is_left_of_a_person_and_others_stay(system: System) -> None:
    instance = system.instance()
    destination = system.connect(instance, AUDIENCE)
    destination.post([profile(ADA, AUDIENCE), profile(BOB, AUDIENCE)])
    destination.accounted(2)
    refused(system, destination)
    parked(system, destination)
    before = kept(system)
    assert before.count(ADA) >= 2
    assert row_of(ADA) in before

    done = erased(system, destination)

    assert instance.members(AUDIENCE) == [BOB]
    assert [(one["id"], one["leads"]) for one in done["lists"]] == [(AUDIENCE, 1)]
    assert (done["ledger_rows"], done["parked_events"], done["letters"]) == (1, 1, 1)
    left = kept(system)
    for trace in (ADA, row_of(ADA), done["person"]):
        assert trace not in left, trace
    assert BOB in left

    system.call("POST", f"/connections/{destination.id}/resume", {})
    destination.accounted(4)
    assert instance.members(AUDIENCE) == [BOB]
    again = erased(system, destination)
    assert (again["lists"], again["ledger_rows"], again["parked_events"], again["letters"]) == ([], 0, 0, 0)

    destination.post([profile(ADA, AUDIENCE)])
    wait_for(lambda: instance.members(AUDIENCE) == [ADA, BOB] or None, DELIVERY_SECONDS, "she is new")


def refused(system: System, destination: Destination) -> None:
    """An event of hers fails, and is a letter."""
    destination.instance.script({"effect": "skip", "code": "1003", "path": "^/rest/v1/leads.json$", "times": 2})
    destination.post([profile(ADA, AUDIENCE, _acme={"company": "Difference Engines"})])
    wait_for(lambda: system.letters(destination.id) or None, DELIVERY_SECONDS, "there is a letter")


def parked(system: System, destination: Destination) -> None:
    """One of hers and one of Bob's wait, as Marketo refuses the connection; it does so no longer."""
    destination.instance.script({"code": "603", "path": "^/rest/v1/leads", "every": 1})
    destination.post([profile(ADA, AUDIENCE, "exited"), profile(BOB, AUDIENCE, _acme={"company": "Bob's"})])
    path = f"/connections/{destination.id}/parking"
    wait_for(lambda: system.call("GET", path)["events"] == 2 or None, DELIVERY_SECONDS, "both are parked")
    destination.instance.control("DELETE", "faults")


def erased(system: System, destination: Destination) -> dict[str, Any]:
    """What was forgotten of her, once all is."""
    path = f"/connections/{destination.id}/people/erasures"
    made = system.call("POST", path, {"value": ADA.upper()})

    def finished() -> dict[str, Any] | None:
        shown: dict[str, Any] = system.call("GET", f"{path}/{made['id']}")
        return shown if shown["status"] == "completed" else None

    return wait_for(finished, DELIVERY_SECONDS, "the erasure is completed")


def kept(system: System) -> str:
    """All items of all tables and all objects of the bucket, as text, but for the marks and the audit log."""
    dynamodb, s3 = system.aws("dynamodb"), system.aws("s3")
    items = [
        item
        for table in dynamodb.list_tables()["TableNames"]
        for page in dynamodb.get_paginator("scan").paginate(TableName=table)
        for item in page["Items"]
        if not item.get("pk", {"S": ""})["S"].startswith(OF_LOG)
    ]
    objects = [
        s3.get_object(Bucket=bucket["Name"], Key=found["Key"])["Body"].read().decode(errors="replace")
        for bucket in s3.list_buckets()["Buckets"]
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket["Name"])
        for found in page.get("Contents", ())
        if found["Key"].startswith(("parked/", "letters/", "results/"))
    ]
    return f"{items} {objects}"
