"""Files of the console, put where the interface said: the host does it, so that the page connects to nothing but its
host, and no bucket has to let pages of anybody's machine in.
"""

import json
import re
import threading
from collections import deque
from io import BufferedIOBase
from typing import Final

import requests

from destination_client.console_proxy import NotPassedError, Passed
from destination_client.files import TIMEOUT

MAX_ADDRESSES: Final = 100
"""How many are remembered; each is good for an hour, for one file."""

_REQUEST: Final = re.compile(r"/connections/[^/?]+/files")
_CREATED: Final = 201


class Uploads:
    """What was asked for by this console, and may be put: an address that the interface gave, and no other."""

    def __init__(self, http: requests.Session) -> None:
        self._http = http
        self._given: deque[str] = deque(maxlen=MAX_ADDRESSES)
        self._lock = threading.Lock()

    def note(self, method: str, target: str, passed: Passed) -> None:
        """Remember the address, where a call that was passed on asked for one (`requestUpload`)."""
        if method != "POST" or passed.status != _CREATED or not _REQUEST.fullmatch(target):
            return
        try:
            address = str(json.loads(passed.body)["upload"]["url"])
        except (KeyError, TypeError, ValueError):  # It is another's answer in the stack's place.
            return
        with self._lock:
            self._given.append(address)

    def put(self, address: str, file: BufferedIOBase, size: int) -> int:
        """Put so many bytes of what the browser sends; with which status that was answered. Raises NotPassedError."""
        with self._lock:
            is_given = address in self._given
        if not is_given:
            raise NotPassedError(404, "Not found", "The interface gave no such address.")
        try:
            answer = self._http.put(address, data=_Sent(file, size), timeout=TIMEOUT, allow_redirects=False)
        except requests.RequestException as error:  # The address is a credential, and stands in the error's words.
            raise NotPassedError(502, "The file cannot be put", f"{type(error).__name__}; upload it again.") from None
        return answer.status_code


class _Sent:
    """A file on its way, of which no more is in memory than is passed on just now."""

    def __init__(self, file: BufferedIOBase, size: int) -> None:
        self._file = file
        self._size = size
        self._left = size

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        """Raises ConnectionAbortedError where the browser went away: what is cut must not be taken for the whole."""
        wanted = self._left if size < 0 else min(size, self._left)
        chunk = self._file.read(wanted)
        if len(chunk) < wanted:
            raise ConnectionAbortedError
        self._left -= len(chunk)
        return chunk
