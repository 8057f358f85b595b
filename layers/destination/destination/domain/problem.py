"""What is wrong with something that was given, and how to fix it."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a property, of a body or of a record of one, and how to fix it.

    The path is dotted, with list positions: `mapping[2].target`; empty, it is the whole.
    """

    path: str
    message: str


class RefusedError(Exception):
    """What was asked for is not done; `problems` say which properties have to be corrected, if any."""

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class ConfigurationError(RefusedError):
    """The configuration breaks a rule; `problems` say which properties, and how to fix them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(f"{problem.path}: {problem.message}" for problem in problems), problems)


def refuse(problems: Sequence[Problem]) -> None:
    """Raises ConfigurationError if there are any."""
    if problems:
        raise ConfigurationError(problems)
