"""Secrets of calls are not shown: client secrets and access tokens, wherever in a call they stand."""

import json
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, urlencode

MASK: Final = "***"
_NAMES: Final = frozenset({"client_secret", "access_token", "authorization", "cookie", "x-mkto-user-token"})
_TOKEN: Final = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?::|%3[aA])[a-z]+")
_PROPERTY: Final = re.compile(r'("(?:client_secret|access_token)"\s*:\s*)("(?:[^"\\]|\\.)*"?|[^",}\s]+)', re.IGNORECASE)
_ASSIGNED: Final = re.compile(r"((?:client_secret|access_token)=)[^&\s\"<]+", re.IGNORECASE)
_PART: Final = re.compile(
    r'(name="?(?:client_secret|access_token)"?[^\r\n]*\r?\n(?:[^\r\n]+\r?\n){0,50}\r?\n).*?(?=\r?\n--|\Z)',
    re.IGNORECASE | re.DOTALL,
)
"""The head of a part has few lines: without that bound a body full of such names would be read over and over."""


def is_secret(name: str) -> bool:
    """Whether a parameter, property or header of this name carries a secret."""
    return name.strip().lower() in _NAMES


def masked_text(text: str) -> str:
    """A path, or any text, without its tokens."""
    return _TOKEN.sub(MASK, text)


def masked_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Headers as they may be shown; of Authorization its scheme stays."""
    return {name: _masked_header(name, value) for name, value in headers.items()}


def _masked_header(name: str, value: str) -> str:
    if not is_secret(name):
        return masked_text(value)
    scheme, space, _ = value.partition(" ")
    return f"{scheme} {MASK}" if space and name.lower() == "authorization" else MASK


def masked_params(params: Mapping[str, list[str]]) -> dict[str, str]:
    """Parameters as they may be shown, repeated ones joined by commas."""
    return {name: MASK if is_secret(name) else masked_text(",".join(values)) for name, values in params.items()}


def masked_body(text: str, content_type: str) -> str:
    """A body as it may be shown. It is written anew only if it has to be read to find its secrets."""
    kind = content_type.lower()
    if "form-urlencoded" in kind:
        pairs = parse_qsl(text, keep_blank_values=True)
        if any(is_secret(name) for name, _ in pairs):
            text = urlencode([(name, MASK if is_secret(name) else value) for name, value in pairs], safe="*")
    elif "\\u" in text and "json" in kind:
        text = _unescaped(text)
    else:
        text = _ASSIGNED.sub(rf"\1{MASK}", text)
    return masked_text(_PART.sub(rf"\1{MASK}", _PROPERTY.sub(rf'\1"{MASK}"', text)))


def _unescaped(text: str) -> str:
    """JSON whose names may be written with escapes, in its plain form."""
    try:
        return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)
    except (ValueError, RecursionError):
        return text
