"""HTTP as Marketo needs it: one session per process, no redirects, failures as the project's own errors."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
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

Auth = Callable[[requests.PreparedRequest], requests.PreparedRequest]


@dataclass(frozen=True, slots=True)
class Request:
    """One call. `operation`: its name for people. `timeout`: seconds until the answer, once connected.

    `repeatable`: carrying it out twice does the same as once, so it is sent again when the connection was lost.
    """

    operation: str
    method: str
    path: str
    timeout: float
    params: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, str] | None = None
    body: bytes | None = None
    repeatable: bool = True


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
            headers=None if request.body is None else {"Content-Type": "application/json"},
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
