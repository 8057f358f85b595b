"""What Segment's destination Webhook Audiences asks for, with a POST to any path, before it sends an audience's events.

    {"audienceName": "webinar_q4"} → {"externalId": "0b1c…"}
    {"externalId": "0b1c…"} → {"externalId": "0b1c…"}

The audience's settings of the customer's (`extras`) stand beside them and say nothing here. Events name the audience by
the external id. None of these requests is signed.

Source: the code of Segment's destination "webhook-audiences", createAudience and getAudience.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from destination.domain.audience import AudienceKey, activation_id
from destination.domain.problem import Problem
from destination.ingest.calls import (
    AudienceShown,
    Call,
    CallError,
    CallForm,
    CallRequest,
    CreateAudience,
    Outcome,
    ShowAudience,
)
from destination.ingest.reply import Reply
from destination.ingest.sources.record import HALF

NAMESPACE: Final = "segment"
"""Of all audiences; their ids are unique among all of Segment's."""

MAX_CALL_BYTES: Final = 10_000
"""Of a request about an audience; a longer one is taken for events, and is signed."""

_NAME: Final = "audienceName"
_ID: Final = "externalId"


def is_audience_call(body: bytes) -> bool:
    """Whether a body asks for an audience, and can hold no event, however it is read.

    An event has a type, and several are held by a list.
    """
    found = _object(body)
    if found.keys().isdisjoint({_NAME, _ID}) or "type" in found:
        return False
    return not any(isinstance(value, list) for value in found.values())


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        found = json.loads(body.decode()) if len(body) <= MAX_CALL_BYTES else None
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _read(asked: CallRequest) -> Call:
    if asked.method != "POST":
        raise CallError("method-not-allowed", "Use POST.")
    given = _object(asked.request.body)
    name, external_id = given.get(_NAME), given.get(_ID)
    if isinstance(external_id, str) and external_id and not HALF.search(external_id):
        return ShowAudience(activation_id(AudienceKey(NAMESPACE, external_id)))
    if isinstance(name, str) and name.strip():
        return CreateAudience(name, namespace=NAMESPACE)
    wanted = [Problem(_NAME, "must be the name of an audience to make"), Problem(_ID, "or the id that one was given")]
    raise CallError("invalid", "The body must be an object with an audience's name or id.", wanted)


def _answer(_asked: CallRequest, _call: Call | None, outcome: Outcome) -> Reply | None:
    if isinstance(outcome, AudienceShown):
        return Reply({_ID: outcome.activation.audience.id}, 200)
    return None


CALLS: Final = CallForm(_read, _answer)
