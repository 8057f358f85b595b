"""The files of the console in the stack: how each is served, and what the page is told of its stack."""

import html
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

PAGE: Final = "index.html"
CONFIG: Final = "config.json"
_HEAD: Final = "<head>"

_HASHED: Final = "assets/"
"""The folder of files whose names change with what is in them (console/vite.config.ts)."""

_TYPES: Final[Mapping[str, str]] = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "ico": "image/vnd.microsoft.icon",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "png": "image/png",
    "svg": "image/svg+xml",
    "txt": "text/plain; charset=utf-8",
    "woff2": "font/woff2",
}
"""By suffix. A browser does not guess: its answers say `nosniff`."""


class NoPageError(Exception):
    """The page is none that can be told of its stack."""


@dataclass(frozen=True, slots=True)
class ConsoleFile:
    """`path`: below the root of the console, with slashes."""

    path: str
    content: bytes

    @property
    def content_type(self) -> str:
        return _TYPES.get(self.path.rpartition(".")[2], "application/octet-stream")

    @property
    def cache_control(self) -> str:
        """What has a hash in its name is kept; all else is asked for each time, and sent if it is another."""
        return "public, max-age=31536000, immutable" if self.path.startswith(_HASHED) else "no-cache"


def page(built: ConsoleFile, connects: Sequence[str]) -> ConsoleFile:
    """The page as the stack serves it: addresses begin at the root, and it connects to these origins and its own alone.

    A second policy of the page narrows that of CloudFront's header, which cannot name the API (Content Security Policy
    Level 3, "The effect of multiple policies"). Both elements stand before all others, as neither holds for what is
    above it. Raises NoPageError.
    """
    text = built.content.decode()
    if text.count(_HEAD) != 1:
        raise NoPageError(f"{built.path} has no <head>, or several; build the console again")
    policy = html.escape(" ".join(["connect-src 'self'", *connects]))
    told = f'{_HEAD}<meta http-equiv="Content-Security-Policy" content="{policy}"><base href="/">'
    return ConsoleFile(built.path, text.replace(_HEAD, told).encode())


def config(told: Mapping[str, str]) -> ConsoleFile:
    """What the console reads at its start (console/src/session/config.ts)."""
    return ConsoleFile(CONFIG, json.dumps(told, indent=2).encode())
