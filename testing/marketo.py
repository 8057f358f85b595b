"""A clock that tests move, and Marketo as a script of answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import requests
from requests.adapters import BaseAdapter

from destination.domain.credentials import ClientCredentials
from destination.domain.pace import NOTHING_KNOWN, PaceState
from destination.marketo.client import Client
from destination.marketo.pace import Pace
from destination.marketo.token import Tokens
from destination.marketo.transport import Watch, unwatched
from testing.memory import MemoryToken

START = datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
URL = "https://123-abc-456.mktorest.example.com"
CREDENTIALS = ClientCredentials("the-client", "the-secret")
CLIENTS = [{"client_id": "the-client", "client_secret": "the-secret"}]
"""For a simulator that is to know them."""


class FakeClock:
    """Time that passes only by sleeping; `frozen` for so many seconds, which the monotonic clock knows nothing of."""

    def __init__(self, monotonic: float = 0.0) -> None:
        self.elapsed = monotonic
        self.frozen = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.elapsed

    def now(self) -> datetime:
        return START + timedelta(seconds=self.elapsed + self.frozen)

    def wall(self) -> float:
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.elapsed += seconds


@dataclass(frozen=True)
class ScriptedAnswer:
    """`content`: the body; anything but bytes is sent as JSON."""

    content: object = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


def ok(*rows: object, **rest: object) -> ScriptedAnswer:
    return ScriptedAnswer({"requestId": "1#1", "success": True, "result": list(rows), **rest})


def refused(code: str | int, message: str = "text of Marketo") -> ScriptedAnswer:
    return ScriptedAnswer({"requestId": "1#1", "success": False, "errors": [{"code": code, "message": message}]})


def token(value: str, expires_in: int = 3600) -> ScriptedAnswer:
    return ScriptedAnswer(
        {"access_token": value, "token_type": "bearer", "expires_in": expires_in, "scope": "api@example.com"}
    )


@dataclass(frozen=True)
class SentRequest:
    """One request as it went out; values of a repeated parameter are joined by commas."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedMarketo(BaseAdapter):
    """Gives each data call the next answer of the script (an exception is raised); so for identity calls.

    Without a script of its own, identity hands out `token-1`, `token-2` and so on.
    """

    def __init__(
        self, *answers: ScriptedAnswer | Exception, identity: list[ScriptedAnswer | Exception] | None = None
    ) -> None:
        super().__init__()
        self.answers = list(answers)
        self.identity = identity
        self.sent: list[SentRequest] = []
        self.identity_sent: list[SentRequest] = []
        self.timeouts: list[Any] = []
        self.identity_timeouts: list[Any] = []

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Any = None,
    ) -> requests.Response:
        del stream, verify, cert, proxies
        parts = urlsplit(str(request.url))
        body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
        query = {name: ",".join(values) for name, values in parse_qs(parts.query).items()}
        sent = SentRequest(str(request.method), parts.path, query, dict(request.headers), body)
        if parts.path == "/identity/oauth/token":
            self.identity_sent.append(sent)
            self.identity_timeouts.append(timeout)
            answer = token(f"token-{len(self.identity_sent)}") if self.identity is None else self.identity.pop(0)
        else:
            self.sent.append(sent)
            self.timeouts.append(timeout)
            answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        response = requests.Response()
        response.status_code = answer.status
        response.headers.update(answer.headers)
        response.url = str(request.url)
        response.request = request
        response.__dict__["_content"] = (
            answer.content if isinstance(answer.content, bytes) else json.dumps(answer.content).encode()
        )
        return response

    def close(self) -> None:
        """Nothing is open."""


def http(adapter: BaseAdapter) -> requests.Session:
    session = requests.Session()
    session.mount("https://", adapter)
    return session


def tokens(
    adapter: BaseAdapter, clock: FakeClock, store: MemoryToken | None = None, watch: Watch = unwatched
) -> Tokens:
    held = store or MemoryToken()
    return Tokens(CREDENTIALS, held, http(adapter), URL, clock=clock.now, sleep=clock.sleep, watch=watch)


def client(adapter: BaseAdapter, clock: FakeClock | None = None, watch: Watch = unwatched) -> Client:
    clock = clock or FakeClock()
    return Client(http(adapter), URL, tokens(adapter, clock, watch=watch), pace(100, 10, clock), watch)


def pace(
    calls_per_20s: int,
    concurrency: int,
    clock: FakeClock,
    *,
    daily_calls: int | None = None,
    updates_per_hour: int | None = None,
    state: PaceState = NOTHING_KNOWN,
    deadline: float = float("inf"),
    end: float = float("inf"),
    until: float = float("inf"),
) -> Pace:
    """By the clock's time; the jitter is always half of what it may be."""
    return Pace(
        calls_per_20s,
        concurrency,
        daily_calls=daily_calls,
        updates_per_hour=updates_per_hour,
        state=state,
        deadline=deadline,
        end=end,
        until=until,
        monotonic=clock.monotonic,
        wall=clock.wall,
        sleep=clock.sleep,
        random=lambda: 0.5,
    )
