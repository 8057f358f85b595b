"""Who may make a call: the permission that it takes, and the personas that have it (docs/permissions.md)."""

import json
import re
from functools import cache
from importlib.resources import files


def remedy(method: str, path: str) -> str:
    """What whoever was refused a call needs for it; nothing, if the call is none of the interface."""
    for (its_method, pattern), (permissions, personas) in _calls().items():
        if method == its_method and pattern.fullmatch(path):
            which, whose = " or ".join(permissions), ", ".join(personas)
            return f"It takes the permission {which}, which the personas {whose} have."
    return ""


def is_call(method: str, path: str) -> bool:
    """Whether it is one of the control plane's calls."""
    return any(method == its_method and pattern.fullmatch(path) for its_method, pattern in _calls())


@cache
def _calls() -> dict[tuple[str, re.Pattern[str]], tuple[list[str], list[str]]]:
    data = json.loads(files("destination_client").joinpath("permissions.json").read_text())
    found = {}
    for call, needed in data.items():
        method, path = call.split(" ")
        pattern = re.compile(re.sub(r"{\w+}", "[^/]+", path))
        found[method, pattern] = needed["permissions"], needed["personas"]
    return found
