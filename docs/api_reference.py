"""The reference of the control plane's calls as a page, made from docs/openapi.json."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]

INTRODUCTION = """\
# API

Every call of the control plane and of the webhook, made from the description (OpenAPI 3.1) that stands in
`docs/openapi.json`. A value that may be left out says so; *or null* means that `null` is taken.
"""


def page(description: Schema) -> str:
    """The page, in Markdown: a section for each call, then one for each shape that calls have in common."""
    calls = [
        line
        for path, methods in description["paths"].items()
        for method, call in methods.items()
        for line in _call(method, path, call)
    ]
    shapes = [line for name, schema in description["components"]["schemas"].items() for line in _shape(name, schema)]
    return "\n".join(
        [INTRODUCTION, description["info"]["description"], "", "## Calls", "", *calls, "## Shapes", "", *shapes]
    )


def _call(method: str, path: str, call: Schema) -> Iterator[str]:
    yield f"### {call['summary']}"
    yield f"\n`{method.upper()} {path}`\n"
    if "description" in call:
        yield call["description"] + "\n"
    if parameters := call.get("parameters"):
        yield "| parameter | in | type | meaning |\n|---|---|---|---|"
        for one in parameters:
            optional = "" if one.get("required") else ", optional"
            yield f"| `{one['name']}` | {one['in']} | {_type(one['schema'])}{optional} | {_cell(one)} |"
        yield ""
    for kind, content in call.get("requestBody", {}).get("content", {}).items():
        yield f"Takes `{kind}`: {_type(content.get('schema', {}))}\n"
    yield "| answer | body | meaning |\n|---|---|---|"
    for status, answer in call["responses"].items():
        bodies = ", ".join(_type(one.get("schema", {})) for one in answer.get("content", {}).values())
        yield f"| {status} | {bodies} | {_cell(answer)} |"
    yield ""


def _shape(name: str, schema: Schema) -> Iterator[str]:
    yield f"### {name}\n"
    if "description" in schema:
        yield schema["description"] + "\n"
    if "properties" not in schema:
        yield _type(schema) + "\n"
        return
    required = schema.get("required", ())
    yield "| property | type | meaning |\n|---|---|---|"
    for key, one in schema["properties"].items():
        optional = "" if key in required else ", optional"
        yield f"| `{key}` | {_type(one)}{optional} | {_cell(one)} |"
    yield ""


def _type(schema: Schema) -> str:
    """What a value may be, in a cell of a table."""
    match schema:
        case {"$ref": str(reference)}:
            name = reference.rpartition("/")[2]
            said = f"[{name}](#{name.lower()})"
        case {"anyOf": options} | {"oneOf": options} | {"allOf": options}:
            said = " or ".join(_type(one) for one in options)
        case {"enum": values}:
            said = ", ".join(f"`{one}`" for one in values)
        case {"const": value}:
            said = f"`{value}`"
        case {"type": "array"}:
            said = f"list of {_type(schema.get('items', {}))}"
        case {"type": "object", "additionalProperties": dict(values)}:
            said = f"map to {_type(values)}"
        case {"type": kind}:
            said = f"{kind} ({schema['format']})" if "format" in schema else str(kind)
        case _:
            said = "any"
    return said


def _cell(one: Schema) -> str:
    """The description of something, on one line."""
    return re.sub(r"\s+", " ", one.get("description", "")).replace("|", "\\|")
