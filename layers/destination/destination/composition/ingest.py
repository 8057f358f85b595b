"""The webhook."""

import functools

from destination.composition import aws, now
from destination.ingest.webhook import AcceptEvents
from destination.settings import IngestSettings


@functools.cache
def settings() -> IngestSettings:
    return IngestSettings.from_env()


@functools.cache
def ingest() -> AcceptEvents:
    return AcceptEvents(connections=aws.connections(settings()), queue=aws.queue(settings()), clock=now)
