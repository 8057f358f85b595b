"""HTTP as Marketo needs it: one session per process, no redirects, failures as the project's own errors."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import ConnectTimeoutError, MaxRetryError, NewConnectionError, ReadTimeoutError

from destination.marketo.errors import (
    CONNECTION_FAILED,
    CONNECTION_LOST,
    NOT_JSON,
    TIMED_OUT,
    FailureClass,
    InstanceWaitsError,
    MarketoError,
    classify,
    error_for,
)

CONNECT_TIMEOUT: Final = 5.0
INSTANCES: Final = 8
"""That are delivered to at once, each at an address of its own whose connections are kept open."""

_DECIDED_BY_STATUS: Final = frozenset({401, 413, 414, 429})

_FILES: Final = frozenset({"text/csv", "text/plain", "application/octet-stream"})

Auth = Callable[[requests.PreparedRequest], requests.PreparedRequest]


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `operation`: its name for people. `timeout`: seconds until the answer, once connected.

    `repeatable`: carrying it out twice does the same as once, so it is sent again when the connection was lost.
    `piece`: the first and the last byte of a file that it asks for (RFC 9110, section 14.2), if for one.
    `content_type`: of the body. `takes_file`: the answer is a file (bytes), and JSON only where it is a refusal.
    """

    operation: str
    method: str
    path: str
    timeout: float
    params: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    body: bytes | None = None
    repeatable: bool = True
    content_type: str = "application/json"
    takes_file: bool = False
    piece: tuple[int, int] | None = None

    @property
    def headers(self) -> dict[str, str]:
        """What it says beside its address; `requests` gives a form its type, and `auth` the token."""
        given = {} if self.body is None else {"Content-Type": self.content_type}
        if self.piece is None:
            return given
        # A file that is packed on its way has other bytes than the one that Marketo tells the checksum of.
        return given | {"Range": f"bytes={self.piece[0]}-{self.piece[1]}", "Accept-Encoding": "identity"}


@dataclass(slots=True)
class Call:
    """How one call went: nothing of what it said or was answered.

    `status`: HTTP's, None without an answer. `code`: why it did not do its work. `milliseconds`: None, it was not sent.
    """

    operation: str
    status: int | None = None
    code: str | None = None
    milliseconds: int | None = None


Watch = Callable[[Call], None]
"""Told of every call once it is over; from several threads."""


def unwatched(call: Call) -> None:
    """Nobody is told."""


@contextmanager
def watched(operation: str, watch: Watch) -> Iterator[Call]:
    """One call, from before it is sent until its answer is understood."""
    call = Call(operation)
    try:
        yield call
    except MarketoError as error:
        call.code = error.code
        raise
    finally:
        if call.milliseconds is not None:
            watch(call)


def session(pool_size: int = 10) -> requests.Session:
    """A session that keeps connections open, one per concurrent call of an instance, and repeats nothing by itself."""
    made = requests.Session()
    adapter = HTTPAdapter(pool_connections=INSTANCES, pool_maxsize=pool_size, max_retries=0)
    made.mount("https://", adapter)
    made.mount("http://", adapter)
    return made


def send(
    http: requests.Session, base_url: str, request: Request, call: Call, auth: Auth | None = None
) -> requests.Response:
    """Send one request and return the answer, whatever its status; `call` notes how it went.

    Raises InstanceWaitsError with CONNECTION_FAILED (nothing was sent), CONNECTION_LOST or TIMED_OUT.
    """
    start = time.monotonic()
    try:
        answer = http.request(
            request.method,
            base_url + request.path,
            params=request.params,
            data=request.form if request.body is None else request.body,
            headers=request.headers,
            # A callable: it also keeps `requests` from taking credentials out of a netrc file.
            auth=auth or _anonymous,
            timeout=(CONNECT_TIMEOUT, request.timeout),
            allow_redirects=False,
        )
    except requests.RequestException as error:
        raise InstanceWaitsError(_failure(error), request.operation) from error
    finally:
        call.milliseconds = round((time.monotonic() - start) * 1000)
    call.status = answer.status_code
    return answer


def is_file(answer: requests.Response) -> bool:
    """Whether an answer is a file: it is text or bytes by its type, or empty, and its status says that it is there."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return answer.status_code < 300 and (kind in _FILES or not answer.content)


def decode(answer: requests.Response, operation: str) -> Any:
    """The JSON of an answer.

    Raises the error of the HTTP status where that decides, else InstanceWaitsError NOT_JSON for a body that is not
    JSON: gateways answer HTML, or nothing. What is not JSON says nothing beside its status: a page that is not there is
    a wrong host, and one that is forbidden no access.
    """
    status = answer.status_code
    if status in _DECIDED_BY_STATUS or status >= 500:
        raise error_for(str(status), operation)
    try:
        return json.loads(answer.content)
    except ValueError as error:
        code = NOT_JSON if classify(str(status)) is FailureClass.UNKNOWN else str(status)
        raise error_for(code, operation) from error


def piece_of_file(answer: requests.Response, request: Request) -> bytes | None:
    """The bytes that were asked for, None where the answer is no file: then `decode` tells why.

    From a server that gives the whole file, whatever piece was asked for, it is cut out of it. What begins as an object
    of JSON is no file: it tells a refusal, also with HTTP 200.
    """
    if request.piece is None:
        return None
    first, last = request.piece
    match answer.status_code:
        case HTTPStatus.PARTIAL_CONTENT:
            return answer.content
        case HTTPStatus.OK if not answer.content.startswith(b"{"):
            return answer.content[first : last + 1]
    return None


def _anonymous(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _failure(error: requests.RequestException) -> str:
    cause = error.args[0] if error.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    if isinstance(error, requests.ConnectTimeout) or isinstance(cause, NewConnectionError | ConnectTimeoutError):
        return CONNECTION_FAILED
    if isinstance(error, requests.ReadTimeout) or isinstance(cause, ReadTimeoutError):
        return TIMED_OUT
    return CONNECTION_LOST
