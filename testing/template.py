"""The template as CloudFormation sees it: SAM's resources expanded, conditions settled.

`python -m testing.template` lints it, and the source, in which cfn-lint does not see the resources that SAM makes.
"""

import json
import logging
import os
import sys
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

from cfnlint import lint
from cfnlint.config import ManualArgs
from samcli.yamlhelper import yaml_parse
from samtranslator.translator.transform import transform

ROOT = Path(__file__).resolve().parents[1]
REGION = "eu-central-1"

Template = dict[str, Any]


class _NoManagedPolicies:
    """The template names no managed policy to SAM, so none has to be looked up."""

    def load(self) -> dict[str, str]:
        return {}


def source() -> Template:
    """template.yaml as it is written."""
    return deepcopy(_written())


def expand() -> Template:
    """template.yaml after the transform of SAM, with its conditions still in it."""
    return deepcopy(_expanded())


@cache
def _written() -> Template:
    written: Template = yaml_parse((ROOT / "template.yaml").read_text())
    return written


@cache
def _expanded() -> Template:
    template = source()
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"  # as sam package leaves it
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"]["ContentUri"] = "s3://bucket/key"
    with mock.patch.dict(os.environ, {"AWS_DEFAULT_REGION": REGION}):
        expanded: Template = transform(template, {}, _NoManagedPolicies())
    return expanded


def findings(expanded: Template) -> list[str]:
    """What cfn-lint says of the template as it is written, and of the expanded one."""
    texts = ((ROOT / "template.yaml").read_text(), json.dumps(expanded, indent=1))
    return [str(match) for text in texts for match in lint(text, config=ManualArgs(regions=[REGION]))]


def settle(expanded: Template, **parameters: str) -> Template:
    """The expanded template as it is deployed with these parameters, the others at their defaults.

    Conditions are decided: resources, properties and outputs that do not exist then are left out.
    """
    values = {name: str(parameter["Default"]) for name, parameter in expanded["Parameters"].items()} | parameters
    conditions = expanded["Conditions"]
    truths = {name: _is_true(condition, values, conditions) for name, condition in conditions.items()}
    settled: Template = _choose(expanded, truths)
    for section in ("Resources", "Outputs"):
        settled[section] = {
            name: one for name, one in settled[section].items() if truths.get(one.get("Condition"), True)
        }
    return settled


def of_type(template: Template, resource_type: str) -> dict[str, dict[str, Any]]:
    """The properties of all resources of a type, by logical id."""
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == resource_type
    }


def tables(expanded: Template) -> dict[str, dict[str, Any]]:
    """For each table, by logical id, the arguments of DynamoDB's CreateTable, named by the logical id."""
    taken = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
    return {
        name: {"TableName": name} | {key: properties[key] for key in taken if key in properties}
        for name, properties in of_type(expanded, "AWS::DynamoDB::Table").items()
    }


def _is_true(condition: Mapping[str, Any], values: Mapping[str, str], conditions: Mapping[str, Any]) -> bool:
    ((function, operands),) = condition.items()
    match function:
        case "Condition":
            return _is_true(conditions[operands], values, conditions)
        case "Fn::Not" | "Fn::And" | "Fn::Or":
            truths = [_is_true(operand, values, conditions) for operand in operands]
            return not truths[0] if function == "Fn::Not" else (all if function == "Fn::And" else any)(truths)
    left, right = (values[side["Ref"]] if isinstance(side, dict) else str(side) for side in operands)
    return left == right


_NOTHING = {"Ref": "AWS::NoValue"}


def _choose(node: Any, truths: Mapping[str, bool]) -> Any:
    if isinstance(node, dict):
        if set(node) == {"Fn::If"}:
            condition, then, otherwise = node["Fn::If"]
            return _choose(then if truths[condition] else otherwise, truths)
        chosen = {key: _choose(value, truths) for key, value in node.items()}
        return {key: value for key, value in chosen.items() if value != _NOTHING}
    if isinstance(node, list):
        return [value for value in (_choose(item, truths) for item in node) if value != _NOTHING]
    return node


if __name__ == "__main__":
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of switches of its own
    found = findings(expand())
    print(*found, sep="\n", file=sys.stderr, end="\n" if found else "")
    sys.exit(1 if found else 0)
