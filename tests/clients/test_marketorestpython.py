"""marketorestpython, the Python client that most programs use, does what it can against the simulator."""

from marketo_simulator.server import SimulatorServer
from tests.clients.environments import HERE, environment, told


def test_it_reads_and_writes_leads_and_lists(server: SimulatorServer) -> None:
    home = environment("marketorestpython")
    seen = told([str(home / "bin/python"), str(HERE / "marketorestpython/repertoire.py"), server.url])
    assert seen["by_id"] == [{"id": 7, "email": "ada@example.org", "firstName": "Ada"}]
    assert [row["id"] for row in seen["by_filter"]] == [7]
    assert seen["many"] == 290
    new = seen["synced"][0]["id"]
    assert seen["synced"] == [{"id": new, "status": "created"}, {"id": 7, "status": "updated"}]
    assert seen["refused"][0]["status"] == "skipped"
    assert seen["members"] == [8, *range(1000, 1400)]
    assert [row["status"] for row in seen["joined"]] == ["added", "added"]
    assert [row["status"] for row in seen["is_member"]] == ["memberof", "notmemberof"]
    assert seen["left"] == [{"id": 8, "status": "removed"}]
    assert (seen["list"][0]["name"], seen["by_name"][0]["name"], seen["renamed"][0]["name"]) == (
        "Made",
        "Made",
        "Renamed",
    )
    assert seen["lists"] == ["Webinar", "Renamed"]
    assert seen["browsed"] == ["Renamed", "Webinar"]
    assert seen["partitions"] == ["Default", "EMEA"]
    assert {"id", "email", "firstName", "unsubscribed"} <= set(seen["fields"])
    assert seen["usage"][0]["total"] > 10
    assert seen["deleted"] == [{"id": 8, "status": "deleted"}]
    assert seen["error"] == "1011"
    leads = {lead["id"]: lead for lead in server.simulator.dump()["leads"]}
    assert (leads[7]["firstName"], leads[new]["email"], 8 in leads) == ("Augusta", "new@example.org", False)
    (webinar,) = server.simulator.dump()["lists"]
    assert webinar["members"] == [7, *range(1000, 1400), new]
    assert server.simulator.log(code="609") == []
