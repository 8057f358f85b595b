"""Reading the description of an instance, also where it is not as expected, and keeping it for a day."""

from collections.abc import Callable

from destination.domain.schema import Field
from destination.marketo.describe import Describe, Partition
from testing.marketo import FakeClock, ScriptedAnswer, ScriptedMarketo, client, ok

DESCRIPTION = ok(
    {
        "name": "API Lead",
        "searchableFields": [["email"], ["customerKey"], ["a", "b"], "phone", [7]],
        "fields": [
            {"name": "email", "displayName": "Email Address", "dataType": "email", "length": 255, "updateable": True},
            {"name": "ecids", "dataType": "string", "length": 255, "updateable": False, "crmManaged": False},
            {"name": "score", "displayName": None, "dataType": "integer", "crmManaged": True},
            {"displayName": "no name"},
            "nonsense",
        ],
    }
)


def describing(*answers: ScriptedAnswer) -> tuple[Describe, FakeClock, ScriptedMarketo]:
    clock = FakeClock()
    marketo = ScriptedMarketo(*answers)
    return Describe(client(marketo, clock), clock=clock.now), clock, marketo


def test_fields_and_searchable_fields() -> None:
    describe, _, marketo = describing(DESCRIPTION)
    schema = describe.schema()
    assert schema.fields == {
        "email": Field("email", "email", 255, updateable=True, display_name="Email Address"),
        "ecids": Field("ecids", "string", 255, updateable=False, display_name="ecids"),
        "score": Field("score", "integer", None, updateable=True, display_name="score", crm_managed=True),
    }
    assert schema.searchable == {"email", "customerKey", "phone"}
    assert marketo.sent[0].path == "/rest/v1/leads/describe2.json"


def test_an_empty_description_is_an_empty_schema() -> None:
    schema = describing(ScriptedAnswer({"success": True}))[0].schema()
    assert (schema.fields, schema.searchable) == ({}, frozenset())


def test_partitions() -> None:
    describe, _, _ = describing(ok({"id": 1, "name": "Default", "description": "…"}, {"id": 2, "name": "EMEA"}, {}))
    assert describe.partitions() == (Partition(1, "Default"), Partition(2, "EMEA"))


def test_both_are_kept_for_a_day_and_read_anew_on_demand() -> None:
    reads: list[Callable[[Describe], object]] = [Describe.schema, Describe.partitions]
    for read in reads:
        describe, clock, marketo = describing(*[ok()] * 5)
        read(describe)
        clock.elapsed += 86_399
        read(describe)
        assert len(marketo.sent) == 1
        clock.elapsed += 1
        read(describe)
        assert len(marketo.sent) == 2
        describe.refresh()
        read(describe)
        assert len(marketo.sent) == 3
