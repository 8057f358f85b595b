"""`make demo`: real payloads through the whole local stack into Marketo, and a check of where they arrive.

Exits 0 only if Marketo's leads and lists and the run's counters are what the matching rules demand.
"""

import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from rich.console import Console
from rich.table import Column, Table
from typer.main import get_command

from destination_client.main import app
from local import places, stack
from local.console import open_console
from local.errors import LocalStackError

EVENTS = places.ROOT / "events"
PAYLOADS = EVENTS / "payloads"
FILLED_EVENTS = places.STATE / "events"
WEBINAR = "5a8c1f6e-0f4d-4f7e-9a44-2b1c7d9e0001"
NEWSLETTER = "5a8c1f6e-0f4d-4f7e-9a44-2b1c7d9e0002"
PATIENCE_SECONDS = 60.0
HTTP_SECONDS = 30.0

SEED: Mapping[str, Any] = {
    "partitions": [{"name": "EMEA", "id": 2}],
    "leads": [
        {
            "id": 101,
            "email": "ada.lovelace@example.org",
            "lastName": "Byron",
            "partition": "Default",
            "updatedAt": "2026-01-10T08:00:00Z",
        },
        {
            "id": 102,
            "email": "ADA.Lovelace@example.org",
            "lastName": "King",
            "partition": "EMEA",
            "updatedAt": "2026-05-01T08:00:00Z",
        },
        {"id": 103, "email": "grace.hopper@example.com", "lastName": "Murray", "partition": "Default"},
        {"id": 104, "email": "alan.turing@example.org", "leadScore": 10, "partition": "EMEA"},
    ],
}

CONNECTION: Mapping[str, Any] = {
    "name": "Demo",
    "munchkin_id": "123-ABC-456",
    "workspace": "Default",
    "sync_type": "audience_and_profile",
    "person_action": "update_existing_and_create_new",
    "partition": "EMEA",
    "dedupe_field": "email",
    "credentials": {"client_id": "client", "client_secret": "secret"},
    "source": {"format": "aep"},
    "mapping": [
        {"source": "personalEmail.address", "target": "DedupeField"},
        {"source": "person.name.firstName", "target": "firstName"},
        {"source": "person.name.lastName", "target": "lastName"},
        {"source": "_acme.company", "target": "company"},
        {"source": "_acme.engagement", "target": "leadScore"},
    ],
}

LEAD_COLUMNS = ("id", "partition", "email", "firstName", "lastName", "company", "leadScore")
EXPECTED_LEADS = {
    (101, "Default", "ada.lovelace@example.org", None, "Byron", None, None),
    (102, "EMEA", "ADA.Lovelace@example.org", "Ada", "Lovelace", "Analytical Engines", 82),
    (103, "Default", "grace.hopper@example.com", "Grace", "Hopper", "Compilers Ltd", 64),
    (104, "EMEA", "alan.turing@example.org", "Alan", "Turing", "Bombe & Sons", 10),
    ("new", "EMEA", "katherine.johnson@example.net", "Katherine", "Johnson", "Orbital Mechanics", 97),
}
EXPECTED_MEMBERS = {
    "Webinar attendees; EMEA": {"ADA.Lovelace@example.org", "katherine.johnson@example.net"},
    "Newsletter": {"alan.turing@example.org", "katherine.johnson@example.net"},
}
DRIFT = {"DELETE": "katherine.johnson@example.net", "POST": "grace.hopper@example.com"}
"""Who is taken off the newsletter's list and put on it by hand, by the method that does so."""

DRIFTED = {"alan.turing@example.org", "grace.hopper@example.com"}
EXPECTED_RUN = {
    "received": 16,
    "activated": {"created": 1, "updated": 3, "added": 5, "removed": 1, "persons": 5},
    "unchanged": 7,
    "excluded": 4,
    "failed": 0,
    "ignored": 2,
    "rejected": 2,
    "warnings": 2,
}

AUDIENCES = {WEBINAR: "Webinar attendees, EMEA", NEWSLETTER: "Newsletter"}

destination = get_command(app)
console = Console(width=None if sys.stdout.isatty() else 120)


@dataclass
class Demo:
    """The demo's way through the stack; `differences` is what was not as the rules demand."""

    api_url: str
    simulator_url: str
    differences: list[str] = field(default_factory=list)

    def run(self) -> None:
        self.end_earlier()
        self.seed()
        connection_id, token = self.connect()
        profiles = (PAYLOADS / "aep-profiles.json").read_bytes()
        self.post(
            connection_id, token, "eight profiles and a record of another format", profiles, accepted=8, rejected=[8]
        )
        self.wait(connection_id, received=7)
        self.post(connection_id, token, "that Grace leaves the webinar audience", _payload("aep-exit.json"), accepted=1)
        self.wait(connection_id, received=8)
        self.post(connection_id, token, "a late, older entry of hers", _payload("aep-late-entry.json"), accepted=1)
        self.wait(connection_id, received=9)
        writes = self.writes()
        self.post(connection_id, token, "the eight profiles once more", profiles, accepted=8, rejected=[8])
        self.wait(connection_id, received=16)
        self.expect("Marketo calls that change something, for what was delivered before", self.writes() - writes, 0)
        self.show(connection_id)
        self.watch(connection_id)
        self.repair(connection_id)
        leave_events(connection_id, token, datetime.now(UTC))

    def end_earlier(self) -> None:
        """Delete the instance's connections: their lists are about to be reset, and a list belongs to one of them."""
        page: dict[str, Any] = {"cursor": ""}
        while page["cursor"] is not None:
            query = {"cursor": page["cursor"]} if page["cursor"] else {}
            page = _call("GET", f"{self.api_url}/connections", params=query)
            for one in page["connections"]:
                if one["munchkin_id"] == CONNECTION["munchkin_id"]:
                    _call("DELETE", f"{self.api_url}/connections/{one['id']}", params={"discard": "true"})

    def seed(self) -> None:
        _step("Marketo holds four people in two partitions; two of them share an e-mail address")
        _call("POST", f"{self.simulator_url}/_simulator/reset", json={})
        _call("POST", f"{self.simulator_url}/_simulator/seed", json=SEED)
        self.show_leads(self.marketo()["leads"])

    def connect(self) -> tuple[str, str]:
        _step("A connection: audience and profile, update existing and create new, new people go to EMEA")
        created = _call("POST", f"{self.api_url}/connections", json=CONNECTION)
        url = f"{self.api_url}/connections/{created['id']}"
        for audience, name in AUDIENCES.items():
            activated = _call("POST", f"{url}/audiences", json={"id": audience, "name": name})
            console.print(f"   audience [bold]{name}[/] → static list {activated['list']['id']}")
        _call("POST", f"{url}/enable")
        return created["id"], created["ingest"]["token"]

    def post(
        self,
        connection_id: str,
        token: str,
        what: str,
        body: bytes,
        *,
        accepted: int,
        rejected: list[int] | None = None,
    ) -> None:
        _step(f"Adobe Experience Platform posts {what}")
        answer = _call(
            "POST",
            f"{self.api_url}/connections/{connection_id}/events",
            data=body,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        console.print(f"   202 {json.dumps(answer)}", highlight=False)
        self.expect(f"accepted of {what}", answer["accepted"], accepted)
        self.expect(f"rejected of {what}", [one["index"] for one in answer["rejected"]], rejected or [])

    def wait(self, connection_id: str, received: int) -> None:
        """Wait until so many persons are accounted for."""
        began = time.monotonic()
        with console.status("   on its way: API Gateway → ingest → SQS → sync → Marketo") as status:
            while (found := self.total(connection_id)["received"]) < received:
                waited = time.monotonic() - began
                if waited > PATIENCE_SECONDS:
                    raise LocalStackError(
                        f"{found} of {received} persons were delivered within {PATIENCE_SECONDS:.0f} s; "
                        "see .local/*.log, or start again with: make down demo"
                    )
                status.update(f"   {found} of {received} persons accounted for, {waited:.0f} s")
                time.sleep(0.25)
        console.print(f"   delivered, {received} persons accounted for, after {time.monotonic() - began:.1f} s")

    def total(self, connection_id: str) -> dict[str, Any]:
        """The counters of the demo's runs added up: it may have begun in the hour before."""
        total: dict[str, Any] = {"received": 0, "activated": {}, "reasons": {}, "audiences": {}, "marketo_calls": 0}
        for run in _call("GET", f"{self.api_url}/connections/{connection_id}/runs")["runs"]:
            for name in (
                *("received", "unchanged", "excluded", "failed"),
                *("ignored", "rejected", "warnings", "marketo_calls"),
            ):
                total[name] = total.get(name, 0) + run[name]
            for name, count in run["activated"].items():
                total["activated"][name] = total["activated"].get(name, 0) + count
            for reason in run["reasons"]:
                known = total["reasons"].setdefault(reason["code"], {**reason, "count": 0})
                known["count"] += reason["count"]
            for audience in run["audiences"]:
                known = total["audiences"].setdefault(audience["id"], {})
                for name in ("received", "activated", "unchanged", "excluded", "failed"):
                    known[name] = known.get(name, 0) + audience[name]
        return total

    def writes(self) -> int:
        """How many calls so far changed something in Marketo."""
        endpoints: dict[str, int] = _call("GET", f"{self.simulator_url}/_simulator/stats")["endpoints"]
        return sum(
            count
            for endpoint, count in endpoints.items()
            if endpoint.startswith(("POST /rest/v1/leads.json", "POST /rest/v1/lists", "DELETE"))
        )

    def marketo(self) -> dict[str, Any]:
        state: dict[str, Any] = _call("GET", f"{self.simulator_url}/_simulator/dump")
        return state

    def show(self, connection_id: str) -> None:
        _step("What Marketo holds now")
        state = self.marketo()
        self.show_leads(state["leads"])
        leads = {lead["id"]: lead for lead in state["leads"]}
        known = {lead["id"] for lead in SEED["leads"]}
        self.expect(
            "leads",
            {("new" if row[0] not in known else row[0], *row[1:]) for row in map(_lead, leads.values())},
            EXPECTED_LEADS,
        )
        members = self.members()
        table = Table("static list", "members")
        for name, emails in members.items():
            table.add_row(name, ", ".join(sorted(emails)))
        console.print(table)
        self.expect("list members", members, EXPECTED_MEMBERS)
        _step("What the run says")
        total = self.total(connection_id)
        self.show_run(total)
        self.expect("the run", {name: total[name] for name in EXPECTED_RUN}, EXPECTED_RUN)

    def watch(self, connection_id: str) -> None:
        _step("How marketing operations see it")
        for arguments in (("runs", connection_id), ("status",)):
            self.expect(f"the exit code of destination {arguments[0]}", _command(*arguments), 0)

    def repair(self, connection_id: str) -> None:
        _step("Somebody edits a list in Marketo by hand; a verification finds it, and puts everybody in place")
        lists = {one["name"]: one["id"] for one in self.marketo()["lists"]}
        leads = {lead["email"]: lead["id"] for lead in self.marketo()["leads"]}
        for method, email in DRIFT.items():
            answer = requests.request(
                method,
                f"{self.simulator_url}/rest/v1/lists/{lists['Newsletter']}/leads.json",
                headers={"Authorization": f"Bearer {self.access_token()}"},
                json={"input": [{"id": leads[email]}]},
                timeout=HTTP_SECONDS,
            )
            self.expect(f"the drift of {email}", answer.json().get("success"), True)
        self.expect("the drifted list", self.members()["Newsletter"], DRIFTED)
        repairs = (option for one in ("missing", "leavers", "foreign") for option in ("--repair", one))
        repaired = _command("verify", connection_id, *repairs, "--wait")
        # 1, as one of the excluded persons is wanted on a list, and on none until its profile has what it lacks.
        self.expect("the exit code of destination verify", repaired, 1)
        self.expect("list members after the repair", self.members(), EXPECTED_MEMBERS)

    def access_token(self) -> str:
        credentials = CONNECTION["credentials"]
        query = {"grant_type": "client_credentials", **credentials}
        token: str = _call("GET", f"{self.simulator_url}/identity/oauth/token", params=query)["access_token"]
        return token

    def members(self) -> dict[str, set[str]]:
        """The e-mail addresses on each list."""
        state = self.marketo()
        emails = {lead["id"]: lead["email"] for lead in state["leads"]}
        return {one["name"]: {emails[lead] for lead in one["members"]} for one in state["lists"]}

    def show_leads(self, leads: list[dict[str, Any]]) -> None:
        table = Table(*(Column(name, overflow="fold") for name in LEAD_COLUMNS))
        for lead in leads:
            table.add_row(*("" if value is None else str(value) for value in _lead(lead)))
        console.print(table)

    def show_run(self, total: Mapping[str, Any]) -> None:
        activated = total["activated"]
        changes = ", ".join(f"{count} {name}" for name, count in activated.items() if name != "persons")
        beside = ("unchanged", "excluded", "failed", "ignored", "rejected")
        counters = Table("received", "activated", *beside, "Marketo calls")
        counters.add_row(
            str(total["received"]),
            f"{activated['persons']} ({changes})",
            *(str(total[name]) for name in (*beside, "marketo_calls")),
        )
        console.print(counters)
        audiences = Table("audience", "received", "activated", "unchanged", "excluded", "failed")
        for audience, counts in total["audiences"].items():
            audiences.add_row(AUDIENCES[audience], *(str(count) for count in counts.values()))
        console.print(audiences)
        reasons = Table("persons", "class", "code", "why")
        for reason in total["reasons"].values():
            reasons.add_row(str(reason["count"]), reason["class"], reason["code"], reason["message"])
        console.print(reasons)

    def expect(self, what: str, found: object, wanted: object) -> None:
        if found != wanted:
            self.differences.append(f"{what}: {found!r} instead of {wanted!r}")


def main() -> int:
    """Run the demo; 0 if all is as the rules demand."""
    if os.environ.get("MARKETO_URL"):
        console.print("error: the demo seeds the simulator; run it without MARKETO_URL", style="red")
        return 1
    try:
        standing = stack.up(marketo_url=None, port=None, simulator_port=None)
        demo = Demo(standing.api_url, standing.marketo_url.replace("{munchkin_id}", CONNECTION["munchkin_id"]))
        demo.run()
        address = open_console()
    except (LocalStackError, requests.RequestException) as error:
        console.print(f"error: {error}", style="red")
        return 1
    for difference in demo.differences:
        console.print(f"✗ {difference}", style="red")
    if not demo.differences:
        console.print("✓ Marketo's leads, lists and the run are what the matching rules demand.", style="green")
        console.print("  The stack stays up: `make status` shows where, `make down` stops it.")
        console.print("  Events for `sam local invoke` with this connection are in .local/events.")
        console.print("  The same in the browser, at an address that opens it once (another: `make console`):")
        console.print(f"  {address}", highlight=False, soft_wrap=True)
    return 1 if demo.differences else 0


def leave_events(connection_id: str, token: str, now: datetime, folder: Path = FILLED_EVENTS) -> None:
    """Fill the sample events in for this connection, as of now, for `sam local invoke`."""
    folder.mkdir(exist_ok=True)
    values = {
        "connection_id": connection_id,
        "ingest_token": token,
        "time": now.isoformat(timespec="seconds"),
        "milliseconds": str(int(1000 * now.timestamp())),
    }
    for sample in EVENTS.glob("*.json"):
        text = sample.read_text()
        for name, value in values.items():
            text = text.replace(f"{{{{{name}}}}}", value)
        (folder / sample.name).write_text(text)


def _lead(lead: Mapping[str, Any]) -> tuple[Any, ...]:
    return tuple(lead.get(name) for name in LEAD_COLUMNS)


def _payload(name: str) -> bytes:
    return (PAYLOADS / name).read_bytes()


def _command(*arguments: str) -> int:
    """Run the command `destination` on the local stack, as one would in a terminal; its exit code."""
    console.print(f"   [dim]$ destination {' '.join(arguments)}[/]", soft_wrap=True)
    code: int | None = destination.main(["--local", *arguments], prog_name="destination", standalone_mode=False)
    return code or 0


def _step(what: str) -> None:
    console.print(f"\n[bold cyan]▸[/] [bold]{what}[/]")


def _call(method: str, url: str, **request: Any) -> Any:
    answer = requests.request(method, url, timeout=HTTP_SECONDS, **request)
    if not answer.ok:
        raise LocalStackError(f"{method} {url} answered {answer.status_code}: {answer.text}")
    return answer.json() if answer.content else None


if __name__ == "__main__":
    sys.exit(main())
