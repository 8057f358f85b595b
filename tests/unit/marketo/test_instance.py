"""The whole edge against the simulator: what Marketo holds and saw afterwards."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from destination.domain.credentials import ClientCredentials
from destination.domain.matching import newest_match
from destination.domain.pace import PaceState
from destination.domain.schema import Field
from destination.marketo.errors import (
    ConnectionBlockedError,
    InstanceWaitsError,
    ListMissingError,
    MarketoError,
    QuotaReachedError,
    RequestRejectedError,
    TokenRefusedError,
)
from destination.marketo.instance import Marketo
from destination.marketo.leads import Record, SyncAction, chunks, record_chunks
from marketo_simulator import Fault, Simulator
from marketo_simulator.adapter import SimulatorAdapter
from testing.marketo import FakeClock, pace
from testing.memory import MemoryToken

EMAIL = Field("email", "email", 255)
MUNCHKIN_ID = "123-ABC-456"
CREDENTIALS = ClientCredentials("client", "secret")


def simulator(clock: FakeClock, **seed: object) -> Simulator:
    return Simulator(seed=seed, clock=clock.now, sleep=clock.sleep)


def connect(
    sim: Simulator,
    clock: FakeClock,
    *,
    credentials: ClientCredentials = CREDENTIALS,
    url: str = "https://mock",
) -> Marketo:
    http = requests.Session()
    http.mount("https://", SimulatorAdapter(sim))
    return Marketo(
        munchkin_id=MUNCHKIN_ID,
        credentials=credentials,
        tokens=MemoryToken(),
        http=http,
        pace=pace(100, 10, clock),
        url=url,
        clock=clock.now,
        sleep=clock.sleep,
    )


def members(sim: Simulator, list_id: int) -> list[int]:
    dumped: Any = sim.dump()
    return next(sorted(one["members"]) for one in dumped["lists"] if one["id"] == list_id)


def emails(sim: Simulator) -> list[str]:
    dumped: Any = sim.dump()
    return sorted(lead["email"] for lead in dumped["leads"])


def identity_calls(sim: Simulator) -> int:
    return sum(call.path.startswith("/identity") for call in sim.log())


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def test_three_hundred_long_e_mails_are_one_call(clock: FakeClock) -> None:
    keys = [f"{number:03}.{'x' * 50}@a-rather-long-name-of-a-company.example.org" for number in range(300)]
    sim = simulator(clock, leads=[{"email": key} for key in keys])
    marketo = connect(sim, clock)
    found = marketo.leads.find(EMAIL, keys)
    assert [len(found[key]) for key in keys] == [1] * 300
    assert marketo.calls == 1


def test_lookups_are_read_to_the_last_page_over_all_partitions(clock: FakeClock) -> None:
    keys = [f"{number}@example.org" for number in range(300)]
    twice = [{"email": key, "partition": partition} for key in keys for partition in ("Default", "EMEA")]
    sim = simulator(clock, partitions=[{"name": "EMEA"}], leads=twice)
    found = connect(sim, clock).leads.find(EMAIL, [*keys[:-1], "unknown@example.org"])
    assert [len(found[key]) for key in keys[:-1]] == [2] * 299
    assert found["unknown@example.org"] == []


def test_the_newest_of_several_matches_can_be_told(clock: FakeClock) -> None:
    sim = simulator(
        clock,
        leads=[
            {"id": 7, "email": "ada@example.org", "updatedAt": "2026-03-01T00:00:00Z"},
            {"id": 8, "email": "ada@example.org", "updatedAt": "2026-02-01T00:00:00Z"},
        ],
    )
    newest = newest_match(connect(sim, clock).leads.find(EMAIL, ["ada@example.org"])["ada@example.org"])
    assert (newest.id, newest.updated_at) == (7, datetime(2026, 3, 1, tzinfo=UTC))


def test_one_bad_record_among_many_is_told_by_its_place(clock: FakeClock) -> None:
    sim = simulator(clock)
    records: list[Record] = [{"email": f"{number}@example.org"} for number in range(300)]
    records[17] = {"email": "not an address"}
    results = connect(sim, clock).leads.sync(SyncAction.CREATE_ONLY, "email", records, "Default")
    assert [place for place, result in enumerate(results) if result.status == "skipped"] == [17]
    assert (results[17].id, results[17].code) == (None, "1003")
    assert len(emails(sim)) == 299


def test_an_update_by_id_crosses_partitions(clock: FakeClock) -> None:
    sim = simulator(
        clock, partitions=[{"name": "EMEA"}], leads=[{"id": 7, "email": "ada@example.org", "partition": "EMEA"}]
    )
    [result] = connect(sim, clock).leads.sync(
        SyncAction.UPDATE_ONLY, "id", [{"id": 7, "firstName": "Ada", "leadScore": 0}], "Default"
    )
    assert (result.id, result.status) == (7, "updated")
    dumped: Any = sim.dump()
    assert (dumped["leads"][0]["firstName"], dumped["leads"][0]["leadScore"]) == ("Ada", 0)
    assert dumped["leads"][0]["partition"] == "EMEA"


def test_a_creation_lands_in_its_partition(clock: FakeClock) -> None:
    sim = simulator(clock, partitions=[{"name": "EMEA"}])
    connect(sim, clock).leads.sync(SyncAction.CREATE_ONLY, "email", [{"email": "ada@example.org"}], "EMEA")
    dumped: Any = sim.dump()
    assert dumped["leads"][0]["partition"] == "EMEA"


def test_a_large_batch_is_split_below_the_body_limit(clock: FakeClock) -> None:
    sim = simulator(clock, fields=[{"name": "notes", "data_type": "text"}])
    marketo = connect(sim, clock)
    records: list[Record] = [{"email": f"{number}@example.org", "notes": "ä" * 14_000} for number in range(100)]
    results = [
        result
        for chunk in record_chunks(records)
        for result in marketo.leads.sync(SyncAction.CREATE_ONLY, "email", chunk)
    ]
    assert [result.status for result in results] == ["created"] * 100
    with pytest.raises(RequestRejectedError, match="413"):
        marketo.leads.sync(SyncAction.CREATE_ONLY, "email", records)


@pytest.mark.parametrize(
    "fault",
    [
        Fault("drop", path="^/rest", executes=True),
        Fault("http", path="^/rest", status=502, executes=True),
        Fault(code="604", path="^/rest", executes=True),
    ],
)
def test_a_creation_of_unknown_end_is_not_repeated(clock: FakeClock, fault: Fault) -> None:
    sim = simulator(clock)
    sim.script(fault)
    with pytest.raises(InstanceWaitsError) as raised:
        connect(sim, clock).leads.sync(SyncAction.CREATE_ONLY, "email", [{"email": "ada@example.org"}])
    assert raised.value.executed_unknown
    assert emails(sim) == ["ada@example.org"]
    assert len([call for call in sim.log() if call.path == "/rest/v1/leads.json"]) == 1


def test_removing_two_members_removes_two(clock: FakeClock) -> None:
    leads = [{"id": lead_id, "email": f"{lead_id}@example.org"} for lead_id in (1, 2, 3)]
    sim = simulator(clock, leads=leads, lists=[{"name": "Webinar", "id": 70, "members": [1, 2, 3]}])
    results = connect(sim, clock).lists.remove(70, [1, 2])
    assert [result.status for result in results.values()] == ["removed", "removed"]
    assert members(sim, 70) == [3]


def test_unknown_people_do_not_disturb_a_removal(clock: FakeClock) -> None:
    sim = simulator(
        clock,
        leads=[{"id": 1, "email": "1@example.org"}, {"id": 2, "email": "2@example.org"}],
        lists=[{"name": "Webinar", "id": 70, "members": [1]}],
    )
    results = connect(sim, clock).lists.remove(70, [999, 1, 2])
    assert {lead_id: result.code for lead_id, result in results.items()} == {999: "1004", 1: None, 2: "1015"}
    assert members(sim, 70) == []


def test_each_list_gets_its_own_people(clock: FakeClock) -> None:
    leads = [{"id": lead_id, "email": f"{lead_id}@example.org"} for lead_id in (1, 2)]
    sim = simulator(clock, leads=leads, lists=[{"name": "One", "id": 71}, {"name": "Two", "id": 72}])
    marketo = connect(sim, clock)
    marketo.lists.add(71, [1])
    assert marketo.lists.add(72, [2, 404])[404].code == "1004"
    assert (members(sim, 71), members(sim, 72)) == ([1], [2])


def test_a_list_that_is_gone_blocks(clock: FakeClock) -> None:
    marketo = connect(simulator(clock, leads=[{"id": 1, "email": "1@example.org"}]), clock)
    with pytest.raises(ListMissingError):
        marketo.lists.add(4_711, [1])
    with pytest.raises(ListMissingError):
        marketo.lists.remove(4_711, [1])
    assert marketo.lists.get(4_711) is None


def test_a_list_is_made_once_in_its_workspace(clock: FakeClock) -> None:
    sim = simulator(clock, workspaces=[{"name": "EMEA", "partitions": ["Default"]}])
    marketo = connect(sim, clock)
    made = marketo.lists.ensure("Berlin, Paris", "EMEA", "From an audience")
    assert (made.name, made.workspace) == ("Berlin; Paris", "EMEA")
    assert made.is_new
    found = replace(made, is_new=False)
    assert marketo.lists.ensure("Berlin, Paris", "EMEA") == found
    assert marketo.lists.get(made.id) == found
    assert marketo.lists.workspaces() == ["Default", "EMEA"]
    assert len(sim.dump()["lists"]) == 1


def test_a_list_whose_creation_answered_709_is_adopted(clock: FakeClock) -> None:
    sim = simulator(clock)
    sim.script(Fault(code="709", path="staticLists", executes=True))
    made = connect(sim, clock).lists.ensure("Webinar", "Default")
    assert made.name == "Webinar"
    assert len(sim.dump()["lists"]) == 1


def test_three_hundred_records_a_call_and_one_token_for_all_threads(clock: FakeClock) -> None:
    sim = simulator(clock)
    marketo = connect(sim, clock)
    records: list[Record] = [{"email": f"{number}@example.org"} for number in range(3_000)]
    with ThreadPoolExecutor(10) as pool:
        created = list(
            pool.map(lambda chunk: marketo.leads.sync(SyncAction.CREATE_ONLY, "email", chunk), chunks(records))
        )
    assert [len(results) for results in created] == [300] * 10
    assert marketo.calls == 10
    assert identity_calls(sim) == 1


def test_an_expired_token_is_renewed_unnoticed(clock: FakeClock) -> None:
    sim = simulator(clock)
    marketo = connect(sim, clock)
    marketo.describe.partitions()
    sim.script(Fault(code="602", path="^/rest"))
    marketo.describe.refresh()
    assert [partition.name for partition in marketo.describe.partitions()] == ["Default"]
    clock.elapsed += 3_600
    marketo.describe.refresh()
    marketo.describe.partitions()
    assert sim.stats()["codes"] == {"602": 1}


def test_a_dead_token_stops_after_one_refresh(clock: FakeClock) -> None:
    sim = simulator(clock)
    sim.script(Fault(code="601", path="^/rest", every=1))
    with pytest.raises(TokenRefusedError):
        connect(sim, clock).describe.partitions()
    assert len([call for call in sim.log() if call.path.startswith("/rest")]) == 2


def test_wrong_credentials_block(clock: FakeClock) -> None:
    with pytest.raises(ConnectionBlockedError) as raised:
        connect(simulator(clock), clock, credentials=ClientCredentials("client", "wrong")).describe.schema()
    assert raised.value.code == "401"


@pytest.mark.parametrize("code", ["606", "607", "615", "603", "1006", "9999"])
def test_codes_inside_http_200_are_failures(clock: FakeClock, code: str) -> None:
    sim = simulator(clock)
    sim.script(Fault(code=code, path="^/rest", every=1))
    with pytest.raises(MarketoError) as raised:
        connect(sim, clock).leads.find(EMAIL, ["ada@example.org"])
    assert raised.value.code == code


def test_the_daily_quota_has_its_own_error(clock: FakeClock) -> None:
    sim = simulator(clock, settings={"daily_quota": 1})
    marketo = connect(sim, clock)
    marketo.describe.schema()
    with pytest.raises(QuotaReachedError):
        marketo.describe.partitions()


def test_the_instance_s_rate_limit_is_never_reached(clock: FakeClock) -> None:
    sim = simulator(clock, leads=[{"email": "ada@example.org"}])
    marketo = connect(sim, clock)
    for _ in range(450):
        marketo.leads.find(EMAIL, ["ada@example.org"])
    assert sim.stats()["by_limit"] == {}
    assert clock.elapsed == pytest.approx(4 * 20.3)


def test_the_schema_knows_searchable_and_read_only_fields(clock: FakeClock) -> None:
    schema = connect(simulator(clock, fields=[{"name": "customerKey", "data_type": "string"}]), clock).describe.schema()
    assert {"email", "id", "customerKey"} <= schema.searchable
    assert schema.fields["email"].data_type == "email"
    assert not schema.fields["updatedAt"].updateable


@pytest.mark.parametrize("url", ["https://mock/{munchkin_id}", "https://mock/{munchkin_id}/rest/"])
def test_instances_do_not_mix(clock: FakeClock, url: str) -> None:
    sim = simulator(clock)
    marketo = connect(sim, clock, url=url)
    marketo.leads.sync(SyncAction.CREATE_ONLY, "email", [{"email": "ada@example.org"}])
    assert emails(sim) == []
    dumped: Any = sim.instance(MUNCHKIN_ID).dump()
    assert [lead["email"] for lead in dumped["leads"]] == ["ada@example.org"]


def test_the_pace_is_replaced_with_the_lease(clock: FakeClock) -> None:
    marketo = connect(simulator(clock), clock)
    marketo.pace = pace(1, 1, clock, state=PaceState((clock.wall(),)))
    marketo.describe.schema()
    assert clock.elapsed == pytest.approx(20.3)
    assert len(marketo.pace.state().calls) == 1


@pytest.mark.parametrize(
    "work", [lambda marketo: marketo.describe.partitions(), lambda marketo: marketo.describe.schema()]
)
def test_a_lost_connection_does_not_disturb_a_read(clock: FakeClock, work: Callable[[Marketo], object]) -> None:
    sim = simulator(clock)
    sim.script(Fault("drop", path="^/rest"))
    assert work(connect(sim, clock))
