"""What senders do with the deployed stack: each posts in its own form, has tokens by OAuth 2.0, and makes audiences."""

from typing import Any

from testing.senders import AUDIENCE, ENTERED, FORMS, LEFT, people
from tests.e2e.system import DELIVERY_SECONDS, HTTP_SECONDS, Destination, System, wait_for

SOURCE = {"format": "canonical", "calls": {"on_delete": "empty"}}
FIELDS = ("email", "firstName", "lastName")
MAPPING = [{"source": "email", "target": "DedupeField"}, *({"source": one, "target": one} for one in FIELDS[1:])]


def token(system: System, destination: Destination) -> str:
    """A sender token of a connection, by the credentials that are made for it."""
    made = system.call("POST", f"/connections/{destination.id}/sender-credentials")
    assert made["token_url"] == f"{system.stack.api_url}/oauth2/token"
    form = {"grant_type": "client_credentials", "client_id": made["client_id"]}
    wrong = system.http.post(made["token_url"], {**form, "client_secret": "another"}, timeout=HTTP_SECONDS)
    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    given = system.http.post(
        made["token_url"], form | {"client_secret": made["client_secret"]}, timeout=HTTP_SECONDS
    ).json()
    assert given["expires_in"] == 86_400
    system.secrets.update((made["client_secret"], given["access_token"]))
    return str(given["access_token"])


def test_a_sender_with_its_own_token_makes_an_audience_and_fills_its_list(system: System) -> None:
    instance = system.instance()
    destination = system.create(instance, source=SOURCE, mapping=MAPPING)
    bearer = token(system, destination)

    def ask(method: str, path: str, content: object = None, authorization: str | None = bearer) -> Any:
        headers = {} if authorization is None else {"Authorization": f"Bearer {authorization}"}
        url = f"{system.stack.api_url}/connections/{destination.id}/source/{path}"
        return system.http.request(method, url, json=content, headers=headers, timeout=HTTP_SECONDS)

    assert ask("POST", "audiences", {"name": "Webinar"}, None).status_code == 401
    assert instance.lists() == {}
    made = ask("POST", "audiences", {"name": "Webinar"})
    assert (made.status_code, made.json()["list"]["name"]) == (201, "Webinar")
    assert instance.lists() == {"Webinar": []}
    assert {one["name"] for one in ask("GET", "fields").json()["fields"]} > {*FIELDS}

    system.call("POST", f"/connections/{destination.id}/enable")
    person = dict(zip(FIELDS, ("ada@example.org", "Ada", "Lovelace"), strict=True))
    event = {"id": "1", "profile": person, "audiences": [{"id": made.json()["id"], "status": "realized"}]}
    assert system.send(destination.id, bearer, event).status_code == 202
    destination.accounted(1)
    assert instance.members("Webinar") == ["ada@example.org"]

    path = f"audiences/{made.json()['activation_id']}"
    assert ask("PATCH", path, {"name": "Fair"}).json()["name"] == "Fair"
    assert ask("DELETE", path).status_code == 204
    assert instance.lists() == {"Webinar": []}
    assert ask("GET", "audiences").json() == {"audiences": []}

    system.call("DELETE", f"/connections/{destination.id}/sender-credentials")
    assert system.send(destination.id, bearer, event).status_code == 401
    assert ask("GET", "status").status_code == 401


def await_members(name: str, destination: Destination, expected: list[str]) -> None:
    def arrived() -> bool | None:
        return destination.instance.members(AUDIENCE) == expected or None

    wait_for(arrived, DELIVERY_SECONDS, f"{expected} on the list by {name}")


def test_whoever_a_sender_says_entered_is_on_the_list_and_whoever_left_is_not(system: System) -> None:
    """In a form of every source; the connections go side by side, each at an instance of its own."""
    ada, bo = people(2)
    forms = {form.source: form for form in FORMS.values()}
    connected = {
        name: system.connect(system.instance(), AUDIENCE, source=form.configured, mapping=MAPPING)
        for name, form in forms.items()
    }

    def arrive(who: list[dict[str, Any]], at: str, is_in: bool, expected: list[str]) -> None:
        for name, destination in connected.items():
            answer = system.send(destination.id, destination.token, forms[name].body(who, at, is_in))
            assert answer.status_code == forms[name].status, (name, answer.text)
        for name, destination in connected.items():
            await_members(name, destination, expected)

    arrive([ada, bo], ENTERED, True, [ada["email"], bo["email"]])
    arrive([ada], LEFT, False, [bo["email"]])
    for name, destination in connected.items():
        assert destination.accounted(3) == {
            "received": 3,
            "persons": 3,
            "created": 2,
            "added": 2,
            "removed": 1,
        }, name
