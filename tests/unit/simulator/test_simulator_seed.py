"""Seeding while it runs: all of a seed or nothing of it, and only the settings that it names."""

from typing import Any, Final

import pytest

from marketo_simulator import DecodeError, Simulator
from tests.unit.simulator.simulator_api import Api

SEED: Final[dict[str, Any]] = {
    "partitions": [{"name": "EMEA"}],
    "leads": [{"id": 5, "email": "ada@example.org"}],
    "lists": [{"id": 7, "name": "Seven", "members": [5]}],
}
MORE: Final[dict[str, Any]] = {
    "fields": [{"name": "customerKey"}, {"name": "title", "searchable": True}],
    "partitions": [{"name": "APAC"}, {"id": 1, "name": "Main"}],
    "workspaces": [{"name": "Asia"}, {"id": 1, "name": "Home"}],
    "folders": [{"name": "Campaigns", "workspace": "Home"}],
    "leads": [{"email": "bob@example.org", "customerKey": "K", "title": "CEO"}],
    "lists": [{"name": "Eight", "folder": "Campaigns", "members": [5]}],
    "unsubscribed": ["gone@example.org"],
    "clients": [{"client_id": "other", "client_secret": "secret"}],
    "faults": [{"code": "606"}],
    "settings": {"concurrency": 3},
}


def seen(api: Api) -> dict[str, Any]:
    """Everything that a seed can add to."""
    folders = api.simulator.state.folders
    return api.dump() | {
        "folders": dict(folders),
        "fields": list(api.simulator.state.schema),
        "clients": set(api.simulator.identity.clients),
        "faults": list(api.simulator.faults),
        "settings": api.simulator.settings,
        "unsubscribed": set(api.simulator.state.unsubscribed),
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"lists": [*MORE["lists"], {"name": "x", "members": [99]}]},
        {"leads": [*MORE["leads"], {"email": "not an address"}]},
        {"folders": [*MORE["folders"], {"name": "x", "workspace": "Nowhere"}]},
        {"workspaces": [*MORE["workspaces"], {"name": "x", "partitions": ["Nowhere"]}]},
        {"partitions": [*MORE["partitions"], {"name": "EMEA", "id": 9}]},
        {"clients": [{"client_id": "x", "client_secret": "y", "partitions": ["Nowhere"]}]},
        {"faults": [{"effect": "nope"}]},
        {"settings": {"concurrency": 3, "latency": -1}},
        {"nope": []},
    ],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_refused_seed_adds_nothing(wrong: dict[str, Any]) -> None:
    api = Api(SEED)
    before = seen(api)
    with pytest.raises(DecodeError):
        api.simulator.seed(MORE | wrong)
    assert seen(api) == before
    api.simulator.seed(MORE)
    api.simulator.clear_faults()
    assert sorted(api.leads()) == [5, 6], "numbers are given as if nothing had been tried"
    assert [row["id"] for row in api.find("title", "CEO")["result"]] == [6]
    assert [each["id"] for each in api.dump()["lists"]] == [7, 1001]


def test_seeding_a_setting_leaves_the_others() -> None:
    api = Api(SEED, latency=0.5, daily_quota=7)
    api.simulator.seed({"settings": {"concurrency": None}})
    settings = api.simulator.settings
    assert (settings.latency, settings.daily_quota, settings.concurrency) == (0.5, 7, None)
    api.simulator.seed({"leads": [{"email": "x@example.org"}]})
    assert api.simulator.settings == settings


def test_settings_beside_a_seed_leave_those_of_the_seed() -> None:
    settings = Simulator({"settings": {"concurrency": 3, "latency": 1}}, {"latency": 0}).settings
    assert (settings.concurrency, settings.latency) == (3, 0)


@pytest.mark.parametrize(
    ("seed", "message"),
    [
        ({"partitions": [{"name": "Default", "id": 5}]}, "seed.partitions[0].id: 'Default' has the id 1, which stays"),
        ({"partitions": [{"name": "x", "id": 0}]}, "seed.partitions[0]: id 0 is none; give a whole number from 1 up"),
        ({"workspaces": [{"name": "x", "id": -1}]}, "seed.workspaces[0]: id -1 is none"),
        ({"leads": [{"leadPartitionId": 99}]}, "seed.leads[0].leadPartitionId: there is no partition of this id"),
        ({"leads": [{"id": 2**63}]}, "seed.leads[0].id: 9223372036854775808 is not a free whole number"),
        ({"fields": [{"name": "x", "data_type": "boolean", "searchable": True}]}, "seed.fields[0]: 'x' is a boolean"),
        ({"fields": [{"name": "x", "refused_with": "no"}]}, "seed.fields[0]: refused_with 'no' is no code"),
        ({"settings": {"latency": float("nan")}}, "seed.settings: latency is too long"),
        ({"settings": {"window_seconds": 1e300}}, "seed.settings: window_seconds is too long"),
        ({"settings": {"window_seconds": 10**400}}, "seed.settings.window_seconds: "),
        ({"settings": {"concurrency": -1}}, "seed.settings: concurrency is a whole number from 0 to"),
        ({"settings": {"quota_time_zone": "America"}}, "seed.settings: quota_time_zone 'America' is unknown"),
        ({"settings": {"dedupe_fields": []}}, "seed.settings: dedupe_fields names nothing"),
        ({"settings": {"create_race": "yes"}}, "seed.settings.create_race: expected true or false, got 'yes'"),
        ({"leads": True}, "seed.leads: expected a list, got true"),
    ],
)
def test_seed_errors_name_place_problem_and_remedy(seed: dict[str, Any], message: str) -> None:
    with pytest.raises(DecodeError) as refused:
        Simulator(seed)
    assert str(refused.value)[: len(message)] == message


def test_a_lead_may_name_its_partition_by_number() -> None:
    api = Api({"partitions": SEED["partitions"], "leads": [{"leadPartitionId": 2}, {"partition": "EMEA"}, {}]})
    assert [lead["partition"] for lead in api.leads().values()] == ["EMEA", "EMEA", "Default"]


def test_a_folder_may_stand_in_another_one() -> None:
    api = Api(
        {"folders": [{"name": "2026"}, {"name": "May", "folder": "2026", "description": "Spring", "archived": True}]}
    )
    (row,) = api.get("/rest/asset/v1/folder/byName.json", name="May")["result"]
    assert row["path"] == "/Lead Database/Default/Group Lists/2026/May"
    assert (row["description"], row["isArchive"]) == ("Spring", True)
