"""Commands of the AWS command line, as documents print them, carried out by a client of the service."""

from collections.abc import Mapping, Sequence
from typing import Any

from botocore import xform_name
from botocore.model import ListShape, Shape, StructureShape


def carried_out(client: Any, command: Sequence[str], variables: Mapping[str, str]) -> dict[str, Any]:
    """What AWS answers a command, in which shell variables and placeholders are replaced by their values.

    `client`: of the command's service.
    """
    program, service, name, *options = command
    assert (program, service) == ("aws", client.meta.service_model.service_name)
    for variable, value in variables.items():
        options = [one.replace(variable, value) for one in options]
    method = name.replace("-", "_")
    shape = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[method]).input_shape
    assert isinstance(shape, StructureShape)
    members = {xform_name(member, "-"): member for member in shape.members}
    given = _given(options)
    arguments = {members[option]: _value(value, shape.members[members[option]]) for option, value in given.items()}
    answer: dict[str, Any] = getattr(client, method)(**arguments)
    return answer


def _given(options: Sequence[str]) -> dict[str, str]:
    """By option, what follows it; an option that stands alone is true."""
    pairs = (part.partition("\0") for part in "\0".join(options).removeprefix("--").split("\0--"))
    return {name: value or "true" for name, _, value in pairs}


def _value(text: str, shape: Shape) -> Any:
    """What an option says, in the shorthand of the command line where it is a structure or a list."""
    if shape.type_name == "boolean":
        return text == "true"
    if isinstance(shape, ListShape):
        return [_value(text, shape.member)]
    if not isinstance(shape, StructureShape):
        return text
    found = (pair.split("=") for pair in text.split(","))
    return {name: {"true": True}.get(value, value) for name, value in found}
