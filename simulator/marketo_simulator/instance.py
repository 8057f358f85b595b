"""One Marketo instance: takes a call through faults, identity, limits and its endpoint, and logs it."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

from marketo_simulator.calls import Call, Calls, shown_params
from marketo_simulator.clock import Clock
from marketo_simulator.context import Context
from marketo_simulator.errors import UNCOUNTED, CallError, Reason
from marketo_simulator.faults import Fault, Faults
from marketo_simulator.identity import Client, Identity
from marketo_simulator.imports import Imports
from marketo_simulator.limits import Limits, quota_day
from marketo_simulator.message import (
    AnswerTooSlow,
    ConnectionDropped,
    Request,
    Response,
    html_response,
    json_response,
)
from marketo_simulator.routes import Route, route, template
from marketo_simulator.seed import Seed, plant
from marketo_simulator.settings import Settings
from marketo_simulator.state import State
from marketo_simulator.sync import absent_keys, sync

IDENTITY: Final = "/identity/oauth/token"
MAX_URI_BYTES: Final = 8 * 1024
MAX_BODY_BYTES: Final = 1024 * 1024
MAX_IMPORT_BYTES: Final = 10 * 1024 * 1024
_USER_STATUS: Final = {"600": 401, "601": 401, "602": 401, "603": 403, "610": 404}


@dataclass(slots=True)
class _Passage:
    """A call between its admission and its end."""

    request: Request
    method: str
    params: dict[str, list[str]]
    request_id: str
    time: datetime
    fault: Fault | None
    delay: float = 0.0
    route: Route | None = None
    client: Client | None = None
    refusal: Response | Reason | None = None
    by_limit: bool = False
    counted: bool = False
    entered: Limits | None = None
    concurrent: int = 0
    absent: set[str] = field(default_factory=set)
    records: int = 0
    executed: bool = False

    @contextmanager
    def limited(self) -> Iterator[None]:
        """What is refused in here is refused by a limit."""
        try:
            yield
        except CallError:
            self.by_limit = True
            raise


class Instance:
    """State and behaviour of one Marketo instance; `munchkin_id` is empty for the default one."""

    def __init__(self, munchkin_id: str, seed: Seed, clock: Clock, sleep: Callable[[float], None]) -> None:
        self.munchkin_id = munchkin_id
        self.clock = clock
        self.lock = threading.RLock()
        self._sleep = sleep
        self._initial = seed
        self._served = 0
        self._start()

    def _start(self) -> None:
        self.settings: Settings = self._initial.settings
        self.state = State()
        self.identity = Identity(self.munchkin_id)
        self.limits = Limits()
        self.calls = Calls(self.settings.calls_kept)
        self.faults = Faults()
        self.imports = Imports()
        self.add(self._initial)

    def add(self, seed: Seed) -> None:
        """Add the seed's data to what is there; its settings are left aside. Raises DecodeError."""
        with self.lock:
            plant(seed, self.state, self.clock.now())
            self.identity.clients.update({client.client_id: client for client in seed.clients})
            self.faults.add(*seed.faults)

    def reset(self) -> None:
        """Back to the seed the instance was made with; tokens, log, counters and faults start again."""
        with self.lock:
            self._start()

    def settle(self) -> None:
        """Execute imports whose time has come."""
        with self.lock:
            self.imports.settle(self.clock.now())

    # Calls

    def handle(self, request: Request, patience: float | None = None) -> Response:
        """Answer one call; its latency is slept here.

        With `patience` (seconds) a caller gives up waiting: AnswerTooSlow is raised then, and the call goes on to its
        end behind the caller's back. Raises ConnectionDropped for a scripted drop.
        """
        with self.lock:
            passage = self._admit(request)
        if patience is not None and passage.delay > patience:
            threading.Thread(target=self._finish_unheard, args=(passage,), daemon=True).start()
            self._sleep(patience)
            raise AnswerTooSlow
        return self._finish(passage)

    def _finish_unheard(self, passage: _Passage) -> None:
        try:
            self._finish(passage)
        except ConnectionDropped:
            return

    def _admit(self, request: Request) -> _Passage:
        """Decide under the lock what will happen to the call."""
        self._served += 1
        now = self.clock.now()
        params = _params(request)
        passage = _Passage(
            request,
            _method(request, params),
            params,
            f"{self._served:x}#{int(now.timestamp() * 1000):x}",
            now,
            self.faults.next(request.method, request.path),
            concurrent=self.limits.executing + 1,
        )
        try:
            passage.refusal = _too_large(request)
            if passage.refusal is None:
                self._let_in(passage)
                fault_delay = passage.fault.seconds if passage.fault is not None else 0.0
                passage.delay = self.settings.latency_of(request.path) + fault_delay
        except CallError as error:
            passage.refusal = error.reason
        return passage

    def _let_in(self, passage: _Passage) -> None:
        """Token, route, permission and limits. Identity calls pass free, and what a fault prevents goes no further."""
        fault = passage.fault
        if passage.request.path == IDENTITY:
            return
        if fault is not None and fault.prevents:
            if fault.effect == "error":
                self._count(passage)
            return
        try:
            self._authorise(passage)
        except CallError as error:
            if error.reason.code not in UNCOUNTED:
                self._count(passage)
            raise
        self._count(passage)
        with passage.limited():
            self.limits.enter(self.settings)
        passage.entered = self.limits
        if self.settings.create_race:
            passage.absent = self._absent(passage)

    def _authorise(self, passage: _Passage) -> None:
        passage.client = self.identity.client(passage.request, passage.time)
        passage.route = route(passage.method, passage.request.path)
        if not passage.client.may(passage.route.permission):
            raise CallError("603")

    def _count(self, passage: _Passage) -> None:
        fault = passage.fault
        if fault is not None and fault.effect == "error" and fault.code in UNCOUNTED:
            return
        passage.counted = True
        with passage.limited():
            self.limits.count(passage.time, self.settings)

    def _absent(self, passage: _Passage) -> set[str]:
        """Keys of a Sync Leads call nobody has at its start."""
        if passage.route is None or passage.client is None or passage.route.endpoint is not sync:
            return set()
        try:
            return absent_keys(self._context(passage, passage.route, passage.client))
        except CallError:
            return set()  # the call itself will say what is wrong with it

    def _finish(self, passage: _Passage) -> Response:
        """Wait out the latency, execute, log."""
        if passage.delay:
            self._sleep(passage.delay)
        with self.lock:
            answer = self._answer(passage)
        if answer is None:
            raise ConnectionDropped
        return answer

    def _answer(self, passage: _Passage) -> Response | None:
        """The answer, or None for a broken connection."""
        outcome: Response | Reason | None = passage.refusal
        if outcome is None:
            fault = passage.fault
            if fault is None or not fault.prevents:
                outcome = self._executed(passage)
            if fault is not None:
                outcome = _scripted(fault, outcome)
        code = outcome.code if isinstance(outcome, Reason) else ""
        answer = _failure(passage, outcome) if isinstance(outcome, Reason) else outcome
        self._log(passage, code, 0 if answer is None else answer.status)
        return answer

    def _executed(self, passage: _Passage) -> Response | Reason:
        now = self.clock.now()
        self.imports.settle(now)
        try:
            if passage.route is None or passage.client is None:
                params = {name: values[0] for name, values in passage.params.items()}
                answer = self.identity.token(params, now, self.settings.token_seconds)
            else:
                answer = self._endpoint_answer(passage, passage.route, passage.client)
        except CallError as error:
            return error.reason
        else:
            passage.executed = True
            return answer
        finally:
            if passage.entered is not None:
                passage.entered.leave()

    def _endpoint_answer(self, passage: _Passage, found: Route, client: Client) -> Response:
        context = self._context(passage, found, client)
        try:
            return found.endpoint(context)
        finally:
            passage.records = context.records

    def _context(self, passage: _Passage, found: Route, client: Client) -> Context:
        return Context(
            passage.request,
            passage.params,
            found.ids,
            passage.request_id,
            self.clock.now(),
            self.settings,
            self.state,
            self.calls,
            self.imports,
            client,
            passage.fault,
            passage.absent,
        )

    def _log(self, passage: _Passage, code: str, status: int) -> None:
        path = passage.request.path
        self.calls.add(
            Call(
                time=passage.time,
                method=passage.request.method,
                path=path,
                endpoint=f"{passage.method} {template(path)}",
                params=shown_params(passage.params),
                body_bytes=len(passage.request.body),
                records=passage.records,
                status=status,
                code=code,
                executed=passage.executed,
                counted=passage.counted,
                concurrent=passage.concurrent,
                by_limit=passage.by_limit,
                fault=passage.fault is not None,
                user=passage.client.user if passage.client is not None else "",
            ),
            quota_day(passage.time, self.settings),
        )


def _params(request: Request) -> dict[str, list[str]]:
    """Query and form parameters together, in order."""
    params: dict[str, list[str]] = {}
    pairs = list(request.query)
    if "form-urlencoded" in request.header("Content-Type").lower():
        pairs += parse_qsl(request.body.decode("utf-8", "replace"), keep_blank_values=True)
    for name, value in pairs:
        params.setdefault(name, []).append(value)
    return params


def _method(request: Request, params: dict[str, list[str]]) -> str:
    """The method that counts: POST with `_method` stands for another one (Marketo REST, Lead Database, "Long URIs")."""
    if request.method == "POST" and (override := params.get("_method")):
        return override[0].upper()
    return request.method


def _too_large(request: Request) -> Response | None:
    if request.uri_bytes > MAX_URI_BYTES:
        return html_response(HTTPStatus.REQUEST_URI_TOO_LONG)
    most = MAX_IMPORT_BYTES if request.path.startswith("/bulk/") else MAX_BODY_BYTES
    return html_response(HTTPStatus.REQUEST_ENTITY_TOO_LARGE) if len(request.body) > most else None


def _scripted(fault: Fault, outcome: Response | Reason | None) -> Response | Reason | None:
    """What a fault makes of the outcome of a call."""
    if fault.effect == "drop":
        return None
    if fault.effect == "http":
        return Response(fault.status, fault.body.encode(), "text/html")
    return fault.reason if fault.effect == "error" else outcome


def _failure(passage: _Passage, why: Reason) -> Response:
    """The envelope of a failed call, after the habit of its API."""
    path = passage.request.path
    if path.startswith("/userservice/"):
        return json_response({"errors": [why.json()]}, _USER_STATUS.get(why.code, HTTPStatus.BAD_REQUEST))
    return json_response({"requestId": passage.request_id, "success": False, "errors": [why.json()]})
