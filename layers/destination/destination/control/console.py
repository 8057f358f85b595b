"""Unpacks the console of the stack into its bucket, and takes it away."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from destination.domain.console import PAGE, ConsoleFile, config, page


class NoTimeError(Exception):
    """The function's time would not be enough for the rest."""


class Build(Protocol):
    def files(self) -> Iterable[ConsoleFile]: ...


class ServedFiles(Protocol):
    def put(self, file: ConsoleFile) -> None: ...

    def delete_page(self) -> int: ...


@dataclass(frozen=True, slots=True)
class UnpackConsole:
    """`has_time`: whether there is some for one step more."""

    build: Build
    served: ServedFiles
    has_time: Callable[[], bool]

    def fill(self, told: Mapping[str, str], connects: Sequence[str]) -> int:
        """Put all files, and say how many. Raises NoTimeError, NoPageError, NotBuiltError, ClientError.

        The page comes last, so that it never names what is not there yet. What a build of before left stays, for those
        who have its page open and come to a part that is not loaded yet.
        """
        files = {file.path: file for file in self.build.files()}
        last = page(files.pop(PAGE), connects)
        everything = [*files.values(), config(told), last]
        for file in everything:
            self._keep_time()
            self.served.put(file)
        return len(everything)

    def empty(self) -> int:
        """Delete whatever is served, and say how much. Raises NoTimeError, NotDeletedError, ClientError."""
        total = 0
        while deleted := self._deleted():
            total += deleted
        return total

    def _deleted(self) -> int:
        self._keep_time()
        return self.served.delete_page()

    def _keep_time(self) -> None:
        if not self.has_time():
            raise NoTimeError("the time of the function is not enough for all files of the console; deploy again")
