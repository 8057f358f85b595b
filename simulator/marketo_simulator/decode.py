"""JSON at the border (seed, settings, faults, clock) into frozen dataclasses, with errors that say what to fix."""

import dataclasses
import functools
import json
import types
from collections.abc import Hashable, Mapping
from datetime import datetime
from difflib import get_close_matches
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

T = TypeVar("T")


class DecodeError(ValueError):
    """A value is not what the place it stands in asks for; the message names the place, the problem and the remedy."""


@functools.cache
def _hints(kind: Hashable) -> dict[str, Any]:
    return get_type_hints(kind)


def decode(kind: type[T], value: object, where: str) -> T:
    """Build a `kind` (dataclass or plain type) from JSON data; `where` is the dotted place for error messages.

    Raises DecodeError.
    """
    return _decode(kind, value, where)  # type: ignore[no-any-return]


def _decode(kind: Any, value: object, where: str) -> Any:
    if kind is object or kind is Any:
        return value
    origin = get_origin(kind)
    if origin is types.UnionType:  # of plain types and None
        is_one = value is None or type(value) in get_args(kind)
        return value if is_one else _decode(get_args(kind)[0], value, where)
    if origin in (tuple, set, frozenset):
        if not isinstance(value, list | tuple):
            raise DecodeError(f"{where}: expected a list, got {_shown(value)}")
        item_kind = get_args(kind)[0]
        return origin(_decode(item_kind, item, f"{where}[{index}]") for index, item in enumerate(value))
    if origin in (dict, Mapping):
        return _decode_mapping(get_args(kind)[1], value, where)
    if dataclasses.is_dataclass(kind):
        return value if type(value) is kind else _decode_dataclass(kind, value, where)
    return _decode_plain(kind, value, where)


def _decode_mapping(kind: Any, value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise DecodeError(f"{where}: expected an object, got {_shown(value)}")
    if kind is object and all(type(key) is str for key in value):
        return value  # nothing in it is decoded, and a copy of a million leads would be as large as they are
    return {str(key): _decode(kind, item, f"{where}.{key}") for key, item in value.items()}


def _decode_plain(kind: type[Any], value: object, where: str) -> Any:
    if kind is float and type(value) is int:
        try:
            return float(value)
        except OverflowError as error:
            raise DecodeError(f"{where}: {_shown(value)} is too large") from error
    if kind is datetime:
        return _decode_time(value, where)
    if type(value) is not kind:
        names = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
        raise DecodeError(f"{where}: expected {names.get(kind, kind.__name__)}, got {_shown(value)}")
    return value


def _decode_time(value: object, where: str) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise DecodeError(f"{where}: expected a time with its zone, such as 2026-01-31T09:00:00Z, got {_shown(value)}")
    return moment


def _decode_dataclass(kind: Any, value: object, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise DecodeError(f"{where}: expected an object, got {_shown(value)}")
    hints = _hints(kind)
    for key in map(str, value):
        if key not in hints:
            near = get_close_matches(key, hints, n=1)
            remedy = f"did you mean '{near[0]}'?" if near else f"known here: {', '.join(hints)}"
            raise DecodeError(f"{where}: unknown key '{key}'; {remedy}")
    for field in dataclasses.fields(kind):
        required = field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        if required and field.name not in value:
            raise DecodeError(f"{where}: '{field.name}' is missing; add it")
    properties = {str(key): _decode(hints[str(key)], item, f"{where}.{key}") for key, item in value.items()}
    try:
        return kind(**properties)
    except ValueError as error:
        raise DecodeError(f"{where}: {error}") from error


def _shown(value: object) -> str:
    if isinstance(value, str):
        return f"'{value}'" if len(value) <= 58 else f"'{value[:56]}..."
    try:
        text = json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError):  # from Python, or too deep
        text = type(value).__name__
    return text if len(text) <= 60 else f"{text[:57]}..."
