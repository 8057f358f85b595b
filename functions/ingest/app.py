"""The webhook: `POST /connections/{connection_id}/events`."""

import base64
import functools
import json
from datetime import UTC, datetime
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from destination.ingest import Acceptance, Ingest, RefusedError, Submission
from destination.queue import EventQueue
from destination.settings import IngestSettings
from destination.sources.body import Problem
from destination.store.connections import Connections

logger = Logger()


@functools.cache
def ingest() -> Ingest:
    settings = IngestSettings.from_env()
    return Ingest(
        connections=Connections(boto3.client("dynamodb"), settings.connections_table),
        queue=EventQueue(boto3.client("sqs"), settings.queue_url),
        clock=lambda: datetime.now(UTC),
    )


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    submission = _submission(event)
    logger.append_keys(connection_id=submission.connection_id)
    try:
        acceptance = ingest()(submission)
    except RefusedError as refused:
        logger.warning("events refused", extra={"status": refused.status, "detail": refused.detail})
        return _problem(refused)
    logger.info("events accepted", extra={"accepted": acceptance.accepted, "rejected": len(acceptance.rejected)})
    return _accepted(acceptance)


def _submission(event: dict[str, Any]) -> Submission:
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    body = event.get("body") or ""
    return Submission(
        connection_id=event["pathParameters"]["connection_id"],
        authorization=headers.get("authorization"),
        content_type=headers.get("content-type"),
        body=base64.b64decode(body) if event.get("isBase64Encoded") else body.encode(),
    )


def _accepted(acceptance: Acceptance) -> dict[str, Any]:
    answer: dict[str, Any] = {"accepted": acceptance.accepted, "rejected": _by_record(acceptance.rejected)}
    if acceptance.warnings:
        answer["warnings"] = _by_record(acceptance.warnings)
    return _response(202, "application/json", answer)


def _problem(refused: RefusedError) -> dict[str, Any]:
    answer = {
        "type": "about:blank",
        "title": refused.title,
        "status": refused.status,
        "detail": refused.detail,
        "errors": [_error(problem) for problem in refused.problems],
    }
    return _response(refused.status, "application/problem+json", answer)


def _by_record(problems: tuple[tuple[int, Problem], ...]) -> list[dict[str, Any]]:
    records: dict[int, list[dict[str, str]]] = {}
    for index, problem in problems:
        records.setdefault(index, []).append(_error(problem))
    return [{"index": index, "errors": errors} for index, errors in records.items()]


def _error(problem: Problem) -> dict[str, str]:
    return {"path": problem.path, "message": problem.message}


def _response(status: int, content_type: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"statusCode": status, "headers": {"Content-Type": content_type}, "body": json.dumps(body)}
