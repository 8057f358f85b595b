"""The template languages of senders, as far as the recipes go (docs/recipes.md).

What a language gets from its sender beside its own is stood in for, as the sender documents it: the filters of Liquid
at Census and Customer.io, the helper `escapeJson` of Tealium, the library `lytemplates.libsonnet` of Lytics.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

import chevron
import rjsonnet
from jsonata import Jsonata
from liquid import Environment, StrictUndefined

Data = Mapping[str, Any]

_LYTEMPLATES: Final = """
local payload = std.extVar('payload');
local last = payload.segment_events[0];
{
  get(name, default=null):: std.get(payload, name, default),
  has(name):: std.objectHas(payload, name),
  segSlug():: last.slug,
  isEnter():: last.event == 'enter',
}
"""


def rendered(language: str, template: str, data: Data) -> str:
    """The body that a sender posts of its data."""
    return _RENDERERS[language](template, data)


def _liquid(template: str, data: Data) -> str:
    environment = Environment(undefined=StrictUndefined)
    environment.filters |= {"json": json.dumps, "to_json": json.dumps}
    return environment.from_string(template).render(**data)


def _jsonata(template: str, data: Data) -> str:
    return json.dumps(Jsonata(template).evaluate(data))


def _mustache(template: str, data: Data) -> str:
    def escaped(text: str, render: Callable[[str], str]) -> str:
        return json.dumps(render(text))[1:-1]

    rendered: str = chevron.render(template, {**data, "escapeJson": escaped})
    return rendered


def _jsonnet(template: str, data: Data) -> str:
    def library(_: str, name: str) -> tuple[str, str]:
        return name, {"lytemplates.libsonnet": _LYTEMPLATES}[name]

    text: str = rjsonnet.evaluate_snippet(
        "template", template, import_callback=library, ext_codes={"payload": json.dumps(data)}
    )
    return text


_RENDERERS: Final[Mapping[str, Callable[[str, Data], str]]] = {
    "liquid": _liquid,
    "jsonata": _jsonata,
    "mustache": _mustache,
    "jsonnet": _jsonnet,
}
