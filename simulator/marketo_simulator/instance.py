"""One Marketo instance: takes a call through faults, identity, limits and its endpoint, and logs it."""

import logging
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qsl

from marketo_simulator.calls import Call, Calls, Exchange
from marketo_simulator.clock import Clock
from marketo_simulator.context import Context
from marketo_simulator.errors import UNCOUNTED, CallError, Reason, reason
from marketo_simulator.exports import Exports
from marketo_simulator.faults import Fault, Faults
from marketo_simulator.identity import Client, Identity
from marketo_simulator.imports import Imports
from marketo_simulator.journal import WEB_SERVICE, Cause
from marketo_simulator.limits import Limits, quota_day
from marketo_simulator.masking import masked_params, masked_text
from marketo_simulator.message import (
    AnswerTooSlow,
    ConnectionDropped,
    Request,
    Response,
    html_response,
    json_response,
)
from marketo_simulator.names import Names
from marketo_simulator.routes import NOT_SIMULATED, Route, operation_of, route, template
from marketo_simulator.seed import Seed, plant
from marketo_simulator.settings import Settings
from marketo_simulator.state import State
from marketo_simulator.sync import absent_keys, sync

IDENTITY: Final = "/identity/oauth/token"
MAX_URI_BYTES: Final = 8 * 1024
MAX_BODY_BYTES: Final = 1024 * 1024
MAX_IMPORT_BYTES: Final = 10 * 1024 * 1024
_USER_STATUS: Final = {"600": 401, "601": 401, "602": 401, "603": 403, "610": 404, "501": 501}

_BUG: Final = "an error in the simulator itself, answered with 611"
_logger: Final = logging.getLogger("marketo_simulator")


@dataclass(slots=True)
class _Passage:
    """A call between its admission and its end."""

    request: Request
    method: str
    params: dict[str, list[str]]
    request_id: str
    time: datetime
    number: int
    concurrent: int
    settings: Settings
    fault: Fault | None = None
    delay: float = 0.0
    is_late: bool = False
    """It would take longer than a call may, and is answered 604."""
    route: Route | None = None
    client: Client | None = None
    refusal: Response | Reason | None = None
    by_limit: bool = False
    counted: bool = False
    in_window: int = 0
    of_quota: int = 0
    entered: Limits | None = None
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

    @property
    def most_seconds(self) -> float:
        """What the call may take; those to identity have no limit."""
        most = self.settings.max_seconds
        return math.inf if most is None or self.request.path == IDENTITY else most

    def leave(self) -> None:
        """Give the place among the executing calls back, if the call has one."""
        if self.entered is not None:
            self.entered.leave()
            self.entered = None


class Instance:
    """State and behaviour of one Marketo instance; `munchkin_id` is empty for the default one."""

    def __init__(self, munchkin_id: str, seed: Seed, clock: Clock, sleep: Callable[[float], None]) -> None:
        self.munchkin_id = munchkin_id
        self.clock = clock
        self.lock = threading.RLock()
        self.sleep = sleep
        self._initial = seed
        self._served = 0
        self._start()

    def _start(self) -> None:
        self.settings: Settings = self._initial.settings
        self.state = State()
        self.identity = Identity(self.munchkin_id)
        self.limits = Limits()
        self.calls = Calls(self.settings)
        self.faults = Faults()
        self.imports = Imports()
        self.exports = Exports()
        self.add(self._initial)

    def add(self, seed: Seed) -> None:
        """Add the seed's data to what is there; its settings are left aside. Raises DecodeError."""
        with self.lock:
            before = {each.id: each.name for each in self.state.partitions.values()}
            with self.state.whole_or_not_at_all():
                plant(seed, self.state, self.clock.now())
            for each in self.state.partitions.values():
                self.identity.rename_partition(before.get(each.id, each.name), each.name)
            self.identity.clients.update({client.client_id: client for client in seed.clients})
            self.faults.add(*seed.faults)

    def reset(self) -> None:
        """Back to the seed the instance was made with; tokens, log, counters and faults start again."""
        with self.lock:
            self._start()

    def settle(self) -> None:
        """Execute imports and exports whose time has come."""
        with self.lock:
            self._settle(self.clock.now())

    def _settle(self, now: datetime) -> None:
        for moment in (*self.imports.ends(now), now):
            self.exports.settle(moment, self.settings)  # an export that starts before an import ends misses it
            self.imports.settle(moment)

    # Calls

    def handle(self, request: Request, patience: float | None = None) -> Response:
        """Answer one call; its latency is slept here.

        With `patience` (seconds) a caller gives up waiting: AnswerTooSlow is raised then, and the call goes on to its
        end behind the caller's back. Raises ConnectionDropped for a scripted drop.
        """
        with ExitStack() as stack:
            with self.lock:
                passage = self._arrived(request)
                stack.callback(self._leave, passage)
                self._admit(passage)
            if patience is None or min(passage.delay, passage.most_seconds) <= patience:
                return self._finish(passage)
            threading.Thread(target=self._finish_unheard, args=(passage,), daemon=True).start()
            stack.pop_all()  # that thread gives the place back
        self.sleep(patience)
        raise AnswerTooSlow

    def _finish_unheard(self, passage: _Passage) -> None:
        try:
            with suppress(ConnectionDropped):
                self._finish(passage)
        finally:
            self._leave(passage)

    def _leave(self, passage: _Passage) -> None:
        with self.lock:
            passage.leave()

    def _arrived(self, request: Request) -> _Passage:
        self._served += 1
        now = self.clock.now()
        params = _params(request)
        return _Passage(
            request,
            _method(request, params),
            params,
            f"{self._served:x}#{int(now.timestamp() * 1000):x}",
            now,
            self._served,
            self.limits.executing + 1,
            self.settings,
        )

    def _admit(self, passage: _Passage) -> None:
        """Decide under the lock what will happen to the call."""
        try:
            passage.fault = self.faults.next(passage.request, passage.params, self._person)
            passage.refusal = _too_large(passage.request)
            if passage.refusal is None:
                delay = self._delay(passage)
                passage.is_late = delay > passage.most_seconds
                self._let_in(passage)
                passage.delay = delay
        except CallError as error:
            passage.refusal = error.reason
        except Exception as error:  # whatever it is, the caller gets an answer
            _logger.exception(_BUG)
            passage.refusal = _bug(error)

    def _person(self, lead_id: int) -> Mapping[str, object] | None:
        lead = self.state.leads.get(lead_id)
        return None if lead is None else lead.values

    def _delay(self, passage: _Passage) -> float:
        """Seconds that the call takes."""
        settings = passage.settings
        delay = settings.latency_of(passage.request.path)
        if settings.latency_per_record:
            delay += settings.latency_per_record * len(Names(passage.request, passage.params).records)
        return delay + (passage.fault.delay if passage.fault is not None else 0.0)

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
        if passage.is_late or (fault is not None and fault.effect == "error" and fault.code in UNCOUNTED):
            return
        passage.counted = True
        with passage.limited():
            try:
                self.limits.count(passage.time, self.settings)
            finally:
                passage.in_window, passage.of_quota = self.limits.in_window, self.limits.of_quota

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
            self.sleep(min(passage.delay, passage.most_seconds))
        with self.lock:
            answer = self._answer(passage)
        if answer is None:
            raise ConnectionDropped
        return answer

    def _answer(self, passage: _Passage) -> Response | None:
        """The answer, or None for a broken connection."""
        outcome: Response | Reason | None = passage.refusal
        fault = passage.fault
        if outcome is None:
            if fault is None or not fault.prevents:
                outcome = self._executed(passage)
            if passage.is_late:
                outcome = reason("604")
            elif fault is not None:
                outcome = _scripted(fault, outcome)
        answer = _failure(passage, outcome) if isinstance(outcome, Reason) else outcome
        if answer is not None and fault is not None:
            answer = fault.makes_of(answer)
        self._log(passage, outcome if isinstance(outcome, Reason) else None, answer)
        return answer

    def _executed(self, passage: _Passage) -> Response | Reason:
        now = self.clock.now()
        try:
            self._settle(now)
            if passage.route is None or passage.client is None:
                params = {name: values[0] for name, values in passage.params.items()}
                answer = self.identity.token(params, now, self.settings)
            else:
                answer = self._endpoint_answer(passage, passage.route, passage.client)
        except CallError as error:
            return error.reason
        except Exception as error:  # whatever it is, the caller gets an answer
            _logger.exception(_BUG)
            return _bug(error)
        else:
            passage.executed = True
            return answer
        finally:
            passage.leave()

    def _endpoint_answer(self, passage: _Passage, found: Route, client: Client) -> Response:
        most = passage.settings.max_records
        if most is not None and (given := len(Names(passage.request, passage.params).records)) > most:
            passage.records = given
            raise CallError("1003", f"Number of records exceeds the limit of {most}")
        context = self._context(passage, found, client)
        cause = Cause(context.now, WEB_SERVICE, found.operation, client.user, context.request_id)
        try:
            with self.state.journal.caused_by(cause, self.settings.activities_kept):
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
            names=found.names,
            exports=self.exports,
        )

    def _log(self, passage: _Passage, why: Reason | None, answer: Response | None) -> None:
        request, path = passage.request, masked_text(passage.request.path)
        self.calls.add(
            Call(
                number=passage.number,
                time=passage.time,
                method=request.method,
                path=path,
                endpoint=f"{passage.method} {template(path)}",
                operation=operation_of(passage.method, passage.request.path),
                params=masked_params(passage.params),
                body_bytes=len(request.body),
                records=passage.records,
                status=0 if answer is None or answer.breaks_after is not None else answer.status,
                code="" if why is None else why.code,
                message="" if why is None else why.message,
                executed=passage.executed,
                counted=passage.counted,
                concurrent=passage.concurrent,
                in_window=passage.in_window,
                of_quota=passage.of_quota,
                by_limit=passage.by_limit,
                scripted=passage.fault,
                user=passage.client.user if passage.client is not None else "",
                request_id=passage.request_id,
                seconds=passage.delay,
                settings=passage.settings,
            ),
            Exchange(request, passage.params, answer),
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
    """The method that counts: HEAD is a GET whose body is not sent, and POST with `_method` stands for another one.

    (RFC 9110, section 9.3.2; Marketo REST, Lead Database, "Long URIs")
    """
    if request.method == "HEAD":
        return "GET"
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
    if fault.effect == "drop" and fault.after_bytes is None:
        return None
    if fault.effect == "http":
        return Response(fault.status, fault.body.encode("utf-8", "replace"), "text/html")
    return fault.reason if fault.effect == "error" else outcome


def _bug(error: Exception) -> Reason:
    """What a caller gets for a mistake of the simulator's own; whoever runs it finds the rest in the log."""
    return reason("611", f"System error: the simulator failed with {type(error).__name__}")


def _failure(passage: _Passage, why: Reason) -> Response:
    """The envelope of a failed call, after the habit of its API."""
    path = passage.request.path
    if path.startswith("/userservice/"):
        return json_response({"errors": [why.json()]}, _USER_STATUS.get(why.code, HTTPStatus.BAD_REQUEST))
    status = HTTPStatus.NOT_IMPLEMENTED if why.code == NOT_SIMULATED else HTTPStatus.OK
    return json_response({"requestId": passage.request_id, "success": False, "errors": [why.json()]}, status)
