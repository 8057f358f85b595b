"""Which rules there are, and which of them nobody breaks: a rule is a place in the code that makes a `Problem`."""

import ast
import sys
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from types import ModuleType

import pytest

from destination.domain.problem import Problem


def untried(
    modules: Sequence[ModuleType],
    elsewhere: Collection[str],
    tried: Callable[[], object],
    monkeypatch: pytest.MonkeyPatch,
) -> list[str]:
    """The rules of these modules that are not broken while `tried` runs.

    `elsewhere`: functions, or classes with a dot and their method, whose rules are broken by other tests.
    """
    made: set[tuple[str | None, int]] = set()

    def problem(path: str, message: str) -> Problem:
        frame = sys._getframe(1)
        made.add((frame.f_globals["__name__"], frame.f_lineno))
        return Problem(path, message)

    for module in modules:
        monkeypatch.setattr(module, "Problem", problem)
    tried()
    return [
        f"{module.__name__}:{first} ({name})"
        for module in modules
        for name, first, last in _places(module)
        if name not in elsewhere and not any((module.__name__, line) in made for line in range(first, last + 1))
    ]


def _places(module: ModuleType) -> Iterator[tuple[str, int, int]]:
    """In which function each rule is, and its first and last line."""
    for name, function in _functions(ast.parse(Path(str(module.__file__)).read_text()).body):
        for node in ast.walk(function):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Problem":
                yield name, node.lineno, node.end_lineno or node.lineno


def _functions(body: Sequence[ast.stmt]) -> Iterator[tuple[str, ast.FunctionDef]]:
    for one in body:
        if isinstance(one, ast.FunctionDef):
            yield one.name, one
        elif isinstance(one, ast.ClassDef):
            yield from ((f"{one.name}.{name}", method) for name, method in _functions(one.body))
