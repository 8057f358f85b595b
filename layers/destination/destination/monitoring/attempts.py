"""What is done for many connections in turn: one that cannot have it does not keep the others from it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from destination.notify import NotToldError
from destination.store.errors import AWS_ERRORS, StoreError, aws_code

TROUBLE: Final = (*AWS_ERRORS, StoreError, NotToldError)


@dataclass(frozen=True, slots=True)
class Attempts:
    """Lets work go on after trouble of an edge, and keeps the trouble for the end.

    `note` hears of it at once: the connection, or None if it is nobody's own, and the code.
    """

    note: Callable[[str | None, str], None]
    failed: list[Exception] = field(default_factory=list)

    @contextmanager
    def __call__(self, connection_id: str | None = None) -> Iterator[None]:
        """Attempt what is inside; what follows it is done in any case."""
        try:
            yield
        except TROUBLE as trouble:
            self.failed.append(trouble)
            self.note(connection_id, aws_code(trouble))
