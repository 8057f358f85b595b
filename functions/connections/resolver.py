"""How requests find their calls, and what a path takes when a request finds none."""

import inspect
import re
from collections.abc import Callable
from typing import Any, get_args

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.event_handler.openapi.params import Body, Query
from pydantic import BaseModel

from destination.api.http import decoded
from destination.domain.problem import ConfigurationError, Problem
from functions.connections.parameters import reads_any_body

_PARAMETER = re.compile(r"<\w+>")


class Resolver(APIGatewayRestResolver):
    """The resolver, which also keeps the methods of every path, and refuses parameters that a call does not have, and
    bodies where it has none.
    """

    def __init__(self) -> None:
        super().__init__(
            enable_validation=True, response_validation_error_http_code=500, json_body_deserializer=decoded
        )
        self.methods_by_rule: dict[str, set[str]] = {}
        self.parameters: dict[tuple[str, str], set[str]] = {}
        """Those of the query, by rule and method."""
        self.with_body: set[tuple[str, str]] = set()
        self.use([self._known_parameters])

    def route(
        self, rule: str, method: str | list[str] | tuple[str], *given: Any, **options: Any
    ) -> Callable[[Any], Any]:
        """Every call comes through here, those of routers too."""
        methods = [method] if isinstance(method, str) else method
        self.methods_by_rule.setdefault(rule, set()).update(methods)
        register = super().route(rule, method, *given, **options)

        def registered(call: Callable[..., Any]) -> Any:
            self.parameters |= {(rule, one): _query_of(call) for one in methods}
            self.with_body |= {(rule, one) for one in methods if _takes_body(call)}
            return register(call)

        return registered

    def methods_of(self, path: str) -> set[str]:
        """What may be asked of a path; nothing is there if it takes no method."""
        asked = path.rstrip("/")
        found = (methods for rule, methods in self.methods_by_rule.items() if _pattern(rule).fullmatch(asked))
        return set().union(*found)

    def _known_parameters(self, app: APIGatewayRestResolver, next_middleware: NextMiddleware) -> Response[Any]:
        """A parameter that is misspelled would be taken for one that was left out, and all be meant."""
        event = app.current_event
        asked = event.path.rstrip("/")
        called = (
            (rule, method)
            for rule, method in self.parameters
            if method == event.http_method and _pattern(rule).fullmatch(asked)
        )
        call = next(called, None)
        if call is None:  # There is no such call.
            return next_middleware(app)
        known = self.parameters[call]
        if unknown := sorted(set(event.multi_value_query_string_parameters or {}) - known):
            there_are = f"there are: {', '.join(sorted(known))}" if known else "there are none"
            raise ConfigurationError([Problem(one, f"is no parameter of this call; {there_are}") for one in unknown])
        if call not in self.with_body:
            _refuse_body(event.decoded_body)
        return next_middleware(app)


def _refuse_body(body: str | None) -> None:
    """What is said in the body of a call that reads none would be lost."""
    try:
        said = decoded(body or "null")
    except ValueError:
        said = [body]
    if said:
        names = list(said) if isinstance(said, dict) else [""]
        raise ConfigurationError([Problem(name, "this call takes no body; leave it out") for name in names])


def _takes_body(call: Callable[..., Any]) -> bool:
    if call in reads_any_body:
        return True
    annotations = [one.annotation for one in inspect.signature(call, eval_str=True).parameters.values()]
    return any(
        (isinstance(one, type) and issubclass(one, BaseModel)) or any(isinstance(arg, Body) for arg in get_args(one))
        for one in annotations
    )


def _query_of(call: Callable[..., Any]) -> set[str]:
    """The names of the parameters that a call reads of the query."""
    names = set()
    for name, parameter in inspect.signature(call, eval_str=True).parameters.items():
        for one in get_args(parameter.annotation):
            if isinstance(one, Query):
                names.add(one.alias or name)
    return names


def _pattern(rule: str) -> re.Pattern[str]:
    """Of the paths of a rule: a parameter is one segment (RFC 3986)."""
    return re.compile("[^/]+".join(re.escape(part) for part in _PARAMETER.split(rule)))
