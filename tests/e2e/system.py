"""The deployed local stack as its users see it: the public interface on one side, Marketo on the other."""

import json
import secrets
import string
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import quote

import requests

from local import places, stack
from local.clients import client
from local.stack import LocalStack
from testing.example_source import built

DELIVERY_SECONDS = 30.0
"""What the local stack promises: an event is accounted for by then, unless Marketo asks to wait."""

HTTP_SECONDS = 30.0
POLL_SECONDS = 0.1

CLIENT_ID = "e2e-client"
PROBED = "701"
"""What Marketo answers when enabling probes whether people may be written, with a call that writes nobody."""

PARTITIONS = ("Default", "EMEA", "APAC")
MAPPING = (
    {"source": "personalEmail.address", "target": "DedupeField"},
    {"source": "person.name.firstName", "target": "firstName"},
    {"source": "person.name.lastName", "target": "lastName"},
    {"source": "_acme.company", "target": "company"},
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Instance:
    """One Marketo instance of the simulator, used by nobody else; its secret is made for this run."""

    munchkin_id: str
    url: str
    client_secret: str
    http: requests.Session

    def control(self, method: str, action: str, content: object = None) -> Any:
        answer = self.http.request(method, f"{self.url}/_simulator/{action}", json=content, timeout=HTTP_SECONDS)
        answer.raise_for_status()
        return answer.json()

    def seed(self, **data: object) -> None:
        self.control("POST", "seed", data)

    def rest(self, method: str, path: str, content: object = None) -> None:
        """What a person does in Marketo, by a call as the API user that must succeed."""
        user = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": self.client_secret}
        token = self.http.get(f"{self.url}/identity/oauth/token", params=user, timeout=HTTP_SECONDS).json()
        answer = self.http.request(
            method,
            f"{self.url}/rest/{path}",
            headers={"Authorization": f"Bearer {token['access_token']}"},
            json=content,
            timeout=HTTP_SECONDS,
        ).json()
        assert answer["success"], answer

    def script(self, *faults: Mapping[str, object]) -> None:
        """What goes wrong with the next calls that match."""
        self.control("POST", "faults", list(faults))

    def leads(self) -> dict[int, dict[str, Any]]:
        return {lead["id"]: lead for lead in self.control("GET", "dump")["leads"]}

    def emails(self) -> list[str]:
        return sorted(lead["email"] for lead in self.leads().values())

    def lists(self) -> dict[str, list[int]]:
        """The members of each static list, by its name."""
        return {one["name"]: one["members"] for one in self.control("GET", "dump")["lists"]}

    def members(self, name: str) -> list[str]:
        """The e-mail addresses on a list."""
        leads = self.leads()
        return sorted(leads[lead_id]["email"] for lead_id in self.lists()[name])

    def calls(self) -> list[dict[str, Any]]:
        """The calls so far, oldest first, without those for access tokens."""
        return [call for call in self.control("GET", "calls") if "/identity/" not in call["path"]]

    def codes(self) -> dict[str, int]:
        """How often each code was answered at the top level, but for the answer to the probe of the checks."""
        codes: dict[str, int] = self.control("GET", "stats")["codes"]
        return {code: times for code, times in codes.items() if code != PROBED}


@dataclass(frozen=True, slots=True)
class Destination:
    """A connection that was created through the interface, with its ingest token."""

    id: str
    token: str
    instance: Instance
    system: "System"

    def post(self, body: object) -> dict[str, Any]:
        """Post events, bytes as they are, anything else as JSON; what the webhook answers to those it accepts."""
        answer = self.system.send(self.id, self.token, body)
        assert answer.status_code == 202, answer.text
        accepted: dict[str, Any] = answer.json()
        return accepted

    def runs(self) -> list[dict[str, Any]]:
        runs: list[dict[str, Any]] = self.system.call("GET", f"/connections/{self.id}/runs")["runs"]
        return runs

    def total(self) -> dict[str, Any]:
        """The runs added up, for a test may begin in one hour and end in the next; zeroes are left out."""
        counts: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        for run in self.runs():
            activated = run["activated"]
            assert run["received"] == activated["persons"] + run["unchanged"] + run["excluded"] + run["failed"]
            counts.update({name: run[name] for name in ("received", "unchanged", "excluded", "failed", "ignored")})
            counts.update(activated)
            reasons.update({reason["code"]: reason["count"] for reason in run["reasons"]})
        return {name: count for name, count in counts.items() if count} | (
            {"reasons": dict(reasons)} if reasons else {}
        )

    def accounted(self, received: int, within: float = DELIVERY_SECONDS) -> dict[str, Any]:
        """The total, once so many persons are in it."""

        def ready() -> dict[str, Any] | None:
            total = self.total()
            return total if total.get("received", 0) >= received else None

        return wait_for(ready, within, f"{received} persons in the runs")

    def made_good(self, within: float = DELIVERY_SECONDS) -> dict[str, Any]:
        """The total, once nobody is failed any more: a letter that is redriven with success takes its failure back."""

        def ready() -> dict[str, Any] | None:
            total = self.total()
            return None if total.get("failed", 0) else total

        return wait_for(ready, within, "nobody failed in the runs")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a call of the interface or of the webhook was answered."""

    method: str
    path: str
    status: int
    text: str


@dataclass(frozen=True, slots=True)
class System:
    """The stack that stands, and what the tests made in it.

    `secrets` were given once and must never be seen again; the tests `began` at a time in Unix seconds.
    """

    stack: LocalStack
    http: requests.Session
    began: float
    secrets: set[str] = field(default_factory=set)
    connections: list[str] = field(default_factory=list)
    answers: list[Answer] = field(default_factory=list)

    def aws(self, service: str) -> Any:
        return client(service, self.stack.emulator_url)

    def request(self, method: str, path: str, content: object = None, **headers: str) -> requests.Response:
        """A call of the interface, whatever the answer; header names with `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self.http.request(
            method, f"{self.stack.api_url}{path}", json=content, headers=named, timeout=HTTP_SECONDS
        )
        self.answers.append(Answer(method, path, answer.status_code, answer.text))
        return answer

    def call(self, method: str, path: str, content: object = None, **headers: str) -> Any:
        """A call of the interface that must succeed; its answer."""
        answer = self.request(method, path, content, **headers)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def send(
        self, connection_id: str, token: str | None, body: object, *, content_type: str = "application/json"
    ) -> requests.Response:
        """Post events to the webhook, whatever the answer."""
        headers = {"Content-Type": content_type} | ({"Authorization": f"Bearer {token}"} if token else {})
        path = f"/connections/{connection_id}/events"
        answer = self.http.post(
            f"{self.stack.api_url}{path}",
            data=body if isinstance(body, bytes) else json.dumps(body).encode(),
            headers=headers,
            timeout=HTTP_SECONDS,
        )
        self.answers.append(Answer("POST", path, answer.status_code, answer.text))
        return answer

    def instance(self, **seed: object) -> Instance:
        """A Marketo instance with three partitions and an API user, and what the seed adds."""
        letters, digits = string.ascii_uppercase, string.digits
        munchkin_id = "-".join("".join(secrets.choice(signs) for _ in range(3)) for signs in (digits, letters, digits))
        secret = secrets.token_urlsafe(24)
        self.secrets.add(secret)
        url = self.stack.marketo_url.replace("{munchkin_id}", munchkin_id)
        made = Instance(munchkin_id, url, secret, self.http)
        user = {"client_id": CLIENT_ID, "client_secret": secret, "user": "e2e@example.com"}
        made.seed(clients=[user], partitions=[{"name": name} for name in PARTITIONS[1:]])
        made.seed(**seed)
        return made

    def create(self, instance: Instance, **changes: object) -> Destination:
        """A draft by e-mail for AEP's events, `audience_and_profile` and creating in EMEA unless said otherwise."""
        answer = self.call("POST", "/connections", configuration(instance, **changes))
        self.connections.append(answer["id"])
        self.secrets.add(answer["ingest"]["token"])
        return Destination(answer["id"], answer["ingest"]["token"], instance, self)

    def connect(self, instance: Instance, *audiences: str, **changes: object) -> Destination:
        """An enabled connection with audiences whose ids are their names."""
        made = self.create(instance, **changes)
        for name in audiences:
            self.call("POST", f"/connections/{made.id}/audiences", {"id": name, "name": name})
        self.call("POST", f"/connections/{made.id}/enable")
        return made

    def listed(self, limit: int) -> list[dict[str, Any]]:
        """All connections there are, over pages of so many."""
        page = self.call("GET", f"/connections?limit={limit}")
        found: list[dict[str, Any]] = page["connections"]
        while page["cursor"]:
            page = self.call("GET", f"/connections?limit={limit}&cursor={quote(page['cursor'])}")
            found += page["connections"]
        return found

    def log(self, function: str, since: float | None = None) -> list[str]:
        """What a function wrote since the tests began, or since a time (Unix seconds), oldest first."""
        return self._written(f"/{self.stack.secrets_prefix}/{function}", self.began if since is None else since)

    def logs(self) -> dict[str, list[str]]:
        """What anything wrote since the tests began, by log group."""
        pages = self.aws("logs").get_paginator("describe_log_groups").paginate()
        names = [group["logGroupName"] for page in pages for group in page["logGroups"]]
        return {name: self._written(name, self.began) for name in names}

    def _written(self, group: str, since: float) -> list[str]:
        pages = (
            self.aws("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=group, startTime=int(1000 * since))
        )
        return [event["message"] for page in pages for event in page["events"]]

    def letters(self, connection_id: str) -> dict[str, int]:
        """The letters of a connection: how many, by the codes of their reasons."""
        found = self.call("GET", f"/connections/{connection_id}/letters")["letters"]
        return {one["code"]: one["events"] for one in found}

    def redrive(self, connection_id: str) -> int:
        """Have all letters of a connection delivered again; how many."""
        return int(self.call("POST", f"/connections/{connection_id}/letters/redrives", {})["decided"])


@contextmanager
def brought_up() -> Iterator[System]:
    """The local stack, brought up to date, with the documented example of a source in a layer of its own; ended
    afterwards unless it stood before.
    """
    stood = stack.LocalStack.load() is not None and all(stack.alive().values())
    layer = built(places.CACHE / "source")
    standing = stack.up(marketo_url=None, port=None, simulator_port=None, source_layer=layer)
    with requests.Session() as http:
        http.trust_env = False  # a proxy of the caller's network must not be asked for this machine
        made = System(standing, http, began=time.time())
        yield made
        if stood:
            for connection_id in made.connections:
                made.request("DELETE", f"/connections/{connection_id}?discard=true")
    if not stood:
        stack.down()


def configuration(instance: Instance, **changes: object) -> dict[str, object]:
    """The body that creates a connection."""
    plain: dict[str, object] = {
        "name": "End to end",
        "munchkin_id": instance.munchkin_id,
        "workspace": "Default",
        "sync_type": "audience_and_profile",
        "person_action": "update_existing_and_create_new",
        "partition": "EMEA",
        "dedupe_field": "email",
        "source": {"format": "aep"},
        "mapping": list(MAPPING),
        "credentials": {"client_id": CLIENT_ID, "client_secret": instance.client_secret},
    }
    return plain | changes


def profile(
    email: str, audience: str, status: str = "realized", at: str | None = None, **changes: object
) -> dict[str, object]:
    """A profile as the HTTP API destination of Experience Platform sends it."""
    entry = {"status": status} | ({"lastQualificationTime": at} if at else {})
    plain: dict[str, object] = {
        "personalEmail": {"address": email},
        "person": {"name": {"firstName": "Ada", "lastName": "Lovelace"}},
        "_acme": {"company": "Analytical Engines"},
        "segmentMembership": {"ups": {audience: entry}},
        "identityMap": {"email": [{"id": email}]},
    }
    return plain | changes


def wait_for(ready: Callable[[], T | None], within: float, what: str) -> T:
    """What `ready` answers as soon as it answers something."""
    deadline = time.monotonic() + within
    while (found := ready()) is None:
        assert time.monotonic() < deadline, f"not within {within:.0f} s: {what}"
        time.sleep(POLL_SECONDS)
    return found
