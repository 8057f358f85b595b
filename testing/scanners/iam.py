"""Statements of policies against AWS's list of actions and of the resources that each takes.

As a script it reads a list of statements, `{"of", "actions", "resources"}`, from its standard input and prints a line
for each that is wrong; it needs policy_sentry, which has the list. What the list has is IAM's "Service Authorization
Reference".
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

Formats = Callable[[str], Sequence[str]]
"""By action, the forms of the resources that it takes, `*` where it takes any; none: there is no such action."""


def wrong(statements: Sequence[Mapping[str, Any]], formats: Formats) -> Iterator[str]:
    """A sentence for each action that there is not, and for each that does not go with a resource of its statement."""
    for statement in statements:
        for action in statement["actions"]:
            known = formats(action)
            if not known:
                yield f"{statement['of']}: there is no action {action}"
            for resource in statement["resources"] if known else ():
                if resource == "*" and any(one != "*" for one in known):
                    yield f"{statement['of']}: {action} can be allowed on resources, and is on *"
                elif resource != "*" and not any(_fits(resource, one) for one in known):
                    yield f"{statement['of']}: {action} does not go with {resource}"


def _fits(resource: str, form: str) -> bool:
    """Whether an ARN, that may have * in it, is of a form as `arn:${Partition}:sqs:${Region}:${Account}:${Name}`."""
    parts = (re.escape(part) for part in re.split(r"\$\{\w+}", form))
    pattern = re.compile("[^:]+".join(parts))
    return form != "*" and any(pattern.fullmatch(resource.replace("*", one)) for one in ("x", "log-stream:x"))


def _of_policy_sentry(action: str) -> list[str]:
    from policy_sentry.querying.actions import get_action_data  # noqa: PLC0415 - of another environment

    service, _, name = action.partition(":")
    found = get_action_data(service, name)
    return [one["resource_arn_format"] for one in found[service]] if found else []


if __name__ == "__main__":
    mistakes = list(wrong(json.load(sys.stdin), _of_policy_sentry))
    print(*mistakes, sep="\n", end="\n" if mistakes else "")
