"""A caller of the simulator for tests: signed in, in process, with a clock that stands still until it is moved."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from marketo_simulator import Request, Response, Simulator

Params = Mapping[str, object] | Sequence[tuple[str, object]]
NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


class Time:
    """A clock and a sleep that agree with one another."""

    def __init__(self) -> None:
        self.now = NOW

    def clock(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


class Api:
    """Calls a simulator as one client."""

    def __init__(self, seed: Mapping[str, object] | None = None, instance: str = "", **settings: object) -> None:
        self.time = Time()
        self.simulator = Simulator(seed, settings or None, self.time.clock, self.time.sleep)
        self.instance = instance
        self.token = ""
        self.sign_in()

    def sign_in(self, client_id: str = "client") -> Response:
        answer = self.identity(client_id=client_id, client_secret="secret")
        self.token = answer.json()["access_token"] if answer.status == 200 else ""
        return answer

    def identity(self, **params: str) -> Response:
        return self.send("GET", "/identity/oauth/token", {"grant_type": "client_credentials"} | params)

    def send(
        self,
        method: str,
        path: str,
        params: Params = (),
        *,
        content: object = None,
        form: Params | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
    ) -> Response:
        sent = {"Authorization": f"Bearer {self.token}"}
        if content is not None:
            sent["Content-Type"], body = "application/json", json.dumps(content).encode()
        if form is not None:
            sent["Content-Type"], body = "application/x-www-form-urlencoded", urlencode(form, doseq=True).encode()
        query = f"?{urlencode(params, doseq=True)}" if params else ""
        prefix = f"/{self.instance}" if self.instance else ""
        return self.simulator.handle(Request.of(method, f"{prefix}{path}{query}", sent | dict(headers or {}), body))

    def call(self, method: str, path: str, params: Params = (), **more: Any) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(self.send(method, path, params, **more).body)
        return decoded

    def get(self, path: str, **params: object) -> dict[str, Any]:
        return self.call("GET", path, params)

    def find(self, filter_type: str, *values: object, **more: object) -> dict[str, Any]:
        shown = ",".join(map(str, values))
        return self.get("/rest/v1/leads.json", filterType=filter_type, filterValues=shown, **more)

    def sync(self, *records: Mapping[str, object], **options: object) -> dict[str, Any]:
        return self.call("POST", "/rest/v1/leads.json", content={"input": records} | options)

    def outcomes(self, *records: Mapping[str, object], **options: object) -> list[str]:
        """Status per record; a skipped one by its codes."""
        return [outcome(row) for row in self.sync(*records, **options)["result"]]

    def lead(self, lead_id: int) -> dict[str, Any]:
        return self.leads()[lead_id]

    def leads(self) -> dict[int, dict[str, Any]]:
        return {row["id"]: row for row in self.dump()["leads"]}

    def dump(self) -> dict[str, Any]:
        return self.simulator.dump()

    def members(self, list_id: int) -> list[int]:
        return next(row["members"] for row in self.dump()["lists"] if row["id"] == list_id)


def outcome(row: Mapping[str, Any]) -> str:
    """One word for the result of one record."""
    if row["status"] != "skipped":
        return str(row["status"])
    return " ".join(reason["code"] for reason in row["reasons"])


def code(answer: Mapping[str, Any]) -> str:
    """The top-level error code of a failed call, empty for success."""
    return "" if answer["success"] else str(answer["errors"][0]["code"])
