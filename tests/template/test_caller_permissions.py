"""Who may call what: the managed policies, as IAM reads them, against the tables of docs/permissions.md.

Source: AWS Identity and Access Management, "IAM JSON policy elements: Resource" (`*` and `?` match any characters, the
slash too); Amazon API Gateway, "Control access for invoking an API" (the form of the resources).
"""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from docs import permissions
from testing.template import ROOT, Template, of_type

DOCUMENT = permissions.DOCUMENT.read_text()
API = "arn:aws:execute-api:eu-central-1:111122223333:abcde12345/live/"
CALLS = permissions.calls(DOCUMENT)

LONGEST_STAGE = "s" * 32
LONGEST = {"partition": "aws-us-gov", "region": "ap-southeast-1"}

PARAMETERS = {
    "connection_id": ["3f0e8a52-6d5b-4a5e-9f57-0c8f3a1d2b4c"],
    "activation_id": ["2cf24dba5fb0"],
    "canary_id": ["0123abcd"],
    "run_id": ["2026-11-21T10:00Z", "2026-11-21T10%3A00Z"],
    "resync_id": ["20261121T100000Z-0123456789abcdef"],
    "file_id": ["20261121T100000Z-0123456789abcdef"],
    "erasure_id": ["20261121T100000000000Z-0123456789abcdef"],
    "verification_id": ["3f0e8a52-6d5b-4a5e-9f57-0c8f3a1d2b4c", "1"],
}
# For each task, its permissions and the calls that it takes.
TASKS: dict[str, list[tuple[str, str]]] = {
    "see connections, their runs, what waits and what failed": [
        ("GET", "/overview"),
        ("GET", "/connections"),
        ("GET", "/connections/{connection_id}"),
        ("GET", "/connections/{connection_id}/runs"),
        ("GET", "/connections/{connection_id}/runs/{run_id}"),
        ("GET", "/connections/{connection_id}/parking"),
        ("GET", "/connections/{connection_id}/seen"),
        ("GET", "/connections/{connection_id}/letters"),
    ],
    "see who did not arrive": [
        ("GET", "/connections/{connection_id}/runs"),
        ("GET", "/connections/{connection_id}/runs/{run_id}"),
        ("GET", "/connections/{connection_id}/runs/{run_id}/persons"),
    ],
    "have what failed delivered again, or discard it": [
        ("GET", "/connections/{connection_id}/letters"),
        ("PUT", "/connections/{connection_id}/mapping"),
        ("POST", "/connections/{connection_id}/letters/redrives"),
        ("DELETE", "/connections/{connection_id}/letters"),
    ],
    "find out what became of a person": [
        ("GET", "/connections"),
        ("POST", "/connections/{connection_id}/people/lookups"),
    ],
    "… and see what Marketo has in the mapped fields": [
        ("GET", "/connections"),
        ("POST", "/connections/{connection_id}/people/profiles"),
    ],
    "see to what could not be read": [
        ("GET", "/dead-letters"),
        ("POST", "/dead-letters/redrives"),
        ("DELETE", "/dead-letters"),
    ],
    "connect a Marketo instance": [
        ("POST", "/governance/evaluations"),
        ("POST", "/connections"),
        ("GET", "/connections/{connection_id}/marketo/dedupe-fields"),
        ("PATCH", "/connections/{connection_id}"),
        ("POST", "/connections/{connection_id}/checks"),
        ("GET", "/connections/{connection_id}"),
    ],
    "find out what imports do in an instance": [
        ("GET", "/connections"),
        ("GET", "/connections/{connection_id}/capabilities"),
        ("POST", "/connections/{connection_id}/canaries"),
        ("GET", "/connections/{connection_id}/canaries/{canary_id}"),
    ],
    "upload files, and see what became of them": [
        ("GET", "/connections"),
        ("GET", "/connections/{connection_id}/audiences"),
        ("POST", "/connections/{connection_id}/files"),
        ("GET", "/connections/{connection_id}/files"),
        ("GET", "/connections/{connection_id}/files/{file_id}"),
        ("GET", "/connections/{connection_id}/files/{file_id}/result"),
        ("DELETE", "/connections/{connection_id}/files/{file_id}"),
    ],
    "activate audiences": [
        ("GET", "/connections"),
        ("POST", "/connections/{connection_id}/checks"),
        ("GET", "/connections/{connection_id}/audiences"),
        ("POST", "/connections/{connection_id}/audiences"),
        ("GET", "/connections/{connection_id}/marketo/fields"),
        ("GET", "/connections/{connection_id}/mapping"),
        ("PUT", "/connections/{connection_id}/mapping"),
        ("POST", "/connections/{connection_id}/enable"),
    ],
    "… and review what becomes of identities": [
        ("GET", "/connections"),
        ("GET", "/connections/{connection_id}/audiences"),
        ("GET", "/connections/{connection_id}/mapping"),
        ("PUT", "/connections/{connection_id}/mapping"),
        ("POST", "/connections/{connection_id}/previews"),
        ("POST", "/connections/{connection_id}/enable"),
    ],
    "add and remove audiences without touching the mapping": [
        ("GET", "/connections"),
        ("GET", "/connections/{connection_id}/audiences"),
        ("POST", "/connections/{connection_id}/audiences"),
        ("DELETE", "/connections/{connection_id}/audiences/{activation_id}"),
    ],
    "have a person forgotten": [
        ("GET", "/connections"),
        ("POST", "/connections/{connection_id}/people/erasures"),
        ("GET", "/connections/{connection_id}/people/erasures/{erasure_id}"),
    ],
    "govern": [("GET", "/governance/policies"), ("PUT", "/governance/policies"), ("POST", "/governance/evaluations")],
    "say what data is, and take labels off": [
        ("GET", "/connections"),
        ("GET", "/connections/{connection_id}/labels"),
        ("PATCH", "/connections/{connection_id}/labels"),
    ],
    "subscribe to alerts, and say who gets them": [
        ("GET", "/connections"),
        ("GET", "/connections/{connection_id}/alerts"),
        ("PUT", "/connections/{connection_id}/alerts"),
        ("GET", "/connections/{connection_id}/recipients"),
        ("PUT", "/connections/{connection_id}/recipients"),
        ("POST", "/connections/{connection_id}/alerts/test"),
    ],
    "audit": [("GET", "/audit")],
}
PERMISSIONS = {
    task: named.split(", ") for task, named in re.findall(r"^\| ([^`|]+) \| ([A-Z][^|]+) \|$", DOCUMENT, re.MULTILINE)
}
PERSONAS = permissions.personas(DOCUMENT)


def of_permissions(template: Template) -> dict[str, dict[str, Any]]:
    """The managed policies of one permission each, by logical id."""
    policies = of_type(template, "AWS::IAM::ManagedPolicy")
    return {name: properties for name, properties in policies.items() if name.endswith("Policy")}


def of_personas(template: Template) -> dict[str, dict[str, Any]]:
    """The others, by persona."""
    policies = of_type(template, "AWS::IAM::ManagedPolicy")
    personas = policies.keys() - of_permissions(template).keys()
    return {name.removesuffix("Persona"): policies[name] for name in personas}


def policies(template: Template) -> dict[str, list[re.Pattern[str]]]:
    """By permission, as the documents call it, the patterns of what it allows."""
    return {
        permission_of(name): [pattern(resource) for resource in statement_of(properties)["Resource"]]
        for name, properties in of_permissions(template).items()
    }


def statement_of(properties: dict[str, Any]) -> dict[str, Any]:
    (statement,) = properties["PolicyDocument"]["Statement"]
    assert isinstance(statement, dict)
    return statement


def permission_of(logical_id: str) -> str:
    """ActivateSegmentWithoutMappingPolicy: Activate Segment without Mapping."""
    words = re.findall(r"[A-Z][a-z]+", logical_id.removesuffix("Policy"))
    return " ".join(words).replace("Without", "without")


def deployed(
    resource: dict[str, str], stage: str = "live", partition: str = "aws", region: str = "eu-central-1"
) -> str:
    pseudo = {
        "AWS::Partition": partition,
        "AWS::Region": region,
        "AWS::AccountId": "111122223333",
        "Api": "abcde12345",
        "StageName": stage,
    }
    return re.sub(r"\$\{([\w:]+)}", lambda found: pseudo[found[1]], resource["Fn::Sub"])


def pattern(resource: dict[str, str]) -> re.Pattern[str]:
    escaped = re.escape(deployed(resource))
    return re.compile(escaped.replace(r"\*", ".*").replace(r"\?", "."), re.DOTALL)


def requests(method: str, path: str) -> Iterator[str]:
    """The resources that requests of a call are, with every kind of value in the place of its parameters."""
    names = re.findall(r"{(\w+)}", path)
    for values in itertools.product(*(PARAMETERS[name] for name in names)):
        yield f"{API}{method}{path.format_map(dict(zip(names, values, strict=True)))}"


def test_the_command_says_what_the_document_says() -> None:
    assert permissions.main(["--check"]) == 0, "python -m docs.permissions"


def test_every_call_has_its_permission_in_the_document() -> None:
    contract = json.loads((ROOT / "docs" / "openapi.json").read_text())
    calls = {
        (method.upper(), path)
        for path, operations in contract["paths"].items()
        for method in operations
        if method != "parameters" and not path.endswith(("/events", "/oauth2/token")) and "/source/" not in path
    }
    assert calls == CALLS.keys(), "docs/permissions.md says which permission a call needs"


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_a_call_is_open_to_whom_the_document_says_and_to_nobody_else(
    template: Template, method: str, path: str
) -> None:
    for request in requests(method, path):
        allowing = {
            permission
            for permission, patterns in policies(template).items()
            if any(one.fullmatch(request) for one in patterns)
        }
        assert allowing == CALLS[method, path], request


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_the_webhook_is_open_to_no_permission(template: Template, method: str) -> None:
    for request in requests(method, "/connections/{connection_id}/events"):
        assert not [one for patterns in policies(template).values() for one in patterns if one.fullmatch(request)]


def test_every_resource_serves_a_call(template: Template) -> None:
    for permission, patterns in policies(template).items():
        theirs = [request for call, by in CALLS.items() if permission in by for request in requests(*call)]
        for one in patterns:
            assert any(one.fullmatch(request) for request in theirs), one.pattern


def test_only_the_end_of_a_path_is_left_open_or_a_run(template: Template) -> None:
    """Every run's id ends with a Z, and no other part of a path does."""
    for properties in of_permissions(template).values():
        statement = statement_of(properties)
        assert (statement["Effect"], statement["Action"]) == ("Allow", "execute-api:Invoke")
        for resource in statement["Resource"]:
            path = deployed(resource)[len(API) :]
            assert re.fullmatch(
                r"(GET|POST|PUT|PATCH|DELETE|P\*|\*T)(/[a-z0-9?-]+)+"
                r"(/(?:alerts|audiences|canaries|files|res|verifications)\*|/\*|/\*able|/runs/\*Z|/runs/\*/persons)?",
                path,
            )


def test_a_policy_is_not_too_long_for_iam(template: Template) -> None:
    # "IAM and AWS STS quotas": 6,144 characters of a managed policy, white space not counted.
    for name, properties in of_type(template, "AWS::IAM::ManagedPolicy").items():
        longest = [deployed(resource, LONGEST_STAGE, **LONGEST) for resource in statement_of(properties)["Resource"]]
        statement = {**statement_of(properties), "Resource": longest}
        document = {**properties["PolicyDocument"], "Statement": [statement]}
        assert len(json.dumps(document, separators=(",", ":"))) <= 6144, name
        assert len(properties["Description"]) <= 1000


def test_no_stage_has_a_longer_name(template: Template) -> None:
    pattern = re.compile(template["Parameters"]["StageName"]["AllowedPattern"])
    assert pattern.match(LONGEST_STAGE)
    assert not pattern.match(LONGEST_STAGE + "s")


def test_every_task_of_the_document_is_tested() -> None:
    assert PERMISSIONS.keys() == TASKS.keys()


@pytest.mark.parametrize("task", TASKS)
def test_a_task_takes_exactly_its_permissions(template: Template, task: str) -> None:
    granted = policies(template)

    def is_possible(having: list[str]) -> bool:
        allowed = [one for permission in having for one in granted[permission]]
        needed = [request for call in TASKS[task] for request in requests(*call)]
        return all(any(one.fullmatch(request) for one in allowed) for request in needed)

    needed = PERMISSIONS[task]
    assert is_possible(needed)
    for permission in needed:
        assert not is_possible([one for one in needed if one != permission]), permission


@pytest.mark.parametrize("persona", sorted(PERSONAS.keys() - {"Administrator"}))
def test_a_persona_may_do_what_its_permissions_let_and_nothing_else(template: Template, persona: str) -> None:
    bundled = [
        resource
        for name, properties in of_permissions(template).items()
        if permission_of(name) in PERSONAS[persona]
        for resource in statement_of(properties)["Resource"]
    ]
    granted = statement_of(of_personas(template)[persona])["Resource"]

    assert PERSONAS[persona] <= policies(template).keys()
    assert sorted(map(deployed, granted)) == sorted(set(map(deployed, bundled)))


def test_an_administrator_may_make_every_call(template: Template) -> None:
    (resource,) = statement_of(of_personas(template)["Administrator"])["Resource"]

    assert PERSONAS["Administrator"] == {permissions.ALL}
    for call in CALLS:
        assert all(pattern(resource).fullmatch(request) for request in requests(*call))
    assert not pattern(resource).fullmatch(API.replace("abcde12345", "fghij67890") + "GET/connections")


def test_whoever_has_every_persona_has_fewer_policies_than_a_role_can_have(template: Template) -> None:
    # "IAM and AWS STS quotas": ten managed policies of a role, unless the account asks for more.
    assert of_personas(template).keys() == PERSONAS.keys()
    assert len(PERSONAS) < 10


def test_every_policy_is_an_output(template: Template) -> None:
    names = of_type(template, "AWS::IAM::ManagedPolicy").keys()
    outputs = {
        name: output["Value"]
        for name, output in template["Outputs"].items()
        if name.endswith(("PolicyArn", "PersonaArn"))
    }

    assert outputs == {f"{name}Arn": {"Ref": name} for name in names}
    assert {permission_of(name) for name in of_permissions(template)} == set().union(*CALLS.values())
