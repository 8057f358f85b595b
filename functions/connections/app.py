"""The control plane: connections, their mapping and audiences, and their runs."""

import functools
import secrets
import time
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any
from urllib.parse import unquote

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.exceptions import NotFoundError as NoRouteError
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.openapi.exceptions import (
    RequestUnsupportedContentType,
    RequestValidationError,
)
from aws_lambda_powertools.event_handler.openapi.params import Body, Header, Path, Query
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError

from destination.api.audiences import AudienceIn, AudienceList, AudienceOut, Namespace
from destination.api.connections import ConnectionCreated, ConnectionIn, ConnectionOut, ConnectionPage, Row
from destination.api.http import etag, expected_version, ingest_url
from destination.api.problems import CONTENT_TYPE, ProblemDetails, problem, problems_of
from destination.api.representation import Time
from destination.api.runs import RunList, RunOut
from destination.domain.configuration import ConfigurationError, Problem
from destination.domain.connection import DEFAULT_NAMESPACE, AudienceKey, Connection
from destination.domain.credentials import ClientCredentials
from destination.domain.pace import NOTHING_KNOWN
from destination.manage import AlreadyBoundError, IncompleteError, Management
from destination.marketo.errors import ConnectionBlockedError, InstanceWaitsError, MarketoError
from destination.marketo.instance import Marketo
from destination.marketo.lists import Lists
from destination.marketo.pace import OutOfTimeError, Pace
from destination.marketo.transport import session
from destination.reasons import message_of
from destination.settings import ConnectionsSettings
from destination.store.connections import Connections, InvalidCursorError
from destination.store.errors import NotFoundError, StaleVersionError
from destination.store.runs import Runs
from destination.store.secrets import Credentials, TokenSecret

JSON = "application/json"
LAST_CALL, LAST_ANSWER = 20.0, 22.0
"""Seconds from the first call to Marketo. API Gateway waits 29 s for an answer; 5 of them may go into connecting."""

CALLS_PER_20S, CONCURRENCY = 20, 2
"""To one instance, of one process.

These calls are not counted in the window of sync, which would otherwise have to be waited for. They fit into what it
leaves free: by default a connection takes 80 of Marketo's 100 calls in 20 s and 5 of its 10 at once, which is room for
one process at its busiest. Whoever raises a connection to Marketo's own limits leaves them none, and gets 606 at times.
"""

MEND = "Mend the members that are named in errors."
NOT_JSON = "The body must be JSON text in UTF-8 that nests a few levels deep."

REFUSALS: Mapping[type[Exception], tuple[str, str]] = {
    ConfigurationError: ("invalid", MEND),
    IncompleteError: ("incomplete", "Give what is named in errors first."),
    InvalidCursorError: ("invalid", "Take the cursor from the page before, or leave it out to start."),
    NotFoundError: ("not-found", "{}."),
    StaleVersionError: ("stale", "{}; read it again, then decide."),
    AlreadyBoundError: ("already-bound", "{}."),
    RequestUnsupportedContentType: ("unsupported-media-type", f"Send the body as {JSON}."),
    UnicodeDecodeError: ("not-json", NOT_JSON),
    RecursionError: ("not-json", NOT_JSON),
    OutOfTimeError: ("marketo-unavailable", "Marketo takes too long to answer; try again."),
}
"""By error: the kind of problem, and its detail."""

logger = Logger()
api = APIGatewayRestResolver(enable_validation=True, response_validation_error_http_code=500)

ConnectionId = Annotated[str, Path(description="The connection's id.")]
AudienceId = Annotated[str, Path(description="The audience's id at its source.")]
InNamespace = Annotated[Namespace, Query(description="The namespace of the audience's id.")]
IfMatch = Annotated[
    str | None,
    Header(alias="If-Match", description="The version that the change is meant for, as in `ETag`; stale: 412."),
]


@functools.cache
def paces() -> dict[str, Pace]:
    """The last pace of each instance, by Munchkin ID, so that one window counts the calls of all requests."""
    return {}


def pace_for(munchkin_id: str) -> Pace:
    now, before = time.monotonic(), paces().get(munchkin_id)
    paces()[munchkin_id] = Pace(
        CALLS_PER_20S,
        CONCURRENCY,
        state=before.state() if before else NOTHING_KNOWN,
        deadline=now + LAST_CALL,
        end=now + LAST_ANSWER,
    )
    return paces()[munchkin_id]


@functools.cache
def management() -> Management:
    settings = ConnectionsSettings.from_env()
    dynamodb, secretsmanager, http = boto3.client("dynamodb"), boto3.client("secretsmanager"), session()

    def token_of(connection: Connection, credentials: ClientCredentials) -> TokenSecret:
        return TokenSecret(secretsmanager, settings.secrets_prefix, connection.munchkin_id, credentials)

    def lists_for(connection: Connection, credentials: ClientCredentials) -> Lists:
        return Marketo(
            munchkin_id=connection.munchkin_id,
            credentials=credentials,
            tokens=token_of(connection, credentials),
            http=http,
            pace=pace_for(connection.munchkin_id),
            url=settings.marketo_url,
        ).lists

    return Management(
        connections=Connections(dynamodb, settings.connections_table),
        credentials=Credentials(secretsmanager, settings.secrets_prefix),
        runs=Runs(dynamodb, settings.runs_table),
        lists_for=lists_for,
        token_of=token_of,
        new_id=lambda: str(uuid.uuid4()),
        new_token=lambda: secrets.token_urlsafe(32),
        clock=_now,
    )


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    answer = api.resolve(event, context)
    answer["body"] = answer["body"] or ""  # API Gateway takes null for an empty body; the local emulator does not
    return answer


def one_object(app: APIGatewayRestResolver, next_middleware: NextMiddleware) -> Response[Any]:
    """The resolver takes the first of a list where one object is expected; a list is refused instead."""
    if isinstance(app.current_event.json_body, list):
        raise ConfigurationError([Problem("", "must be an object, not a list")])
    return next_middleware(app)


@api.post(
    "/connections",
    summary="Create a connection",
    operation_id="createConnection",
    status_code=201,
    middlewares=[one_object],
)
def create_connection(body: ConnectionIn) -> Response[ConnectionCreated]:
    created = management().create(body.draft(), body.client_credentials())
    url = ingest_url(api.current_event.raw_event, created.connection.id)
    shown = ConnectionCreated.with_ingest(created.connection, url, created.token)
    return Response(201, JSON, shown, etag(created.connection.version))


@api.get("/connections", summary="List connections", operation_id="listConnections")
def list_connections(
    cursor: Annotated[str | None, Query(description="From the page before.")] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 50,
) -> ConnectionPage:
    page = management().list(cursor, limit)
    return ConnectionPage.of(page.connections, page.cursor)


@api.get("/connections/<connection_id>", summary="Show a connection", operation_id="getConnection")
def get_connection(connection_id: ConnectionId) -> Response[ConnectionOut]:
    return _shown(management().get(connection_id))


@api.patch(
    "/connections/<connection_id>",
    summary="Change a connection (JSON merge patch)",
    operation_id="changeConnection",
    middlewares=[one_object],
)
def change_connection(
    connection_id: ConnectionId, body: Annotated[dict[str, Any], Body()], if_match: IfMatch = None
) -> Response[ConnectionOut]:
    return _shown(_changed(connection_id, body, if_match))


@api.delete(
    "/connections/<connection_id>", summary="Delete a connection", operation_id="deleteConnection", status_code=204
)
def delete_connection(connection_id: ConnectionId, if_match: IfMatch = None) -> Response[None]:
    management().delete(connection_id, expected_version(if_match))
    return Response(204)


@api.post("/connections/<connection_id>/enable", summary="Enable a connection", operation_id="enableConnection")
def enable_connection(connection_id: ConnectionId, if_match: IfMatch = None) -> Response[ConnectionOut]:
    return _shown(management().enable(connection_id, expected_version(if_match)))


@api.post("/connections/<connection_id>/disable", summary="Disable a connection", operation_id="disableConnection")
def disable_connection(connection_id: ConnectionId, if_match: IfMatch = None) -> Response[ConnectionOut]:
    return _shown(management().disable(connection_id, expected_version(if_match)))


@api.get("/connections/<connection_id>/mapping", summary="Show the mapping", operation_id="getMapping")
def get_mapping(connection_id: ConnectionId) -> Response[list[Row]]:
    return _mapping(management().get(connection_id))


@api.put("/connections/<connection_id>/mapping", summary="Replace the mapping", operation_id="setMapping")
def set_mapping(
    connection_id: ConnectionId, body: Annotated[list[Any], Body()], if_match: IfMatch = None
) -> Response[list[Row]]:
    return _mapping(_changed(connection_id, {"mapping": body}, if_match))


@api.post(
    "/connections/<connection_id>/audiences",
    summary="Activate an audience",
    operation_id="activateAudience",
    status_code=201,
    middlewares=[one_object],
)
def activate_audience(connection_id: ConnectionId, body: AudienceIn) -> Response[AudienceOut]:
    activation, new = management().activate(connection_id, body.activation())
    return Response(201 if new else 200, JSON, AudienceOut.of(activation))


@api.get("/connections/<connection_id>/audiences", summary="List activated audiences", operation_id="listAudiences")
def list_audiences(connection_id: ConnectionId) -> AudienceList:
    return AudienceList.of(management().activations(connection_id))


@api.get(
    "/connections/<connection_id>/audiences/<audience_id>",
    summary="Show an activated audience",
    operation_id="getAudience",
)
def get_audience(
    connection_id: ConnectionId, audience_id: AudienceId, namespace: InNamespace = DEFAULT_NAMESPACE
) -> AudienceOut:
    return AudienceOut.of(management().activation(connection_id, AudienceKey(namespace, unquote(audience_id))))


@api.patch(
    "/connections/<connection_id>/audiences/<audience_id>",
    summary="Change an activated audience (JSON merge patch)",
    operation_id="changeAudience",
    middlewares=[one_object],
)
def change_audience(
    connection_id: ConnectionId,
    audience_id: AudienceId,
    body: Annotated[dict[str, Any], Body()],
    namespace: InNamespace = DEFAULT_NAMESPACE,
) -> AudienceOut:
    before = management().activation(connection_id, AudienceKey(namespace, unquote(audience_id)))
    after = AudienceIn.of(before).patched(body).over(before)
    return AudienceOut.of(management().change_activation(connection_id, before, after))


@api.delete(
    "/connections/<connection_id>/audiences/<audience_id>",
    summary="Deactivate an audience",
    operation_id="deactivateAudience",
    status_code=204,
)
def deactivate_audience(
    connection_id: ConnectionId, audience_id: AudienceId, namespace: InNamespace = DEFAULT_NAMESPACE
) -> Response[None]:
    management().deactivate(connection_id, AudienceKey(namespace, unquote(audience_id)))
    return Response(204)


@api.get("/connections/<connection_id>/runs", summary="List hourly runs", operation_id="listRuns")
def list_runs(
    connection_id: ConnectionId,
    first: Annotated[Time | None, Query(alias="from", description="Default: a day before `to`.")] = None,
    last: Annotated[Time | None, Query(alias="to", description="Default: a day after `from`, or now.")] = None,
) -> RunList:
    return RunList.of(management().runs_between(connection_id, first, last), _now(), message_of)


@api.get("/connections/<connection_id>/runs/<run_id>", summary="Show an hourly run", operation_id="getRun")
def get_run(connection_id: ConnectionId, run_id: Annotated[str, Path(description="The hour.")]) -> RunOut:
    return RunOut.of(management().run(connection_id, unquote(run_id)), _now(), message_of)


def refused(error: Exception) -> Response[str]:
    kind, detail = REFUSALS[type(error)]
    return _problem(kind, detail.format(error), getattr(error, "problems", ()))


def malformed(error: RequestValidationError) -> Response[str]:
    errors = error.errors()
    if any(one["type"] == "json_invalid" for one in errors):
        return _problem("not-json", NOT_JSON)
    return _problem("invalid", MEND, problems_of(errors))


def refused_by_marketo(error: MarketoError) -> Response[str]:
    detail = f"{error}. {error.remedy}".strip()
    match error:
        case InstanceWaitsError():
            return _problem("marketo-unavailable", detail, headers={"Retry-After": f"{error.wait.total_seconds():.0f}"})
        case ConnectionBlockedError():
            return _problem("marketo-blocked", detail)
    return _problem("marketo-rejected", detail)


def aws_trouble(error: ClientError | BotoCoreError) -> Response[str]:
    logger.error("AWS refuses a call", exc_info=error)
    return _problem("unavailable", "The configuration cannot be read or written now; try again.")


api.exception_handler(list(REFUSALS))(refused)
api.exception_handler(RequestValidationError)(malformed)
api.exception_handler(MarketoError)(refused_by_marketo)
api.exception_handler([ClientError, BotoCoreError])(aws_trouble)


@api.not_found
def no_route(error: NoRouteError) -> Response[str]:
    path = api.current_event.path
    routes = (*api._static_routes, *api._dynamic_routes)
    if allowed := {route.method for route in routes if route.rule.match(path)}:
        methods = ", ".join(sorted(allowed))
        return _problem("method-not-allowed", f"Use {methods}.", headers={"Allow": methods})
    return _problem("not-found", "There is nothing at this path.")


def _changed(connection_id: str, patch: Mapping[str, Any], if_match: str | None) -> Connection:
    before = management().get(connection_id, expected_version(if_match))
    wanted = ConnectionIn.of(before).patched(patch)
    return management().change(before, wanted.over(before), wanted.client_credentials())


def _shown(connection: Connection) -> Response[ConnectionOut]:
    return Response(200, JSON, ConnectionOut.of(connection), etag(connection.version))


def _mapping(connection: Connection) -> Response[list[Row]]:
    return Response(200, JSON, [Row.of(row) for row in connection.mapping], etag(connection.version))


def _problem(
    kind: str, detail: str, errors: Sequence[Problem] = (), headers: Mapping[str, str] | None = None
) -> Response[str]:
    details: ProblemDetails = problem(kind, detail, errors)
    logger.info("request refused", extra={"problem": kind, "status": details.status})
    return Response(details.status, CONTENT_TYPE, details.model_dump_json(), dict(headers or {}))


def _now() -> datetime:
    return datetime.now(UTC)
