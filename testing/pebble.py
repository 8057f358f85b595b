"""Templates in Pebble, as Adobe renders them, as far as the card's goes.

Jinja2 stands for Pebble: for, if, loop.last and an output with a filter are the same in either. The filter `raw` does
what Destination SDK's documentation says of it: a profile, which is a JsonNode, is printed as it is.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup


def rendered(template: str, profiles: Sequence[Mapping[str, Any]]) -> str:
    """The body of a request with these profiles. Whatever is printed without `raw` is escaped, as in Pebble."""
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    environment.filters["raw"] = _raw
    return environment.from_string(template).render(input={"profiles": profiles})


def _raw(node: object) -> Markup:
    return Markup(json.dumps(node, ensure_ascii=False, separators=(",", ":")))  # noqa: S704 - that is what it is for
