"""Calls of the stack's interface."""

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote, urlencode

import requests
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from urllib3.util.retry import Retry

from destination_client.errors import ApiRefusedError, CommandError
from destination_client.permissions import remedy
from destination_client.signing import Bearer

TIMEOUT: Final = (10.0, 35.0)
"""Seconds to connect, and to wait for an answer: API Gateway gives up after 29."""

ATTEMPTS: Final = 6
MAX_WAIT: Final = 30
"""Seconds between two of them. All have the signature of the first, which is good for five minutes (AWS Identity and
Access Management, "Signature Version 4 request signature elements").
"""
NO_CONTENT: Final = 204
FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
ACCESS_DENIED: Final = "AccessDeniedException"
"""API Gateway's kind of refusal (Amazon API Gateway, "Gateway response types")."""

UNPROCESSABLE: Final = 422
THROTTLED: Final = 429
TRY_AGAIN: Final = frozenset({THROTTLED, 502, 503, 504})
NOT_SENDABLE: Final = (
    "The ingest token, or AWS's credentials, have a line break or a character in them that is not ASCII; set them anew."
)
REPEATABLE: Final = frozenset({"GET", "PUT"})
"""Methods whose calls may be made twice. What a DELETE did is in its answer, which a second one would not have."""


class Again(Retry):
    """Which calls are made again: those of the allowed methods, and any that API Gateway throttled, and so did not pass
    on (Amazon API Gateway, "Throttle requests to your REST APIs").
    """

    def is_retry(self, method: str, status_code: int, has_retry_after: bool = False) -> bool:
        return status_code == THROTTLED or super().is_retry(method, status_code, has_retry_after)


def again(methods: Collection[str]) -> HTTPAdapter:
    """Makes calls of these methods again while the stack is busy or cannot be reached: after as long as it says, else
    after longer from time to time, with chance so that callers do not march.
    """
    return HTTPAdapter(
        max_retries=Again(
            total=ATTEMPTS - 1,
            allowed_methods=methods,
            status_forcelist=TRY_AGAIN,
            backoff_factor=1,
            backoff_jitter=1,
            backoff_max=MAX_WAIT,
            retry_after_max=MAX_WAIT,
            raise_on_status=False,
        )
    )


def session(*, trust_env: bool = True) -> requests.Session:
    """Makes calls again that may be made twice, and no others. `trust_env`: the environment names proxies."""
    made = requests.Session()
    made.trust_env = trust_env
    for scheme in ("https://", "http://"):
        made.mount(scheme, again(REPEATABLE))
    return made


@dataclass(frozen=True, slots=True)
class Api:
    """The interface at a base URL. `auth` signs the calls of the control plane; None: they are open.

    A call that may be repeated without harm is, while the stack says that it is busy or cannot be reached.
    """

    url: str
    auth: AuthBase | None
    http: requests.Session = field(default_factory=session)

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
        return self._answer(method, url, headers, body, self.auth)

    def at_once(self) -> "Api":
        """The same, where somebody waits who would sooner have no answer: no call is made again."""
        impatient = requests.Session()
        impatient.trust_env = self.http.trust_env
        return replace(self, http=impatient)

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
        url = f"{self.url}{at(connection_id)}/events"
        if url not in self.http.adapters:
            self.http.mount(url, again({"POST"}))
        return self._answer("POST", url, headers, body, Bearer(token))

    def _answer(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, auth: AuthBase | None
    ) -> Any:
        try:
            answer = self.http.request(method, url, data=body, headers=headers, auth=auth, timeout=TIMEOUT)
        except requests.RequestException as error:
            raise CommandError("The stack cannot be reached", f"{self.url}: {cause(error)}") from error
        except ValueError:  # of http.client, whose words have the header in them, and so a secret
            raise CommandError("The call cannot be signed", NOT_SENDABLE) from None
        if answer.ok:
            return self._read(answer)
        raise ApiRefusedError(answer.status_code, _json(answer) or {"detail": answer.text[:500]}, self._remedy(answer))

    def _read(self, answer: requests.Response) -> Any:
        """Raises CommandError when another answers in the stack's place: a proxy, a page to sign in."""
        if answer.status_code == NO_CONTENT:
            return None
        content = _json(answer)
        if not isinstance(content, dict):
            kind = answer.headers.get("Content-Type", "nothing")
            raise CommandError("This is no answer of a stack", f"{self.url} answered {kind}; give its output ApiUrl.")
        return content

    def _remedy(self, answer: requests.Response) -> str:
        """Of a call that IAM denies; signatures and tokens that are no good are refused with the same status."""
        kind = answer.headers.get("x-amzn-ErrorType", ACCESS_DENIED)
        if answer.status_code != FORBIDDEN or kind != ACCESS_DENIED or answer.request.url is None:
            return ""
        path = answer.request.url.removeprefix(self.url).partition("?")[0]
        return remedy(str(answer.request.method), path)


def at(connection_id: str, *parts: str) -> str:
    """The path of a connection, or of what it has.

    Raises CommandError for a part that would make it the path of something else (RFC 3986, 5.2.4).
    """
    for part in (connection_id, *parts):
        if part in {"", ".", ".."}:
            raise CommandError(f"'{part}' is nothing that a connection has", "Give a name or an id.")
    return "/".join(["/connections", *(quote(part, safe="") for part in (connection_id, *parts))])


def _json(answer: requests.Response) -> Any:
    """None, if it is none."""
    try:
        return answer.json()
    except ValueError:
        return None


def cause(error: requests.RequestException) -> str:
    """The innermost reason; the outer ones repeat the URL and the names of classes."""
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__ or cause
    return str(cause) or type(error).__name__
