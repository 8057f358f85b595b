"""Checks that the shared libraries of a layer fit the functions: `libraries.py <folder> <machine> <version of Python>`.

Ends with 1 and a line for each library that does not: one of another processor would fail at the first import, when it
is deployed already.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

# Of the header of a 64-bit little-endian ELF file, as the System V ABI has it: magic number, class and byte order, and
# the machine in the two bytes from 18 on.
HEADER = 20
MAGIC = b"\x7fELF\x02\x01"
MACHINES = {"x86_64": 62, "aarch64": 183}


def misfits(folder: Path, machine: str, python: str) -> Iterator[str]:
    """A sentence for each library below `folder` that does not fit `machine` or the version of Python, as in 3.13."""
    for library in sorted(path for path in folder.rglob("*") if _is_library(path.name)):
        with library.open("rb") as file:
            header = file.read(HEADER)
        if len(header) < HEADER or not header.startswith(MAGIC):
            yield f"{library}: no library of 64-bit Linux"
        elif (found := int.from_bytes(header[18:20], "little")) != MACHINES[machine]:
            of = next((name for name, number in MACHINES.items() if number == found), f"machine {found}")
            yield f"{library}: built for {of}, not for {machine}"
        elif ".cpython-" in library.name and f".cpython-{python.replace('.', '')}-" not in library.name:
            yield f"{library}: not for Python {python}"


def _is_library(name: str) -> bool:
    return name.endswith(".so") or ".so." in name


if __name__ == "__main__":
    found = list(misfits(Path(sys.argv[1]), sys.argv[2], sys.argv[3]))
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    sys.exit(1 if found else 0)
