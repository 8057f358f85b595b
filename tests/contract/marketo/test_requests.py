"""Every request that the edge can send keeps Adobe's parameter rules, which are stated here once more, independently.

The rules: Marketo REST API, endpoint reference (Identity, Leads, Static Lists, Lists, Folders, Bulk Leads), "Limits",
"Lead database" (long requests) and "Authentication" (the token goes into the header).
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jsonschema
import pytest
import requests

from destination.domain.credentials import ClientCredentials
from destination.domain.schema import Field
from destination.marketo.instance import Marketo
from destination.marketo.leads import Record, SyncAction
from marketo_simulator import Simulator
from marketo_simulator.adapter import SimulatorAdapter
from testing.marketo import FakeClock, pace
from testing.memory import MemoryToken

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
MULTIPART = "multipart/form-data"
NUMBER = {"type": "string", "pattern": "^[0-9]+$"}
TEXT = {"type": "string", "minLength": 1}
FEW = {"type": "string", "pattern": "^[^,]+(,[^,]+){0,299}$"}
PAGE_SIZE = {"type": "string", "pattern": "^([1-9][0-9]?|[12][0-9][0-9]|300)$"}


def parameters(required: str = "", **allowed: object) -> dict[str, object]:
    return {"type": "object", "properties": allowed, "required": required.split(), "additionalProperties": False}


def members_of(**properties: object) -> dict[str, object]:
    return {"type": "array", "minItems": 1, "maxItems": 300, "items": {"type": "object", **properties}}


IDS = parameters(
    "input", input=members_of(properties={"id": {"type": "integer"}}, required=["id"], additionalProperties=False)
)
SECOND = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$"}
CREATED = parameters("createdAt", createdAt=parameters("startAt endAt", startAt=SECOND, endAt=SECOND))
SCALARS = {"type": ["string", "number", "boolean", "null"]}


@dataclass(frozen=True)
class Rule:
    """What one endpoint takes: query parameters, and a body of one content type."""

    query: Mapping[str, object]
    body: Mapping[str, object] | None = None
    content_type: str | None = None


RULES = {
    "POST /identity/oauth/token": Rule(
        parameters(),
        parameters(
            "grant_type client_id client_secret",
            grant_type={"const": "client_credentials"},
            client_id=TEXT,
            client_secret=TEXT,
        ),
        FORM,
    ),
    "GET /rest/v1/leads/describe2.json": Rule(parameters()),
    "GET /rest/v1/leads/partitions.json": Rule(parameters()),
    "POST /rest/v1/leads.json?_method=GET": Rule(
        parameters("_method", _method={"const": "GET"}),
        parameters(
            "filterType filterValues",
            filterType=TEXT,
            filterValues=FEW,
            fields=FEW,
            batchSize=PAGE_SIZE,
            nextPageToken=TEXT,
        ),
        FORM,
    ),
    "POST /rest/v1/leads.json": Rule(
        parameters(),
        parameters(
            "action lookupField input",
            action={"enum": ["createOnly", "updateOnly", "createOrUpdate", "createDuplicate"]},
            lookupField=TEXT,
            partitionName=TEXT,
            input=members_of(additionalProperties=SCALARS, minProperties=1),
        ),
        JSON,
    ),
    "POST /rest/v1/leads/delete.json": Rule(parameters(), IDS, JSON),
    "POST /rest/v1/lists/{id}/leads.json": Rule(parameters(), IDS, JSON),
    "DELETE /rest/v1/lists/{id}/leads.json": Rule(parameters(), IDS, JSON),
    "POST /bulk/v1/leads.json": Rule(
        parameters(
            "format", format={"enum": ["csv", "tsv", "ssv"]}, lookupField=TEXT, listId=NUMBER, partitionName=TEXT
        ),
        {},
        MULTIPART,
    ),
    "GET /bulk/v1/leads/batch/{id}.json": Rule(parameters()),
    "GET /bulk/v1/leads/batch/{id}/failures.json": Rule(parameters()),
    "GET /bulk/v1/leads/batch/{id}/warnings.json": Rule(parameters()),
    "GET /rest/v1/lists/{id}.json": Rule(parameters()),
    "GET /rest/v1/lists.json": Rule(
        parameters(id=FEW, name=FEW, programName=FEW, workspaceName=FEW, batchSize=PAGE_SIZE, nextPageToken=TEXT)
    ),
    "GET /rest/asset/v1/folder/byName.json": Rule(
        parameters("name", name=TEXT, type={"enum": ["Folder", "Program"]}, root=TEXT, workSpace=TEXT)
    ),
    "POST /rest/asset/v1/staticLists.json": Rule(
        parameters(),
        parameters(
            "name folder",
            name={"type": "string", "pattern": "^[^,]+$"},
            folder={"type": "string", "pattern": r'^\{"id": ?[0-9]+, ?"type": ?"(Folder|Program)"\}$'},
            description=TEXT,
        ),
        FORM,
    ),
    "POST /bulk/v1/leads/export/create.json": Rule(
        parameters(),
        parameters(
            "fields filter",
            fields={"type": "array", "minItems": 1, "items": TEXT},
            format={"enum": ["CSV", "TSV", "SSV"]},
            columnHeaderNames={"type": "object"},
            filter={"anyOf": [parameters("staticListId", staticListId={"type": "integer"}), CREATED]},
        ),
        JSON,
    ),
    "POST /bulk/v1/leads/export/{id}/enqueue.json": Rule(parameters()),
    "POST /bulk/v1/leads/export/{id}/cancel.json": Rule(parameters()),
    "GET /bulk/v1/leads/export/{id}/status.json": Rule(parameters()),
    "GET /bulk/v1/leads/export/{id}/file.json": Rule(parameters()),
}


class Recorder(SimulatorAdapter):
    """Keeps what was sent."""

    def __init__(self, simulator: Simulator) -> None:
        super().__init__(simulator)
        self.sent: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        self.sent.append(request)
        return super().send(request, *args, **kwargs)


def everything(marketo: Marketo, clock: FakeClock) -> None:
    """Each operation of the edge, with values at their limits."""
    email = Field("email", "email", 255)
    keys = [f"{number:03}{'x' * 200}@example.org" for number in range(300)]
    records: list[Record] = [{"email": key, "leadScore": 0, "company": None, "unsubscribed": False} for key in keys]
    marketo.describe.schema()
    marketo.describe.partitions()
    created = marketo.leads.sync(SyncAction.CREATE_ONLY, "email", records, "Default")
    ids = [result.id for result in created if result.id is not None]
    marketo.leads.sync(SyncAction.CREATE_OR_UPDATE, "email", records)
    marketo.leads.sync(
        SyncAction.UPDATE_ONLY, "id", [{"id": lead_id, "firstName": "Ada"} for lead_id in ids], "Default"
    )
    marketo.leads.find(email, keys)
    marketo.leads.find(Field("id", "integer"), [str(ids[0])])
    made = marketo.lists.ensure("Berlin, Paris & Rome", "Default", "From an audience")
    marketo.lists.ensure("Without a description", "Default")
    marketo.lists.add(made.id, ids)
    marketo.lists.add(made.id, [])
    marketo.lists.remove(made.id, ids)
    marketo.lists.get(made.id)
    marketo.lists.workspaces()
    marketo.extracts.cancel(marketo.extracts.create(["id"], made.id))
    marketo.extracts.create_of_time(["id"], clock.now() - timedelta(microseconds=7), clock.now())
    extract = marketo.extracts.create(["id", "email"], made.id)
    marketo.extracts.enqueue(extract)
    clock.sleep(60)
    assert list(marketo.extracts.rows(extract, marketo.extracts.state(extract), ["id", "email"])) == []
    by_id = "".join(f"{lead_id},Ada\r\n" for lead_id in ids)
    batch = marketo.imports.create(f"id,firstName\r\n{by_id}".encode(), "id", made.id, None).batch_id
    marketo.imports.create(b"email\r\nada@example.org\r\n", "email", None, "Default")
    marketo.imports.state(batch)
    marketo.imports.failures(batch)
    marketo.imports.warnings(batch)
    marketo.leads.delete(ids)


def record(work: Callable[[Marketo, FakeClock], None]) -> list[requests.PreparedRequest]:
    clock = FakeClock()
    adapter = Recorder(Simulator(clock=clock.now, sleep=clock.sleep))
    http = requests.Session()
    http.mount("https://", adapter)
    work(
        Marketo(
            munchkin_id="123-ABC-456",
            credentials=ClientCredentials("client", "secret"),
            tokens=MemoryToken(),
            http=http,
            pace=pace(100, 10, clock),
            clock=clock.now,
            sleep=clock.sleep,
        ),
        clock,
    )
    return adapter.sent


@pytest.fixture(scope="module")
def sent() -> list[requests.PreparedRequest]:
    return record(everything)


def endpoint(request: requests.PreparedRequest) -> str:
    parts = urlsplit(str(request.url))
    path = re.sub(r"(?<=/)([0-9]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})(?=[/.])", "{id}", parts.path)
    return f"{request.method} {path}" + ("?_method=GET" if "_method" in parts.query else "")


def body_of(request: requests.PreparedRequest) -> bytes:
    return request.body if isinstance(request.body, bytes) else (request.body or "").encode()


def single(query: str) -> dict[str, str]:
    """Parameters by name; none may come twice."""
    values = parse_qs(query, keep_blank_values=True, strict_parsing=bool(query))
    assert all(len(given) == 1 for given in values.values())
    return {name: given[0] for name, given in values.items()}


def test_every_endpoint_is_exercised(sent: list[requests.PreparedRequest]) -> None:
    assert {endpoint(request) for request in sent} == RULES.keys()


def test_parameters_and_bodies_keep_the_rules(sent: list[requests.PreparedRequest]) -> None:
    for request in sent:
        rule = RULES[endpoint(request)]
        jsonschema.validate(single(urlsplit(str(request.url)).query), rule.query)
        content_type, _, boundary = (request.headers.get("Content-Type") or "").partition("; boundary=")
        assert (content_type or None) == rule.content_type
        body = body_of(request)
        if rule.body is None:
            assert body == b""
        elif rule.content_type == MULTIPART:
            assert body.count(f"--{boundary}".encode()) == 2
            assert b'name="file"; filename="' in body
        else:
            content = json.loads(body) if rule.content_type == JSON else single(body.decode())
            jsonschema.validate(content, rule.body)


def test_addresses_and_bodies_stay_within_the_limits(sent: list[requests.PreparedRequest]) -> None:
    for request in sent:
        assert str(request.url).startswith("https://123-abc-456.mktorest.com/")
        assert "//" not in urlsplit(str(request.url)).path
        assert len(str(request.path_url)) < 8_192
        assert len(body_of(request)) < 1_000_000


def test_the_token_is_in_the_header_and_nowhere_else(sent: list[requests.PreparedRequest]) -> None:
    tokens = {request.headers["Authorization"] for request in sent if "/identity/" not in str(request.url)}
    assert len(tokens) == 1
    token = tokens.pop().removeprefix("Bearer ")
    assert token
    for request in sent:
        assert token not in str(request.url)
        assert token.encode() not in body_of(request)
        assert "secret" not in str(request.url)


def test_sync_leads_names_a_partition_for_creations_only(sent: list[requests.PreparedRequest]) -> None:
    bodies = [body_of(request) for request in sent if endpoint(request) == "POST /rest/v1/leads.json"]
    assert [b"partitionName" in body for body in bodies] == [True, False, False]
    assert not any(b"asyncProcessing" in body for body in bodies)
