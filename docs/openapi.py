"""Writes docs/openapi.json from the control plane's routes, and what senders call: `python -m docs.openapi`.

With `--check` nothing is written; a file that is not current is an error.
"""

import argparse
import json
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from aws_lambda_powertools.event_handler.openapi.models import License

from destination.api.connections import ConnectionPatch
from destination.api.problems import ProblemDetails
from docs.openapi_parts import ANSWERS, CORRELATED, EVENTS, REF, Document, problems
from docs.openapi_parts import MARKETO as _MARKETO
from docs.openapi_senders import TOKEN, WEBHOOK, source_calls
from functions.connections.app import api

PROJECT: Final = Path(__file__).parents[1] / "pyproject.toml"
TARGET: Final = Path(__file__).with_name("openapi.json")

_SAID_OF_A_CHANGE: Final = {"same_people": ConnectionPatch.model_json_schema()["properties"]["same_people"]}
_BODY: Final = ("not-json", "unsupported-media-type", "invalid")
_PROBLEMS: Final[Mapping[str, tuple[str, ...]]] = {
    "createConnection": (*_BODY, "policy-violation"),
    "listConnections": (),
    "getConnection": ("not-found",),
    "changeConnection": (
        *_BODY,
        "not-found",
        "already-bound",
        "policy-violation",
        "incomplete",
        "checks-failed",
        "deleting",
        "stale",
        *_MARKETO,
    ),
    "deleteConnection": ("not-found", "stale", "invalid"),
    "enableConnection": (
        "not-found",
        "policy-violation",
        "incomplete",
        "checks-failed",
        "deleting",
        "stale",
        *_MARKETO,
    ),
    "disableConnection": ("not-found", "deleting", "stale"),
    "resumeConnection": ("not-found",),
    "getParking": ("not-found",),
    "getSeen": ("not-found",),
    "requestUpload": (*_BODY, "not-found", "incomplete", "deleting"),
    "listFiles": ("not-found",),
    "getFile": ("not-found",),
    "cancelFile": ("not-found", "stale"),
    "openResync": (*_BODY, "not-found", "deleting", "incomplete", "invalid", "resyncing"),
    "listResyncs": ("not-found",),
    "getResync": ("not-found",),
    "closeResync": ("not-found", "incomplete", "stale"),
    "approveResync": ("not-found", "incomplete", "stale"),
    "cancelResync": ("not-found", "stale"),
    "approveFile": ("not-found", "incomplete", "stale"),
    "getFileResult": ("not-found",),
    "getRecipients": ("not-found",),
    "setRecipients": (*_BODY, "not-found", "deleting"),
    "testAlerts": ("not-found",),
    "getLabels": ("not-found",),
    "changeLabels": (*_BODY, "not-found", "policy-violation", "deleting", "stale"),
    "getOverview": ("too-large",),
    "getMe": (),
    "listLetters": ("not-found",),
    "redriveLetters": (*_BODY, "not-found"),
    "discardLetters": ("not-found", "invalid"),
    "listDeadLetters": (),
    "redriveDeadLetters": _BODY,
    "discardDeadLetters": ("invalid",),
    "replaceSenderCredentials": (*_BODY, "not-found", "deleting", "stale"),
    "revokeSenderCredentials": ("not-found", "deleting", "stale"),
    "rotateIngestToken": (*_BODY, "not-found", "deleting", "stale"),
    "getMapping": ("not-found",),
    "setMapping": (
        *_BODY,
        "not-found",
        "policy-violation",
        "incomplete",
        "checks-failed",
        "deleting",
        "stale",
        *_MARKETO,
    ),
    "activateAudience": (
        *_BODY,
        "not-found",
        "policy-violation",
        "incomplete",
        "already-bound",
        "deleting",
        "stale",
        *_MARKETO,
    ),
    "listAudiences": ("not-found",),
    "getAudience": ("not-found", "invalid"),
    "changeAudience": (
        *_BODY,
        "not-found",
        "incomplete",
        "already-bound",
        "policy-violation",
        "deleting",
        "stale",
        *_MARKETO,
    ),
    "deactivateAudience": ("not-found", "incomplete", "deleting", "not-emptied", "stale", "invalid", *_MARKETO),
    "previewEvents": ("not-json", "too-large", "not-found", "incomplete", *_MARKETO),
    "lookUpPerson": (*_BODY, "not-found", "incomplete", *_MARKETO),
    "viewProfile": (*_BODY, "not-found", "incomplete", *_MARKETO),
    "erasePerson": (*_BODY, "not-found", "incomplete", "unavailable", *_MARKETO),
    "getErasure": ("not-found",),
    "sendCanary": (*_BODY, "not-found", "incomplete", "canary-going-on", *_MARKETO),
    "getCanary": ("not-found", "incomplete"),
    "getCapabilities": ("not-found",),
    "listDedupeFields": ("not-found", "incomplete", *_MARKETO),
    "listFields": ("not-found", "incomplete", *_MARKETO),
    "listPartitions": ("not-found", "incomplete", *_MARKETO),
    "listWorkspaces": ("not-found", "incomplete", *_MARKETO),
    "listStaticLists": ("not-found", "incomplete", "invalid", *_MARKETO),
    "checkConnection": (*_BODY, "not-found"),
    "checkConfiguration": (*_BODY, "not-found", *_MARKETO),
    "listRuns": ("not-found", "invalid"),
    "getRun": ("not-found",),
    "listPersons": ("not-found", "invalid"),
    "getPolicies": (),
    "setPolicies": (*_BODY, "policy-violation", "stale"),
    "evaluatePolicies": _BODY,
    "listAuditRecords": ("invalid",),
    "migrateLegacyFlow": (*_BODY, "too-large"),
    "getAlerts": ("not-found", "invalid"),
    "requestVerification": (*_BODY, "not-found", "deleting", "incomplete", "verifying"),
    "listVerifications": ("not-found",),
    "getVerification": ("not-found",),
    "cancelVerification": ("not-found",),
    "setAlerts": (*_BODY, "not-found", "incomplete", "deleting", "stale"),
}
"""The kinds of problems that a call answers with. All answer `unavailable` too; those with parameters, `invalid`."""

_DESCRIPTION: Final = (
    "Configures connections to Marketo and the audiences activated on them, shows what became of events, and receives "
    "events. Errors are problem details (RFC 9457); times are ISO 8601 in UTC. The control plane is authorised by "
    "IAM (SigV4), the webhook by the connection's ingest token."
)


def document() -> Document:
    """The whole interface, as OpenAPI 3.1."""
    made: Document = json.loads(
        api.get_openapi_json_schema(
            title="Marketo destination",
            version=tomllib.loads(PROJECT.read_text())["project"]["version"],
            description=_DESCRIPTION,
            license_info=License(name="MIT", identifier="MIT"),
        )
    )
    schemas = made["components"]["schemas"]
    for theirs in ("HTTPValidationError", "ValidationError", "ResponseValidationError"):
        del schemas[theirs]
    problem = ProblemDetails.model_json_schema(ref_template=REF + "{model}")
    schemas |= problem.pop("$defs") | {"ProblemDetails": problem}
    schemas["ConnectionPatch"] = _patch("Connection", schemas["ConnectionIn"]["properties"] | _SAID_OF_A_CHANGE)
    schemas["AudiencePatch"] = _patch("Audience", schemas["AudienceIn"]["properties"])
    for operation in _operations(made):
        _complete(operation, schemas)
    answers = {status: {**answer, "headers": CORRELATED} for status, answer in WEBHOOK["responses"].items()}
    made["paths"]["/connections/{connection_id}/events"] = {"post": {**WEBHOOK, "responses": answers}}
    made["paths"]["/oauth2/token"] = {"post": TOKEN}
    made["paths"] |= source_calls()
    made["security"] = [{"sigv4": []}]
    made["components"]["securitySchemes"] = _SECURITY
    return made


def render() -> str:
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def _operations(made: Document) -> Iterator[Document]:
    for path in made["paths"].values():
        yield from path.values()


def _complete(operation: Document, schemas: Document) -> None:
    """What the resolver does not know: bodies that are checked as part of a whole, problems, headers."""
    name = operation["operationId"]
    if name == "deleteConnection":  # the resolver describes one answer, which is this one or none
        begun = operation["responses"]["202"]["content"]["application/json"]
        begun["schema"] = {"$ref": f"{REF}ConnectionOut"}
    bodies = {
        "changeConnection": {"$ref": f"{REF}ConnectionPatch"},
        "changeAudience": {"$ref": f"{REF}AudiencePatch"},
        "setMapping": schemas["ConnectionIn"]["properties"]["mapping"],
        "setAlerts": schemas["ConnectionIn"]["properties"]["alerts"],
    }
    if name in bodies:
        operation["requestBody"]["content"]["application/json"]["schema"] = bodies[name]
    if name == "previewEvents":
        operation["requestBody"] = EVENTS | {"description": "As at the webhook: at most 300, in at most 1 MB."}
    if name == "listPersons":
        lines = {kind: {"schema": {"type": "string"}} for kind in ("application/x-ndjson", "text/csv")}
        page = {"application/json": {"schema": {"$ref": f"{REF}PersonPage"}}}
        operation["responses"]["200"]["content"] = page | lines
    answers = {status: answer for status, answer in operation["responses"].items() if status in ANSWERS}
    for status, answer in answers.items():
        answer["description"] = ANSWERS[status]
        if status == "204":
            del answer["content"]
        elif _has_version(answer["content"]["application/json"]["schema"]):
            answer["headers"] = {"ETag": {"description": "The version.", "schema": {"type": "string"}}}
    if name == "deleteConnection":
        answers["202"]["description"] = "What is queued is still delivered, then the connection is removed."
        answers["204"] = {"description": "Removed: a draft, or with `discard`."}
    if name == "activateAudience":
        answers = {"200": {**answers["201"], "description": "It was activated before."}, **answers}
    invalid = () if "invalid" in _PROBLEMS[name] else ("invalid",)  # also of a parameter that it does not have
    operation["responses"] = answers | problems((*_PROBLEMS[name], *invalid, "unavailable"))


def _has_version(schema: Document) -> bool:
    names = (
        "ConnectionOut",
        "ConnectionCreated",
        "IngestRotated",
        "SenderCredentialsOut",
        "AudienceOut",
        "PoliciesOut",
        "AlertList",
        "LabelsOut",
    )
    versioned = {f"{REF}{name}" for name in names}
    return schema.get("$ref") in versioned or schema.get("type") == "array"


def _patch(name: str, whole: Document) -> Document:
    properties = {name: {"anyOf": [schema, {"type": "null"}]} for name, schema in whole.items()}
    return {
        "title": f"{name}Patch",
        "description": "JSON merge patch (RFC 7396): null sets a property back to its default.",
        "type": "object",
        "additionalProperties": False,
        "properties": properties,
    }


_SECURITY: Final[Document] = {
    "sigv4": {
        "type": "apiKey",
        "name": "Authorization",
        "in": "header",
        "description": "AWS Signature Version 4 for the service `execute-api`.",
        "x-amazon-apigateway-authtype": "awsSigv4",
    },
    "ingestToken": {"type": "http", "scheme": "bearer", "description": "The connection's ingest token."},
    "ingestTokenAsPassword": {
        "type": "http",
        "scheme": "basic",
        "description": "The same token as the password of any user. A connection may name other places for it, too "
        "(`source.admission`).",
    },
    "senderToken": {
        "type": "oauth2",
        "description": "A token of the connection's sender credentials.",
        "flows": {"clientCredentials": {"tokenUrl": "oauth2/token", "scopes": {}}},
    },
    "senderCredentials": {
        "type": "http",
        "scheme": "basic",
        "description": "The connection's id and its client secret.",
    },
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m docs.openapi", description="Write docs/openapi.json.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file is not current")
    if not parser.parse_args().check:
        TARGET.write_text(render())
        return 0
    if TARGET.read_text() == render():
        return 0
    sys.stderr.write("docs/openapi.json is not current: run `make openapi`\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
