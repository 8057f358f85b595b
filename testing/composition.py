"""The functions' use cases, put together with an environment of our own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import pytest

from destination.composition import connections, files, ingest, monitor, sync

_OF_FUNCTIONS: Final = (connections, files, ingest, monitor, sync)
"""Clients and the session with Marketo, which know nothing of the environment, stay."""


@contextmanager
def composed(environment: Mapping[str, str]) -> Iterator[None]:
    """What is put together while the block runs has these variables, as in a new process."""
    with pytest.MonkeyPatch.context() as variables:
        for name, value in environment.items():
            variables.setenv(name, value)
        forget()
        yield
    forget()


def forget() -> None:
    """Have everything put together again."""
    for module in _OF_FUNCTIONS:
        for made in vars(module).values():
            if hasattr(made, "cache_clear"):
                made.cache_clear()
