"""The one error of the local stack: what went wrong, where to read more, how to fix it."""

from collections.abc import Sequence
from pathlib import Path

TAIL_LINES = 15


class LocalStackError(Exception):
    """Something that keeps the stack from standing. The last lines of `logs` say more."""

    def __init__(self, message: str, *, hint: str | None = None, logs: Sequence[Path] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.logs = logs

    def __str__(self) -> str:
        lines = [self.message]
        for log in self.logs:
            if log.exists():
                tail = log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
                lines += [f"the last lines of {log}:", *(f"  | {line}" for line in tail)]
        if self.hint:
            lines.append(f"what to do: {self.hint}")
        return "\n".join(lines)
