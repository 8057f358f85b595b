"""The webhook, and the tokens of its senders."""

import functools
import uuid

from destination.composition import aws, now
from destination.ingest.sender_tokens import GrantTokens
from destination.ingest.webhook import AcceptEvents
from destination.settings import IngestSettings
from destination.store.ingress import Ingresses


@functools.cache
def settings() -> IngestSettings:
    return IngestSettings.from_env()


@functools.cache
def ingresses() -> Ingresses:
    return Ingresses(aws.dynamodb(), settings().connections_table)


@functools.cache
def grant_tokens() -> GrantTokens:
    return GrantTokens(ingresses(), now)


@functools.cache
def ingest() -> AcceptEvents:
    return AcceptEvents(
        ingresses=ingresses(),
        queue=aws.queue(settings()),
        clock=now,
        new_id=lambda: uuid.uuid4().hex,
        signing_key=aws.signing_keys(settings().signing_key),
    )
