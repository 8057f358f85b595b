"""HTML whose every text is escaped: markup is made by `tag` alone, and what is no Html is text."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from html import escape
from http import HTTPStatus
from typing import Final

from marketo_simulator.message import Response

STYLE: Final = (
    "body{font:15px/1.5 system-ui,sans-serif;margin:0 auto;max-width:75rem;padding:1rem;color:#222;background:#fff}"
    "nav a{margin-right:1.2rem}h1{font-size:1.4rem}h2{font-size:1.1rem}a{color:#0550ae}"
    "table{border-collapse:collapse;margin:.5rem 0}th,td{text-align:left;vertical-align:top;"
    "padding:.2rem .8rem .2rem 0;border-bottom:1px solid #ddd;overflow-wrap:anywhere}th{font-weight:600}"
    "pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f6f6f6;padding:.6rem}meter{width:12rem}"
)
_STYLE_HASH: Final = b64encode(sha256(STYLE.encode()).digest()).decode()
HEADERS: Final = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""No script runs, nothing is loaded, and no other page can hold this one: what leads are called comes from anybody."""


class Html(str):
    """Markup: text in it is escaped already."""

    __slots__ = ()


def tag(name: str, *inner: object, **attributes: object) -> Html:
    """An element. What is in it is text unless it is Html; a trailing underscore keeps Python's words apart."""
    shown = "".join(f' {key.rstrip("_")}="{escape(str(value))}"' for key, value in attributes.items())
    return Html(f"<{name}{shown}>{together(inner)}</{name}>")


def together(parts: Iterable[object]) -> Html:
    """One after the other."""
    return Html("".join(part if isinstance(part, Html) else escape(str(part)) for part in parts))


def table(head: Iterable[object], rows: Iterable[Iterable[object]]) -> Html:
    """A table with one row of headings."""
    titles = tag("tr", *(tag("th", title, scope="col") for title in head))
    lines = [tag("tr", *(tag("td", cell) for cell in row)) for row in rows]
    return tag("table", tag("thead", titles), tag("tbody", *lines)) if lines else tag("p", "None.")


def pairs(values: Mapping[str, object]) -> Html:
    """A table of names and values."""
    return tag("table", *(tag("tr", tag("th", name, scope="row"), tag("td", value)) for name, value in values.items()))


def document(title: str, *body: object, status: int = HTTPStatus.OK) -> Response:
    """A whole page. Text that no charset can write becomes question marks."""
    head = tag(
        "head", Html('<meta charset="utf-8">'), Html('<meta name="viewport" content="width=device-width">'),
        tag("title", title), tag("style", Html(STYLE)),
    )  # fmt: skip
    text = f'<!doctype html><html lang="en">{head}{tag("body", *body)}</html>'
    return Response(status, text.encode("utf-8", "replace"), "text/html; charset=utf-8", HEADERS)
