"""node-marketo-rest, the client of most Node programs, does what it can against the simulator."""

from marketo_simulator import Fault
from marketo_simulator.server import SimulatorServer
from tests.clients.environments import HERE, environment, node, told


def test_it_reads_and_writes_leads_and_lists(server: SimulatorServer) -> None:
    home = environment("node_marketo_rest")
    server.simulator.script(Fault("http", status=502, path="partitions"))  # it tries again
    seen = told([str(node(home)), str(HERE / "node_marketo_rest/repertoire.mjs"), server.url], home)
    assert seen["byId"] == [{"id": 7, "email": "ada@example.org", "firstName": "Ada"}]
    assert seen["found"] == [{"id": 7, "email": "ada@example.org"}]
    new = seen["synced"][0]["id"]
    assert seen["synced"] == [{"id": new, "status": "created"}, {"id": 7, "status": "updated"}]
    assert (seen["lists"], seen["byListId"]) == (["Webinar"], [70])
    assert seen["members"] == [8, *range(1000, 1400)]
    assert [row["status"] for row in seen["joined"]] == ["added", "added"]
    assert [row["status"] for row in seen["isMember"]] == ["memberof", "notmemberof"]
    assert seen["left"] == [{"id": 8, "status": "removed"}]
    assert [row["status"] for row in seen["joinedByAddress"]] == ["added"]
    assert {"id", "email", "firstName", "unsubscribed"} <= set(seen["fields"])
    assert seen["partitions"] == ["Default", "EMEA"]
    assert seen["usage"][0]["total"] > 10
    assert seen["error"] == "1011"
    leads = {lead["email"]: lead["id"] for lead in server.simulator.dump()["leads"]}
    (webinar,) = server.simulator.dump()["lists"]
    assert webinar["members"] == sorted([7, *range(1000, 1400), new, leads["late@example.org"]])
    assert [call.status for call in server.simulator.log(path="partitions")] == [502, 200]
