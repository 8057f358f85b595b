"""The webhook."""

import functools
import uuid

from destination.composition import aws, now
from destination.ingest.webhook import AcceptEvents
from destination.settings import IngestSettings
from destination.store.ingress import Ingresses


@functools.cache
def settings() -> IngestSettings:
    return IngestSettings.from_env()


@functools.cache
def ingest() -> AcceptEvents:
    return AcceptEvents(
        ingresses=Ingresses(aws.dynamodb(), settings().connections_table),
        queue=aws.queue(settings()),
        clock=now,
        new_id=lambda: uuid.uuid4().hex,
    )
