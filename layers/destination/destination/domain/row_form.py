"""The form of a sender's rows: where in each the person, the audience, the status and the time are.

A place is a path as the mapping has them, into the row, or, after `$.`, into the body that holds the rows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Self

from destination.domain.audience import DEFAULT_NAMESPACE, MAX_NAMESPACE_LENGTH
from destination.domain.path import Path, PathError, value_below
from destination.domain.problem import Problem

BODY: Final = "$."
"""What a place in the body begins with."""

MAX_WORDS: Final = 20
MAX_WORD_LENGTH: Final = 64

REALIZED: Final = ("realized", "existing", "entered", "enter", "joined", "added", "add", "true", "1")
EXITED: Final = ("exited", "exit", "left", "leave", "removed", "remove", "delete", "deleted", "false", "0")


@dataclass(frozen=True, slots=True)
class RowForm:
    """Where a sender's rows have what, and which words it has for who is in an audience and for who has left it.

    `records`: the list of rows in the body (None: the body is a row, or a list of rows). `value`: what people are found
    by. `audience`, `status`: None: the query parameter of this name, in the address. `time`: of the change (None: when
    it was received). `namespace`: of all audiences.
    """

    records: str | None = None
    value: str | None = None
    audience: str | None = None
    namespace: str = DEFAULT_NAMESPACE
    status: str | None = None
    realized: tuple[str, ...] = REALIZED
    exited: tuple[str, ...] = EXITED
    time: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """A path into a row, or into its body."""

    path: Path
    is_in_body: bool

    @classmethod
    @lru_cache(maxsize=1_024)
    def of(cls, text: str) -> Self:
        """Read what somebody wrote. Raises PathError."""
        path = Path.of(text.removeprefix(BODY))
        if path.namespace is not None:
            raise PathError("must lead to a value; a row has no identityMap that is read as such")
        return cls(path, text.startswith(BODY))

    def values(self, row: object, body: object) -> list[object]:
        """Every value there; null and `{}` are none."""
        at = body if self.is_in_body else row
        return self.path.values(at) if isinstance(at, dict) else []

    def list_in(self, body: Mapping[str, Any]) -> list[object] | None:
        """The list there; None where there is none."""
        found = value_below(body, self.path.names)
        return found if isinstance(found, list) else None


def word(value: object) -> str:
    """A status as a word to compare: without regard to case; `true` is `True`, and `1` is 1.

    What is no value is no word.
    """
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip().lower() if isinstance(value, str | int | float) else ""


@lru_cache(maxsize=256)
def as_words(given: tuple[str, ...]) -> frozenset[str]:
    """Words as they are compared."""
    return frozenset([word(one) for one in given])


def row_form_problems(form: RowForm) -> Iterator[Problem]:
    """What is wrong with a form, by the paths of its properties."""
    for name in ("records", "value", "audience", "status", "time"):
        text = getattr(form, name)
        if text is None:
            continue
        try:
            place = Place.of(text)
        except PathError as error:
            yield Problem(name, str(error))
        else:
            if name == "records" and not place.path.is_plain:
                yield Problem(name, "must be names with dots between them, such as data.users")
    if not 0 < len(form.namespace) <= MAX_NAMESPACE_LENGTH:
        yield Problem("namespace", f"must have 1 to {MAX_NAMESPACE_LENGTH} characters")
    yield from _word_problems(form)


def _word_problems(form: RowForm) -> Iterator[Problem]:
    for name in ("realized", "exited"):
        words = getattr(form, name)
        if not 0 < len(words) <= MAX_WORDS or not all(0 < len(one) <= MAX_WORD_LENGTH for one in words):
            yield Problem(name, f"must be 1 to {MAX_WORDS} words of at most {MAX_WORD_LENGTH} characters")
    both = as_words(form.realized) & as_words(form.exited)
    if both:
        yield Problem("exited", f"must have no word that realized has: {', '.join(sorted(both))}")
