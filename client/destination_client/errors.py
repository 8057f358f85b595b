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

    def __init__(self, status: int, content: object) -> None:
        given: Mapping[str, Any] = content if isinstance(content, Mapping) else {}
        title = str(given.get("title") or f"The stack answers {status}")
        detail = str(given.get("detail") or given.get("message") or given.get("Message") or "")
        errors = given.get("errors") or ()
        super().__init__(title, detail, [Problem(str(one["path"]), str(one["message"])) for one in errors])
        self.status = status
