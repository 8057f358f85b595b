"""What the functions write: enough to follow an event, and nothing of the people or of what opens a door."""

import json

from tests.e2e.system import CLIENT_ID, System, configuration, profile

AUDIENCE = "Webinar"
PERSON = ("ada.private@example.net", "Adaprivate", "Lovelaceprivate", "Enginesprivate")
DOMAINS = ("@example.org", "@example.com", "@example.net")
FUNCTIONS = {"ingest": "events refused", "sync": "batch delivered", "connections": "request refused"}
"""Of each function a message that the test makes it write."""


def test_no_log_line_tells_a_secret_or_who_a_person_is(system: System) -> None:
    email, first, last, company = PERSON
    private = profile(
        email, AUDIENCE, person={"name": {"firstName": first, "lastName": last}}, _acme={"company": company}
    )
    instance = system.instance()
    rejected = {"effect": "skip", "code": "1003", "message": f"Value {email} is not valid", "nth": 2}
    failed = {"code": "611", "message": f"Lead {email} cannot be read", "nth": 1}
    instance.script({**rejected, "path": "/rest/v1/leads.json$"})
    destination = system.connect(instance, AUDIENCE)
    destination.post(json.dumps(private).encode() + b"\n" + json.dumps(private).encode()[:-9])
    assert destination.accounted(1)["failed"] == 1
    assert len(system.letters(destination.id)) == 1

    assert system.send(destination.id, f"{destination.token}x", private).status_code == 401
    assert system.send(destination.id, destination.token, json.dumps(private).encode()[:-9]).status_code == 400
    wrong = {"client_id": CLIENT_ID, "client_secret": [instance.client_secret]}
    assert system.request("POST", "/connections", configuration(instance, credentials=wrong)).status_code == 422
    path = f"/connections/{destination.id}/audiences"
    instance.script({**failed, "path": "/rest/v1/lists.json"})
    assert system.request("POST", path, {"id": "other", "name": "Other"}).status_code == 503

    logs = {name: system.log(name) for name in FUNCTIONS}
    assert all(any(f'"message":"{message}"' in line for line in logs[name]) for name, message in FUNCTIONS.items())
    hidden = {*system.secrets, *access_tokens(system), *PERSON, *DOMAINS}
    assert len(hidden) > len(PERSON) + len(DOMAINS)
    told = [line for lines in logs.values() for line in lines if any(one in line for one in hidden)]
    assert told == []


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
