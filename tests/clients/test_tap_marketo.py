"""tap-marketo, which Singer pipelines read Marketo with, discovers and extracts leads, activities and lists."""

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from marketo_simulator import Fault, Request
from marketo_simulator.server import SimulatorServer
from tests.clients.environments import HERE, environment, run

HOURS = 2
"""Before now, the leads come into being: what is of this very second is no part of an extract."""
STREAMS = ("leads", "activity_types", "lists", "activities_new_lead", "activities_change_data_value")


class Tap:
    """The tap with its configuration."""

    def __init__(self, url: str, folder: Path) -> None:
        self._command = [str(environment("tap_marketo") / "bin/python"), str(HERE / "tap_marketo/tap.py"), url]
        self._folder = folder
        started = datetime.now(UTC) - timedelta(days=3)
        self._config = self._file(
            "config",
            {
                "start_date": started.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "endpoint": "https://123-ABC-456.mktorest.com/rest",
                "client_id": "client",
                "client_secret": "secret",
                "poll_interval": 0.1,
            },
        )

    def discover(self) -> dict[str, dict[str, Any]]:
        """The catalog, by stream."""
        found = json.loads(run([*self._command, "--config", self._config, "--discover"]))
        return {stream["tap_stream_id"]: stream for stream in found["streams"]}

    def extract(self, catalog: dict[str, dict[str, Any]], *streams: str) -> dict[str, list[dict[str, Any]]]:
        """The records of these streams, with all their fields."""
        chosen = [catalog[name] for name in streams]
        for stream in chosen:
            for entry in stream["metadata"]:
                entry["metadata"]["selected"] = True
        file = self._file("catalog", {"streams": chosen})
        records = defaultdict(list)
        for line in run([*self._command, "--config", self._config, "--properties", file]).splitlines():
            message = json.loads(line)
            if message["type"] == "RECORD":
                records[message["stream"]].append(message["record"])
        return records

    def _file(self, name: str, content: object) -> str:
        path = self._folder / f"{name}.json"
        path.write_text(json.dumps(content))
        return str(path)


@pytest.fixture
def people(server: SimulatorServer) -> SimulatorServer:
    """Two leads that came some time ago, one of which was changed since."""
    simulator = server.simulator
    simulator.configure(export_queue_seconds=0.0, export_seconds=0.2, export_all_filters=True)
    token = "grant_type=client_credentials&client_id=client&client_secret=secret"
    answer: Any = simulator.handle(Request.of("GET", f"/identity/oauth/token?{token}")).json()
    headers = {"Authorization": f"Bearer {answer['access_token']}", "Content-Type": "application/json"}

    def sync(*records: dict[str, str]) -> None:
        body = json.dumps({"input": records}).encode()
        assert simulator.handle(Request.of("POST", "/rest/v1/leads.json", headers, body)).json()["success"]

    simulator.advance(-HOURS * 3600)
    sync({"email": "new@example.org", "firstName": 'N"e,w'}, {"email": "other@example.org"})
    simulator.advance(600)
    sync({"email": "new@example.org", "firstName": "Newer"})
    simulator.advance(HOURS * 3600 - 600)
    return server


def test_it_discovers_and_extracts_leads_activities_and_lists(people: SimulatorServer, tmp_path: Path) -> None:
    tap = Tap(people.url, tmp_path)
    catalog = tap.discover()
    assert set(STREAMS) <= set(catalog)
    assert {"email", "firstName", "updatedAt", "unsubscribed"} <= set(catalog["leads"]["schema"]["properties"])
    records = tap.extract(catalog, *STREAMS)
    leads = {lead["email"]: lead for lead in records["leads"]}
    new, other = leads["new@example.org"], leads["other@example.org"]
    assert (new["firstName"], other["firstName"]) == ("Newer", None)
    assert {new["id"], other["id"]} <= {row["leadId"] for row in records["activities_new_lead"]}
    (changed,) = [row for row in records["activities_change_data_value"] if row["leadId"] == new["id"]]
    assert (changed["primary_attribute_value"], changed["new_value"]) == ("First Name", "Newer")
    assert [row["name"] for row in records["lists"]] == ["Webinar"]
    assert {"New Lead", "Change Data Value"} <= {row["name"] for row in records["activity_types"]}


def test_an_extract_whose_download_breaks_off_is_carried_on(people: SimulatorServer, tmp_path: Path) -> None:
    tap = Tap(people.url, tmp_path)
    catalog = tap.discover()
    people.simulator.script(Fault("drop", after_bytes=40, path=r"/export/.+/file\.json", times=2))
    leads = tap.extract(catalog, "leads")["leads"]
    assert {"new@example.org", "other@example.org"} <= {lead["email"] for lead in leads}
    files = people.simulator.log(path=r"/export/.+/file\.json")
    assert [call.status for call in files][:2] == [0, 0]
