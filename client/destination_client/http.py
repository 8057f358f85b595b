"""Calls of the stack's interface."""

import json
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote, urlencode

import requests
from requests.auth import AuthBase

from destination_client.errors import ApiRefusedError, CommandError
from destination_client.signing import Bearer

TIMEOUT: Final = (10.0, 35.0)
"""Seconds to connect, and to wait for an answer: API Gateway gives up after 29."""

ATTEMPTS: Final = 6
MAX_WAIT: Final = 60.0
FORBIDDEN: Final = 403
TRY_AGAIN: Final = frozenset({429, 502, 503, 504})


@dataclass(frozen=True, slots=True)
class Api:
    """The interface at a base URL. `auth` signs the calls of the control plane; None: they are open.

    A call that may be repeated without harm is, while the stack says that it is busy or cannot be reached.
    """

    url: str
    auth: AuthBase | None
    http: requests.Session = field(default_factory=requests.Session)
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random

    def call(
        self,
        method: str,
        path: str,
        content: object = None,
        *,
        query: Mapping[str, str | None] | None = None,
        version: int | None = None,
    ) -> Any:
        """What a call answers. With a `version`, only if what is called still has it. Raises CommandError."""
        given = {name: value for name, value in (query or {}).items() if value is not None}
        url = f"{self.url}{path}" + (f"?{urlencode(given, quote_via=quote)}" if given else "")
        headers = {} if version is None else {"If-Match": f'"{version}"'}
        body = None
        if content is not None:
            headers["Content-Type"] = "application/json"
            body = json.dumps(content).encode()
        return self._answer(method, url, headers, body, self.auth, 1 + (method == "GET") * (ATTEMPTS - 1))

    def get(self, path: str, **query: str | None) -> Any:
        return self.call("GET", path, query=query)

    def get_if_permitted(self, path: str, **query: str | None) -> Any:
        """The same; None, if the caller has no right to it. Raises CommandError."""
        try:
            return self.get(path, **query)
        except ApiRefusedError as error:
            if error.status != FORBIDDEN:
                raise
            return None

    def post(self, path: str, content: object = None, *, version: int | None = None) -> Any:
        return self.call("POST", path, content, version=version)

    def connections(self) -> Iterator[dict[str, Any]]:
        return self.pages("/connections", "connections")

    def pages(self, path: str, key: str, **query: str | None) -> Iterator[dict[str, Any]]:
        """All that a call lists, page by page."""
        cursor = None
        while True:
            page = self.get(path, **query, limit="100", cursor=cursor)
            yield from page[key]
            cursor = page["cursor"]
            if cursor is None:
                return

    def send(self, connection_id: str, token: str, body: bytes) -> Any:
        """Post events to the webhook; sending them again does no harm. Raises CommandError."""
        headers = {"Content-Type": "application/json"}
        return self._answer("POST", f"{self.url}{at(connection_id)}/events", headers, body, Bearer(token), ATTEMPTS)

    def _answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, auth: AuthBase | None, left: int
    ) -> Any:
        for attempt in range(left):
            last = attempt == left - 1
            try:
                answer = self.http.request(method, url, data=body, headers=headers, auth=auth, timeout=TIMEOUT)
            except requests.RequestException as error:
                if last:
                    raise CommandError("The stack cannot be reached", f"{self.url}: {_cause(error)}") from error
                self._wait(attempt, None)
                continue
            if answer.ok:
                return _content(answer)
            if last or answer.status_code not in TRY_AGAIN:
                raise ApiRefusedError(answer.status_code, _content(answer))
            self._wait(attempt, answer.headers.get("Retry-After"))
        raise AssertionError("a call is tried at least once")

    def _wait(self, attempt: int, wanted: str | None) -> None:
        """As long as the stack asks for, else longer from time to time, with chance so that callers do not march."""
        seconds = float(wanted) if wanted and wanted.isdecimal() else 2**attempt * (0.5 + self.chance() / 2)
        self.sleep(min(seconds, MAX_WAIT))


def at(connection_id: str, *parts: str) -> str:
    """The path of a connection, or of what it has."""
    return "/".join(["/connections", *(quote(part, safe="") for part in (connection_id, *parts))])


def _content(answer: requests.Response) -> Any:
    if not answer.content:
        return None
    try:
        return answer.json()
    except ValueError:
        return {"detail": answer.text[:500]}


def _cause(error: requests.RequestException) -> str:
    """The innermost reason; the outer ones repeat the URL and the names of classes."""
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    return str(cause) or type(error).__name__
