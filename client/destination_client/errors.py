"""What keeps a command from doing what it was asked; every one ends it with exit code 1."""

from collections.abc import Mapping, Sequence
from typing import Any

from destination.domain.problem import Problem


class CommandError(Exception):
    """A title, a sentence that says how to fix it, and what is wrong at which place."""

    def __init__(self, title: str, detail: str = "", problems: Sequence[Problem] = ()) -> None:
        super().__init__(f"{title}: {detail}" if detail else title)
        self.title = title
        self.detail = detail
        self.problems = tuple(problems)


class ApiRefusedError(CommandError):
    """The stack's answer to a call: problem details (RFC 9457), or what API Gateway says before the stack is asked."""

    def __init__(self, status: int, content: object, remedy: str = "") -> None:
        given: Mapping[str, Any] = content if isinstance(content, Mapping) else {}
        title = str(given.get("title") or f"The stack answers {status}")
        detail = str(given.get("detail") or given.get("message") or given.get("Message") or "")
        detail = " ".join(part for part in (detail and f"{detail.rstrip('.')}.", remedy) if part) if remedy else detail
        errors = [one for one in _list(given.get("errors")) if isinstance(one, Mapping)]
        problems = [Problem(str(one.get("path", "")), str(one.get("message", ""))) for one in errors]
        super().__init__(title, detail, problems)
        self.status = status


def _list(value: object) -> list[object]:
    """What answers in the stack's place has forms of its own."""
    return value if isinstance(value, list) else []
