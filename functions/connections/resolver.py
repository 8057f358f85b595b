"""How requests find their calls, and what a path takes when a request finds none."""

import re
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver

from destination.api.http import decoded

_PARAMETER = re.compile(r"<\w+>")


class Resolver(APIGatewayRestResolver):
    """The resolver, which also keeps the methods of every path."""

    def __init__(self) -> None:
        super().__init__(
            enable_validation=True, response_validation_error_http_code=500, json_body_deserializer=decoded
        )
        self.methods_by_rule: dict[str, set[str]] = {}

    def route(
        self, rule: str, method: str | list[str] | tuple[str], *given: Any, **options: Any
    ) -> Callable[[Any], Any]:
        """Every call comes through here, those of routers too."""
        self.methods_by_rule.setdefault(rule, set()).update([method] if isinstance(method, str) else method)
        return super().route(rule, method, *given, **options)

    def methods_of(self, path: str) -> set[str]:
        """What may be asked of a path; nothing is there if it takes no method."""
        asked = path.rstrip("/")
        found = (methods for rule, methods in self.methods_by_rule.items() if _pattern(rule).fullmatch(asked))
        return set().union(*found)


def _pattern(rule: str) -> re.Pattern[str]:
    """Of the paths of a rule: a parameter is one segment (RFC 3986)."""
    return re.compile("[^/]+".join(re.escape(part) for part in _PARAMETER.split(rule)))
