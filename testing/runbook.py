"""docs/operations.md as an operator reads it: which section is about what is told, and the commands that it prints."""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from testing.template import ROOT

_SHIM = f'#!/bin/sh\nexec "{sys.executable}" -m destination_client "$@"\n'
_SECONDS = 60

_ROW = re.compile(r'^\| <a id="([\w-]+)"></a>`\1` \| (.*?) \| (.*?) \| (.*?) \|$', re.MULTILINE)
_BLOCK = re.compile(r"^<!-- incident: ([\w-]+) -->\n```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SECTION = re.compile(r"\(#([\w-]+)\)")


@cache
def text() -> str:
    return (ROOT / "docs/operations.md").read_text()


def remedies() -> dict[str, tuple[str, str, str]]:
    """The table of remedies: by its marker for which codes one is, what is said, and how it is done."""
    return {marker: (codes, said, how) for marker, codes, said, how in _ROW.findall(text())}


def incidents() -> dict[str, str]:
    """By name the commands that end an incident, as a shell takes them. Variables stand for what differs."""
    return dict(_BLOCK.findall(text()))


def sections() -> dict[str, str]:
    """The sections, by anchor, each up to the next heading."""
    found = re.split(r"^#{2,3} (.+)$", text(), flags=re.MULTILINE)
    return {anchor(heading): content for heading, content in zip(found[1::2], found[2::2], strict=True)}


def anchor(heading: str) -> str:
    """As GitHub makes it of a heading without punctuation."""
    return heading.lower().replace(" ", "-")


def section_about(shown: str) -> str:
    """The section that is about what a command shows: it is linked beside the first sentence that stands there."""
    places = ((shown.find(said), how) for _, said, how in remedies().values())
    _, how = min((place, how) for place, how in places if place >= 0)
    found = _SECTION.search(how)
    assert found is not None, how
    return sections()[found[1]]


@dataclass(frozen=True, slots=True)
class Terminal:
    """A shell in a folder, with the command `destination`. What is in `.local` of the folder is the stack it means."""

    folder: Path

    def run(self, commands: str, known: Mapping[str, str]) -> str:
        """What commands print, of which none may fail. `known`: what the variables of the document stand for."""
        shim = self.folder / "destination"
        shim.write_text(_SHIM)
        shim.chmod(0o755)
        environment = {
            **os.environ,
            "PATH": f"{self.folder}:{os.environ['PATH']}",
            "PYTHONPATH": f"{ROOT / 'client'}:{ROOT / 'layers/destination'}",
            **known,
        }
        done = subprocess.run(  # noqa: S603 - what our own document prints
            ["/bin/sh", "-eu", "-c", commands],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def ends(self, incident: str, seen: str, known: Mapping[str, str]) -> str:
        """Do what the section about what was seen prints for an incident, and see what that prints."""
        commands = incidents()[incident]
        assert commands in section_about(seen)
        return self.run(commands, known)
