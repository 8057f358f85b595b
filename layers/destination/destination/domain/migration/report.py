"""What became of each part of a legacy dataflow's export."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from destination.domain.migration.export import Node


class MigrationResult(StrEnum):
    """What became of a part of the export."""

    CARRIED_OVER = "carried_over"
    CHANGED = "changed"
    NEEDS_PERSON = "needs_person"
    CANNOT_CARRY = "cannot_carry"


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one part: its path in the export, or the connection's property that the export lacks."""

    item: str
    result: MigrationResult
    detail: str
    remedy: str | None = None


OF_DRAFT: Final = frozenset(
    {"name", "munchkin_id", "workspace", "person_action", "credentials", "labels", "source", "propagate_renames"}
    | {"unmapping", "ecid_field"}
)
"""Items that are no parts of an export, but properties or ways of the connection that it becomes."""


@dataclass(slots=True)
class MigrationReport:
    findings: list[Finding] = field(default_factory=list)

    def carried(self, item: str, detail: str) -> None:
        self.findings.append(Finding(item, MigrationResult.CARRIED_OVER, detail))

    def changed(self, item: str, detail: str, remedy: str | None = None) -> None:
        self.findings.append(Finding(item, MigrationResult.CHANGED, detail, remedy))

    def needs_person(self, item: str, detail: str, remedy: str) -> None:
        self.findings.append(Finding(item, MigrationResult.NEEDS_PERSON, detail, remedy))

    def cannot_carry(self, item: str, detail: str, remedy: str) -> None:
        self.findings.append(Finding(item, MigrationResult.CANNOT_CARRY, detail, remedy))

    def without_draft(self) -> Iterator[Finding]:
        """The findings where no draft is made: nothing is carried over, and nothing of a draft is to be completed."""
        for one in self.findings:
            if one.item in OF_DRAFT:
                continue
            if one.result is MigrationResult.CANNOT_CARRY:
                yield one
            else:
                detail = f"{one.detail}; there is no draft to carry it over to"
                yield Finding(one.item, MigrationResult.CANNOT_CARRY, detail, "see connection")

    def unread(self, export: Node) -> None:
        """One line for each name that nobody read, however many selectors have it; its values may be secret."""
        for path in dict.fromkeys(re.sub(r"\[\d+\]", "[]", node.path) for node in export.unread()):
            self.needs_person(path, "is not known here and was not read", "see whether the destination needs it")
