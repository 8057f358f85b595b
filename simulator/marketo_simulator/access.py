"""Who may use the control interface of a simulator on a port."""

import hmac
import ipaddress
import re
from base64 import b64decode
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from marketo_simulator.message import Request, Response, json_response

_CONTROL_PATH: Final = re.compile(r"(?:/\d{3}-\w{3}-\d{3})?/_simulator(?:/(.*))?", re.DOTALL | re.ASCII)
_HEALTH: Final = "health"
_LOCALHOST: Final = "localhost"


@dataclass(frozen=True, slots=True)
class ControlAccess:
    """The control interface shows and changes everything, so it is for this machine alone unless it was said otherwise.

    With `token` whoever gives it may use it, from anywhere, and nobody else: as a Bearer token, or as the password of
    Basic (any user name), which browsers ask for. `is_open`: everybody may. Health is for everybody.

    From this machine it is called by an address, as localhost, or by one of `names`. Any other name may be one that a
    page in a browser has let point here, so that it passes for the simulator's own (DNS rebinding).
    """

    token: str = ""
    is_open: bool = False
    names: frozenset[str] = frozenset()

    def refusal(self, request: Request, peer: str) -> Response | None:
        """The answer to a control call that is not allowed; None for every other. `peer` is the caller's IP address."""
        control = _CONTROL_PATH.fullmatch(request.path)
        if control is None or (control[1] or "").strip("/") == _HEALTH:
            return None
        if self.token:
            return None if self._is_proven(request) else _UNPROVEN
        if self.is_open:
            return None
        if not _is_loopback(peer):
            return _FOREIGN
        return None if self._is_rightly_named(request) else _MISNAMED

    def _is_rightly_named(self, request: Request) -> bool:
        try:
            name = urlsplit(f"//{request.header('Host')}").hostname or _LOCALHOST
        except ValueError:
            return False
        own = {each.lower() for each in self.names}
        return name in own or name == _LOCALHOST or name.endswith(f".{_LOCALHOST}") or _is_address(name)

    def _is_proven(self, request: Request) -> bool:
        scheme, _, given = request.header("Authorization").partition(" ")
        if scheme.lower() == "basic":
            try:
                given = b64decode(given, validate=True).decode("utf-8", "replace").partition(":")[2]
            except ValueError:  # what is no base64, and what is no ASCII
                return False
        return hmac.compare_digest(given.strip().encode(), self.token.encode())


_UNPROVEN: Final = replace(
    json_response(
        {"error": "control calls need the control token: Authorization: Bearer TOKEN"}, HTTPStatus.UNAUTHORIZED
    ),
    headers={"WWW-Authenticate": 'Basic realm="Marketo simulator, control token as password"'},
)
_FOREIGN: Final = json_response(
    {
        "error": "control calls are taken from the simulator's own machine alone; "
        "start it with --control-token TOKEN, or with --open-control to let everybody in"
    },
    HTTPStatus.FORBIDDEN,
)
_MISNAMED: Final = json_response(
    {
        "error": "control calls are taken at an address such as 127.0.0.1, at localhost, and at the names that --host "
        "and --tls-name give; use one of them, or start it with --control-token TOKEN"
    },
    HTTPStatus.FORBIDDEN,
)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _is_loopback(peer: str) -> bool:
    address = ipaddress.ip_address(peer.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
