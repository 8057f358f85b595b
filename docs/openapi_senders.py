"""What senders call, in docs/openapi.json: the webhook, the token endpoint, and what they ask for besides."""

from collections.abc import Mapping, Sequence
from typing import Final

from destination.api.problem_kinds import MAX_ERRORS
from docs.openapi_parts import ANSWERS, CORRELATED, EVENTS, MARKETO, REF, Document, problems

_POST_EVENTS: Final = (
    "not-json",
    "no-events",
    "unauthorized",
    "not-found",
    "not-enabled",
    "too-large",
    "unsupported-media-type",
    "rejected-records",
    "unavailable",
)
"""The kinds of problems that the webhook answers with."""

_ERRORS_OF_RECORDS: Final[Document] = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["index", "errors"],
        "properties": {
            "index": {"type": "integer", "description": "The record's index in the body, from 0."},
            "errors": {"type": "array", "items": {"$ref": f"{REF}PropertyError"}},
        },
    },
}


def _count_of(name: str) -> Document:
    return {"type": "integer", "description": f"Of all; only when `{name}` does not list them all."}


_LISTED: Final = f"An answer lists {MAX_ERRORS:,} problems at most"

_TAKEN: Final[Document] = {
    "application/json": {
        "schema": {
            "type": "object",
            "required": ["accepted", "rejected"],
            "properties": {
                "accepted": {"type": "integer"},
                "rejected": _ERRORS_OF_RECORDS,
                "warnings": _ERRORS_OF_RECORDS,
                "rejected_count": _count_of("rejected"),
                "warning_count": _count_of("warnings"),
            },
        }
    }
}
"""What the webhook says of a body; some sources have an answer of their own."""

WEBHOOK: Final[Document] = {
    "summary": "Post events",
    "description": f"One bad record never keeps the good ones out: `rejected` names it. {_LISTED}.",
    "operationId": "postEvents",
    "security": [{"ingestToken": []}, {"ingestTokenAsPassword": []}, {"senderToken": []}],
    "parameters": [{"name": "connection_id", "in": "path", "required": True, "schema": {"type": "string"}}],
    "requestBody": EVENTS | {"description": "Events in the format of the connection's source, at most 4.5 MB."},
    "responses": {
        "202": {
            "description": "The accepted events are queued. `warnings` are parts of good records that were left out.",
            "content": _TAKEN,
        },
        "207": {
            "description": "The same, where some records are rejected and `source.on_rejected` is multi_status.",
            "content": _TAKEN,
        },
        **problems(_POST_EVENTS),
    },
}

_UNSTORED: Final[Document] = CORRELATED | {
    "Cache-Control": {"description": "no-store", "schema": {"type": "string"}},
    "Pragma": {"description": "no-cache", "schema": {"type": "string"}},
}


def _no_token(description: str, headers: Mapping[str, str] | None = None) -> Document:
    """An answer of RFC 6749, section 5.2."""
    properties = {"error": {"type": "string"}, "error_description": {"type": "string"}}
    schema = {"type": "object", "required": ["error", "error_description"], "properties": properties}
    own = {name: {"description": text, "schema": {"type": "string"}} for name, text in (headers or {}).items()}
    return {
        "description": description,
        "headers": _UNSTORED | own,
        "content": {"application/json": {"schema": schema}},
    }


TOKEN: Final[Document] = {
    "summary": "Get a sender token",
    "description": "OAuth 2.0, client credentials (RFC 6749, section 4.4). Client id and secret come in the body or by "
    "Basic authentication. Asked again within some hours, it answers the same token.",
    "operationId": "getSenderToken",
    "security": [{"senderCredentials": []}, {}],
    "requestBody": {
        "required": True,
        "content": {
            "application/x-www-form-urlencoded": {
                "schema": {
                    "type": "object",
                    "required": ["grant_type"],
                    "properties": {
                        "grant_type": {"type": "string", "enum": ["client_credentials"]},
                        "client_id": {"type": "string", "description": "The connection's id."},
                        "client_secret": {"type": "string"},
                        "scope": {"type": "string", "description": "Taken, and without meaning."},
                    },
                }
            }
        },
    },
    "responses": {
        "200": {
            "description": "The token opens what the connection's ingest token opens, for `expires_in` seconds.",
            "headers": _UNSTORED,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "required": ["access_token", "token_type", "expires_in"],
                        "properties": {
                            "access_token": {"type": "string"},
                            "token_type": {"type": "string", "enum": ["Bearer"]},
                            "expires_in": {"type": "integer"},
                        },
                    }
                }
            },
        },
        "400": _no_token("`invalid_request` or `unsupported_grant_type`."),
        "401": _no_token("`invalid_client`: no connection has this id and secret.", {"WWW-Authenticate": "Basic"}),
        "503": _no_token("`temporarily_unavailable`: try again."),
    },
}

_AUDIENCE_OF_SENDER: Final[Document] = {
    "type": "object",
    "required": ["activation_id", "id", "namespace", "name", "list"],
    "properties": {
        "activation_id": {"type": "string"},
        "id": {"type": "string"},
        "namespace": {"type": ["string", "null"]},
        "name": {"type": "string"},
        "list": {
            "type": ["object", "null"],
            "required": ["id", "name"],
            "properties": {"id": {"type": "integer"}, "name": {"type": ["string", "null"]}},
        },
    },
}


def _listed(name: str, items: Document) -> Document:
    return {"type": "object", "required": [name], "properties": {name: {"type": "array", "items": items}}}


def source_calls() -> Document:
    """What senders call besides the webhook, in the form of the source `canonical`."""
    strings = {name: {"type": "string"} for name in ("name", "id", "namespace")}
    field = {
        "type": "object",
        "required": ["name", "display_name", "type", "length"],
        "properties": {
            "name": {"type": "string"},
            "display_name": {"type": "string"},
            "type": {"type": "string"},
            "length": {"type": ["integer", "null"]},
        },
    }
    status = {
        "type": "object",
        "required": ["name", "status"],
        "properties": {"name": {"type": "string"}, "status": {"type": "string"}},
    }
    named = {"type": "object", "required": ["name"], "additionalProperties": False}
    created = {**named, "title": "AudienceOfSender", "properties": strings}
    renamed = {**named, "title": "AudienceRenamed", "properties": {"name": {"type": "string"}}}
    below, one = "/connections/{connection_id}/source/", "audiences/{activation_id}"
    change = ("not-json", "invalid", "incomplete", "already-bound", "policy-violation", "deleting", "stale", *MARKETO)
    return {
        f"{below}status": {"get": _of_sender("ShowConnection", "Show the connection's status", {"200": status})},
        f"{below}fields": {
            "get": _of_sender("ListFields", "List fields", {"200": _listed("fields", field)}, ("incomplete", *MARKETO))
        },
        f"{below}checks": {
            "post": _of_sender("CheckEvents", "Check events, of which nothing is taken", {"200": _CHECKED}, _BODIES)
            | {"requestBody": EVENTS | {"description": "As at the webhook."}}
        },
        f"{below}audiences": {
            "get": _of_sender("ListAudiences", "List audiences", {"200": _listed("audiences", _AUDIENCE_OF_SENDER)}),
            "post": _of_sender(
                "CreateAudience",
                "Make an audience with its list, if it is not there (200)",
                dict.fromkeys(("200", "201"), _AUDIENCE_OF_SENDER),
                change,
            )
            | {"requestBody": _object(created)},
        },
        f"{below}{one}": {
            "get": _of_sender("ShowAudience", "Show an audience", {"200": _AUDIENCE_OF_SENDER}),
            "patch": _of_sender("RenameAudience", "Rename an audience", {"200": _AUDIENCE_OF_SENDER}, change)
            | {"requestBody": _object(renamed)},
            "delete": _of_sender(
                "DeleteAudience", "Delete an audience, as the connection says", {"204": None}, (*change, "not-emptied")
            ),
        },
    }


_OF_ONE_AUDIENCE: Final = ("ShowAudience", "RenameAudience", "DeleteAudience")
_BODIES: Final = ("not-json", "no-events", "too-large", "unsupported-media-type")
_CHECKED: Final[Document] = {
    "type": "object",
    "required": ["accepted", "rejected", "warnings"],
    "properties": {"accepted": {"type": "integer"}, "rejected": _ERRORS_OF_RECORDS, "warnings": _ERRORS_OF_RECORDS},
}


def _object(schema: Document) -> Document:
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _of_sender(name: str, summary: str, answers: Mapping[str, Document | None], kinds: Sequence[str] = ()) -> Document:
    """A call that a connection takes from its senders. All of them are refused in the same ways."""
    in_path = ["connection_id", *(["activation_id"] if name in _OF_ONE_AUDIENCE else ())]
    parameters = [{"name": one, "in": "path", "required": True, "schema": {"type": "string"}} for one in in_path]
    done = {
        status: {"description": ANSWERS[status], "headers": CORRELATED}
        | ({} if schema is None else {"content": {"application/json": {"schema": schema}}})
        for status, schema in answers.items()
    }
    refused = dict.fromkeys(("unauthorized", "not-allowed", "not-found", "deleting", *kinds, "unavailable"))
    return {
        "summary": summary,
        "description": "With the sender's own token, where the connection takes calls (`source.calls`). In the form of "
        "the source `canonical`; other sources have their own.",
        "operationId": f"source{name}",
        "security": WEBHOOK["security"],
        "parameters": parameters,
        "responses": done | problems([*refused]),
    }
