"""Nothing tells a secret or who a person is: no log, no answer, no audit record, nothing that is stored for long.

A journey is made that gives every part something to tell; then everything that this run of the tests left is searched,
with what the tests before it left: it is the last one.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from tests.e2e.system import CLIENT_ID, Answer, Destination, System, configuration, profile, wait_for

AUDIENCE = "Webinar"
PERSON = ("ada.private@example.net", "Adaprivate", "Lovelaceprivate", "Enginesprivate")
DOMAINS = ("@example.org", "@example.com", "@example.net")
MESSAGES = {
    "ingest": "events refused",
    "sync": "batch delivered",
    "monitor": "run summary",
    "connections": "request refused",
}
"""Of each function a message that the journey makes it write."""

SHOWN_ONCE = ("POST", ("/connections", "/ingest-token", "/sender-credentials"))
"""Calls whose answers show an ingest token or a client secret, by how their paths end."""

BY_IDENTIFIER = '{"jsonrpc"'
"""How answers to Census begin, which is told of each record by the identifier that it sent (docs/sources.md)."""

PASSWORD = "hush-of-the-legacy-account"
EMAIL, FIRST, LAST, COMPANY = PERSON
PRIVATE = profile(EMAIL, AUDIENCE, person={"name": {"firstName": FIRST, "lastName": LAST}}, _acme={"company": COMPANY})
BROKEN = json.dumps(PRIVATE).encode()[:-9]


@pytest.fixture(scope="module")
def journey(system: System) -> Destination:
    """Configured, fixed, checked, previewed, delivered, failed, refused and looked at: all with private values."""
    system.secrets.add(PASSWORD)
    instance = system.instance()
    made = system.connect(instance, AUDIENCE)
    deliver(made)
    refuse(made)
    configure(made)
    look(made)
    return made


def deliver(made: Destination) -> None:
    refused = {"effect": "skip", "code": "1003", "message": f"Value {EMAIL} is not valid", "nth": 2}
    made.instance.script({**refused, "path": "/rest/v1/leads.json$"})
    made.post(json.dumps(PRIVATE).encode() + b"\n" + BROKEN)
    assert made.accounted(1)["failed"] == 1
    assert sum(made.system.letters(made.id).values()) == 1
    made.post([PRIVATE, profile("incomplete@example.net", AUDIENCE, person={})])
    made.accounted(3)


def refuse(made: Destination) -> None:
    """The webhook and the control plane are given what they refuse, with what is private in it."""
    system, path = made.system, f"/connections/{made.id}"
    assert system.send(made.id, f"{made.token}x", PRIVATE).status_code == 401
    assert system.send(made.id, made.token, BROKEN).status_code == 400
    for wrong in (
        {"client_id": CLIENT_ID, "client_secret": [made.instance.client_secret]},
        {"client_id": CLIENT_ID, "client_secret": made.instance.client_secret, "more": made.instance.client_secret},
    ):
        body = configuration(made.instance, credentials=wrong)
        assert system.request("POST", "/connections", body).status_code == 422
        assert system.request("PATCH", path, {"credentials": wrong}).status_code == 422
    assert system.request("PUT", f"{path}/mapping", [PRIVATE]).status_code == 422
    failed = {"code": "611", "message": f"Lead {EMAIL} cannot be read", "nth": 1, "path": "/rest/v1/lists.json"}
    made.instance.script(failed)
    assert system.request("POST", f"{path}/audiences", {"id": "other", "name": "Other"}).status_code == 503


def configure(made: Destination) -> None:
    system, path = made.system, f"/connections/{made.id}"
    rotated = system.call("POST", f"{path}/ingest-token", {"grace": "PT1H"})["token"]
    system.secrets.add(rotated)
    Destination(made.id, rotated, made.instance, system).post(PRIVATE)
    same = {"client_id": CLIENT_ID, "client_secret": made.instance.client_secret}
    system.call("PATCH", path, {"credentials": same, "consent": {"source": "consent.val", "allowed": ["y"]}})
    made.post(profile(EMAIL, AUDIENCE, consent={"val": "n"}))
    made.accounted(5)
    account = {"auth": {"params": {"clientSecret": PASSWORD, "user": EMAIL}}}
    system.call("POST", "/migrations/legacy-v2", {"flow": {"transformations": []}, "baseConnection": account})
    system.call("PATCH", path, {"consent": None})


def look(made: Destination) -> None:
    system, path = made.system, f"/connections/{made.id}"
    system.call("POST", f"{path}/checks", {"sample": PRIVATE})
    assert system.call("POST", f"{path}/previews", [PRIVATE])["summary"]["received"] == 1
    for what in ("", "/mapping", "/audiences", "/runs"):
        system.call("GET", f"{path}{what}")
    for run in made.runs():
        system.call("GET", f"{path}/runs/{run['id']}")
    assert system.call("GET", f"/audit?connection_id={made.id}")["records"]
    system.listed(100)
    hour_after = datetime.now(UTC) + timedelta(hours=1)
    answer = system.aws("lambda").invoke(
        FunctionName=system.stack.functions["monitor"], Payload=json.dumps({"time": hour_after.isoformat()})
    )
    assert "FunctionError" not in answer


def hidden(system: System) -> set[str]:
    """What must not be told."""
    return {*system.secrets, *access_tokens(system), *PERSON, *DOMAINS}


def shown_once(answer: Answer) -> set[str]:
    """The token, or the client secret, that an answer is to show."""
    if answer.method != SHOWN_ONCE[0] or not answer.path.endswith(SHOWN_ONCE[1]) or answer.status != 201:
        return set()
    content = json.loads(answer.text)
    shown = content.get("ingest", content)
    return {shown[name] for name in ("token", "client_secret") if name in shown}


def test_the_functions_had_something_to_tell(journey: Destination) -> None:
    for function, message in MESSAGES.items():
        wait_for(partial(said, journey.system, function, message), 10.0, f"{function}: {message}")


def said(system: System, function: str, message: str) -> bool | None:
    return any(f'"message":"{message}"' in line for line in system.log(function)) or None


def test_no_log_tells(journey: Destination) -> None:
    system = journey.system
    logs = system.logs()
    assert {name.rsplit("/", 1)[-1] for name in logs} >= MESSAGES.keys()
    secrets = hidden(system)
    told = [(name, line) for name, lines in logs.items() for line in lines if any(one in line for one in secrets)]
    assert told == []


def test_no_answer_tells(journey: Destination) -> None:
    system = journey.system
    assert len(system.answers) > 30
    secrets = hidden(system)
    answers = [one for one in system.answers if not one.text.startswith(BY_IDENTIFIER)]
    told = [one for one in answers if any(secret in one.text for secret in secrets - shown_once(one))]
    assert told == []


def test_no_table_tells(journey: Destination) -> None:
    system = journey.system
    kept = {name: list(rows(system, table)) for name, table in system.stack.tables.items()}
    assert all(kept.values())
    secrets = hidden(system)
    told = [row for rows_of in kept.values() for row in rows_of if any(secret in row for secret in secrets)]
    assert told == []


def rows(system: System, table: str) -> Iterator[str]:
    for page in system.aws("dynamodb").get_paginator("scan").paginate(TableName=table):
        yield from (json.dumps(item, default=str, ensure_ascii=False) for item in page["Items"])


def access_tokens(system: System) -> set[str]:
    secretsmanager = system.aws("secretsmanager")
    prefix = f"{system.stack.secrets_prefix}/tokens/"
    names = [
        secret["Name"]
        for page in secretsmanager.get_paginator("list_secrets").paginate()
        for secret in page["SecretList"]
        if secret["Name"].startswith(prefix)
    ]
    assert names
    return {
        json.loads(secretsmanager.get_secret_value(SecretId=name)["SecretString"])["access_token"] for name in names
    }
