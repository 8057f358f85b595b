"""Checks that the shared libraries of a layer fit the functions: `libraries.py <folder> <Python> <machine> …`.

Ends with 1 and a line for each library that does not: one of another processor, or one that a processor has not, would
fail at the first import, when it is deployed already.
"""

import sys
from collections.abc import Collection, Iterator
from pathlib import Path

# Of the header of a 64-bit little-endian ELF file, as the System V ABI has it: magic number, class and byte order, and
# the machine in the two bytes from 18 on.
HEADER = 20
MAGIC = b"\x7fELF\x02\x01"
MACHINES = {"x86_64": 62, "aarch64": 183}


def misfits(folder: Path, python: str, machines: Collection[str]) -> Iterator[str]:
    """A sentence for each library below `folder` that does not fit one of the machines or the version of Python (3.13),
    or that another of the machines has not: two of one name would have taken each other's place.
    """
    for library in sorted(path for path in folder.rglob("*") if _is_library(path.name)):
        with library.open("rb") as file:
            header = file.read(HEADER)
        machine = _machine_of(header)
        if machine is None:
            yield f"{library}: no library of 64-bit Linux"
        elif machine not in machines:
            yield f"{library}: built for {machine}, not for {' or '.join(machines)}"
        elif ".cpython-" in library.name and f".cpython-{python.replace('.', '')}-" not in library.name:
            yield f"{library}: not for Python {python}"
        else:
            yield from (
                f"{library}: {other} has none beside it"
                for other in machines
                if other != machine and not _of_other(library, machine, other)
            )


def _machine_of(header: bytes) -> str | None:
    if len(header) < HEADER or not header.startswith(MAGIC):
        return None
    number = int.from_bytes(header[18:20], "little")
    return next((name for name, one in MACHINES.items() if one == number), f"machine {number}")


def _of_other(library: Path, machine: str, other: str) -> bool:
    """Whether the same library is there for another machine, under the name that Python gives it there."""
    return machine in library.name and library.with_name(library.name.replace(machine, other)).exists()


def _is_library(name: str) -> bool:
    return name.endswith(".so") or ".so." in name


if __name__ == "__main__":
    found = list(misfits(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]))
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    sys.exit(1 if found else 0)
