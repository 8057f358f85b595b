"""What became of each part of a legacy dataflow's export."""

import re
from dataclasses import dataclass, field
from enum import StrEnum

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

    def unread(self, export: Node) -> None:
        """One line for each name that nobody read, however many selectors have it; its values may be secret."""
        for path in dict.fromkeys(re.sub(r"\[\d+\]", "[]", node.path) for node in export.unread()):
            self.needs_person(path, "is not known here and was not read", "see whether the destination needs it")
