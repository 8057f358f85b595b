"""One call to Marketo: the address, the token, the pace, the envelope, and what a refusal means.

Source: Marketo REST API, "REST API", "Error codes", "Lead database" (time-outs), "Paging tokens".
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import requests

from destination.marketo.errors import (
    CONCURRENCY_REACHED,
    CONNECTION_LOST,
    QUOTA_REACHED,
    RATE_REACHED,
    UNEXPECTED_ANSWER,
    InstanceWaitsError,
    MarketoError,
    QuotaReachedError,
    TokenRefusedError,
    error_for,
)
from destination.marketo.pace import Pace
from destination.marketo.token import Tokens
from destination.marketo.transport import Auth, Request, Watch, decode, is_file, piece_of_file, send, unwatched, watched
from destination.marketo.usage import calls_today

LEADS_QUERY_TIMEOUT: Final = 65.0
SYNC_TIMEOUT: Final = 95.0
DEFAULT_TIMEOUT: Final = 35.0
ASSET_TIMEOUT: Final = 90.0
"""Marketo's own limits and a little more; its 300 s for assets would outlast whoever waits for the answer."""

REPETITIONS: Final = 3
"""Of a call that was refused, and so not carried out, because others use the instance's limits."""

_SHARED_LIMITS: Final = frozenset({RATE_REACHED, CONCURRENCY_REACHED})
_MUNCHKIN_ID = re.compile(r"[0-9]{3}-[A-Z]{3}-[0-9]{3}", re.IGNORECASE | re.ASCII)
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class ResultPage:
    """The result of one answer; of assets Marketo leaves `result` out where it found nothing.

    `is_whole`: there was a result, and all of its rows can be read.
    """

    result: Sequence[Mapping[str, Any]]
    next_page_token: str | None = None
    is_whole: bool = True


def base_url(template: str, munchkin_id: str) -> str:
    """The address of an instance, from a template that may hold `{munchkin_id}`; a trailing `/rest` is taken off.

    Raises ValueError when the Munchkin ID is not of the form 123-ABC-456.
    """
    if not _MUNCHKIN_ID.fullmatch(munchkin_id):
        raise ValueError("a Munchkin ID has the form 123-ABC-456")
    return template.replace("{munchkin_id}", munchkin_id).rstrip("/").removesuffix("/rest").rstrip("/")


def json_body(value: object) -> bytes:
    """Compact UTF-8 JSON; half a surrogate pair, which UTF-8 cannot hold, becomes a question mark.

    Raises ValueError for a number that JSON does not have (NaN, infinity).
    """
    return _encode(value).encode("utf-8", "replace")


class Client:
    """Calls one Marketo instance as one API user. Safe for threads.

    `pace` may be replaced between deliveries, when the lease that it travels with is taken again.
    """

    def __init__(self, http: requests.Session, url: str, tokens: Tokens, pace: Pace, watch: Watch = unwatched) -> None:
        self.pace = pace
        self._watch = watch
        self._http = http
        self._url = url
        self._tokens = tokens
        self._calls = 0
        self._lock = threading.Lock()

    @property
    def calls(self) -> int:
        """How many calls were sent that count towards Marketo's limits (identity calls do not)."""
        return self._calls

    def call(self, request: Request) -> ResultPage:
        """Send one call and return its result.

        Raises MarketoError by the code of the answer, after one repetition with a new token where the token was
        refused, and up to three where others left no room (606, 615), as far as the deadline of the pace allows them;
        QuotaReachedError when the daily budget is used up; OutOfTimeError when the pace allows the call only after its
        deadline.
        """
        self._know_calls_today()
        return self._result(request)

    def content(self, request: Request) -> Any:
        """Send one call that is answered without an envelope, or by a file, and return that; raises as `call`."""
        self._know_calls_today()
        return self._authenticated(request)

    def piece(self, request: Request) -> bytes:
        """Bytes of a file, those that the request asks for.

        Raises as `call`, and InstanceWaitsError UNEXPECTED_ANSWER for an answer that is no file.
        """
        self._know_calls_today()
        content = self._authenticated(request)
        if not isinstance(content, bytes):
            raise InstanceWaitsError(UNEXPECTED_ANSWER, request.operation)
        return content

    def authenticate(self) -> None:
        """Obtain an access token with the credentials, also where one is at hand; raises as `call`."""
        self._tokens.obtain(self.pace.bounded)

    def pages(self, request: Request) -> Iterator[ResultPage]:
        """All pages of a query, in the form or in the parameters of the request; raises as `call`."""
        while True:
            page = self.call(request)
            yield page
            token = page.next_page_token
            if token is None:
                return
            given = request.params if request.form is None else request.form
            if given.get("nextPageToken") == token:
                raise InstanceWaitsError(UNEXPECTED_ANSWER, request.operation)
            following = {**given, "nextPageToken": token}
            request = replace(request, params=following) if request.form is None else replace(request, form=following)

    def _know_calls_today(self) -> None:
        """Ask Marketo how many calls it counted, when the budget wants to know; without an answer it counts alone."""
        budget = self.pace.budget
        if budget is None or not budget.is_due():
            return
        with budget.asking:
            if not budget.is_due():
                return
            under_way = self.pace.under_way + 1
            try:
                usage = calls_today(lambda request: self._result(request).result)
            except MarketoError as error:
                if isinstance(error, QuotaReachedError | TokenRefusedError) or error.code in _SHARED_LIMITS:
                    raise  # The next call would not fare better.
                usage = None
            budget.learn(usage, under_way)

    def _result(self, request: Request) -> ResultPage:
        return _page(self._authenticated(request), request.operation)

    def _authenticated(self, request: Request) -> Any:
        token = self._tokens.current(self.pace.bounded)
        try:
            return self._connected(request, token)
        except TokenRefusedError:
            return self._connected(request, self._tokens.refresh(token, self.pace.bounded))

    def _connected(self, request: Request, token: str) -> Any:
        try:
            return self._send(request, token)
        except InstanceWaitsError as error:
            # Marketo closes idle connections, and may do so just when the next call is on its way.
            if error.code != CONNECTION_LOST or not request.repeatable:
                raise
        return self._send(request, token)

    def _send(self, request: Request, token: str) -> Any:
        for _ in range(REPETITIONS):
            try:
                return self._send_once(request, token)
            except InstanceWaitsError as error:
                if error.code not in _SHARED_LIMITS or not self.pace.back_off(error.code):
                    raise
        return self._send_once(request, token)

    def _send_once(self, request: Request, token: str) -> Any:
        with watched(request.operation, self._watch) as call:
            with self.pace.slot() as sent:
                bounded = replace(request, timeout=self.pace.bounded(request.timeout))
                with self._lock:
                    self._calls += 1
                try:
                    answer = send(self._http, self._url, bounded, call, _bearer(token))
                    content = piece_of_file(answer, request)
                    if content is None:
                        takes_file = request.takes_file and is_file(answer)
                        content = answer.content if takes_file else decode(answer, request.operation)
                except MarketoError as error:
                    error.took = self.pace.since(sent)
                    raise
                took = self.pace.since(sent)
            if isinstance(content, dict) and (code := _refusal(content)):
                self.pace.refused(code, sent)
                if code == QUOTA_REACHED:
                    raise QuotaReachedError(code, request.operation, self.pace.wait_for_reset())
                refusal = error_for(code, request.operation)
                refusal.took = took
                raise refusal
            if answer.status_code >= 300:
                raise error_for(str(answer.status_code), request.operation)
            return content


def _bearer(token: str) -> Auth:
    def authorise(prepared: requests.PreparedRequest) -> requests.PreparedRequest:
        prepared.headers["Authorization"] = f"Bearer {token}"
        return prepared

    return authorise


def _refusal(content: Mapping[str, Any]) -> str | None:
    match content:
        case {"success": True}:
            return None
        case {"errors": [{"code": str() | int() as code}, *_]}:
            return str(code)
        case {"success": False}:
            return UNEXPECTED_ANSWER
    return None


def _page(content: Any, operation: str) -> ResultPage:
    match content:
        case {"success": True, **rest} if isinstance(result := rest.get("result", []), list):
            token = rest.get("nextPageToken")
            more = isinstance(token, str) and token != "" and rest.get("moreResult") is not False
            rows = [row for row in result if isinstance(row, dict)]
            is_whole = "result" in rest and len(rows) == len(result)
            return ResultPage(rows, str(token) if more else None, is_whole)
    raise InstanceWaitsError(UNEXPECTED_ANSWER, operation)
