"""Who may come in to the console's host: whoever opened the address that the command printed, in that browser alone.

Other people of the machine, and pages of other sites in the operator's browser, reach a port of the loopback too; the
host signs with the operator's credentials, so it answers neither (RFC 6265bis, "SameSite"; W3C Fetch Metadata).
"""

import secrets
import threading
from dataclasses import dataclass, field
from email.message import Message
from http.cookies import CookieError, SimpleCookie
from typing import Final

SAFE: Final = frozenset({"GET", "HEAD"})
OWN: Final = frozenset({"same-origin", "none"})
"""Of `Sec-Fetch-Site`: from the console itself, or by the person, who typed or opened the address."""

_TOKEN_BYTES: Final = 32


@dataclass(slots=True)
class Gate:
    """`origin` is the host's own, with its port. The token is good once; the cookie, until the process ends."""

    origin: str
    _token: str = field(default_factory=lambda: secrets.token_urlsafe(_TOKEN_BYTES), repr=False)
    _is_used: bool = False
    _session: str | None = field(default_factory=lambda: secrets.token_urlsafe(_TOKEN_BYTES), repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def address(self) -> str:
        """What opens the console once."""
        return f"{self.origin}/?token={self._token}"

    def is_foreign(self, method: str, headers: Message) -> bool:
        """Whether a request was made by another site, or for another name of this machine (DNS rebinding)."""
        origin = headers.get("Origin")
        return (
            headers.get("Host") != self.origin.removeprefix("http://")
            or headers.get("Sec-Fetch-Site", "none") not in OWN
            or (origin is not None and origin != self.origin)
            or (origin is None and method not in SAFE)
        )

    def exchange(self, token: str) -> str | None:
        """The header that sets the cookie, for the token; None if it is another, or was used before.

        Used again, it ends the session: the address stands in the browser's command line, which others of the machine
        can read, and whoever was faster may be one of them (RFC 6749, 4.1.2).
        """
        with self._lock:
            if not secrets.compare_digest(token.encode(), self._token.encode()):
                return None
            if self._is_used:
                self.close()
                return None
            self._is_used = True
        return f"{self._cookie}={self._session}; Path=/; HttpOnly; SameSite=Strict"

    def knows(self, headers: Message) -> bool:
        """Whether a request has the cookie."""
        try:
            found = SimpleCookie(headers.get("Cookie", "")).get(self._cookie)
        except CookieError:
            return False
        session = self._session
        return (
            found is not None and session is not None and secrets.compare_digest(found.value.encode(), session.encode())
        )

    def close(self) -> None:
        """Lets nobody in any more."""
        self._session = None

    @property
    def _cookie(self) -> str:
        """Browsers keep cookies by host, whatever the port; another console has another cookie."""
        return f"destination-console-{self.origin.rpartition(':')[2]}"
