"""Imports of leads in memory, with their rows."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from destination.domain.lead_import import Group, ImportStage, LeadImport, shard_of_imports
from destination.store.leases import Lease, LeaseLostError
from testing.memory.leases import MemoryLeases

KEPT = frozenset({"exceptions", "ids"})
"""What is not among the rows, and stays when they are forgotten."""


@dataclass
class MemoryImports:
    """`texts`: rows, exceptions and ids, by the import's id and their name."""

    leases: MemoryLeases
    stored: dict[tuple[str, str], LeadImport] = field(default_factory=dict)
    newest: dict[tuple[str, Group], str] = field(default_factory=dict)
    texts: dict[tuple[str, str], str] = field(default_factory=dict)

    def get(self, connection_id: str, import_id: str) -> LeadImport | None:
        return self.stored.get((connection_id, import_id))

    def of(self, connection_id: str) -> Iterator[LeadImport]:
        yield from [one for (owner, _), one in self.stored.items() if owner == connection_id]

    def gathering(self, connection_id: str, group: Group) -> LeadImport | None:
        found = self.get(connection_id, self.newest.get((connection_id, group), ""))
        return found if found is not None and found.stage is ImportStage.GATHERING else None

    def create(self, one: LeadImport, lease: Lease) -> LeadImport:
        made = self._write(one, lease, before=None)
        self.newest[one.connection_id, one.group] = one.id
        return made

    def put(self, one: LeadImport, lease: Lease) -> LeadImport:
        return self._write(one, lease, before=one.version)

    def put_part(self, one: LeadImport, part: str, rows: str) -> None:
        self.texts[one.id, part] = rows

    def rows(self, one: LeadImport) -> Sequence[str] | None:
        if any((one.id, part.name) not in self.texts for part in one.parts):
            return None
        return [self.texts[one.id, part.name] for part in one.parts]

    def put_exceptions(self, one: LeadImport, names: Collection[str]) -> None:
        self.texts[one.id, "exceptions"] = "\n".join(sorted(names))

    def exceptions(self, one: LeadImport) -> Collection[str] | None:
        text = self.texts.get((one.id, "exceptions"))
        return None if text is None else set(text.split())

    def put_ids(self, one: LeadImport, ids: Mapping[str, int]) -> None:
        self.texts[one.id, "ids"] = "\n".join(f"{name} {lead_id}" for name, lead_id in ids.items())

    def ids(self, one: LeadImport, names: Collection[str]) -> Mapping[str, int] | None:
        text = self.texts.get((one.id, "ids"))
        entries = (line.split() for line in (text or "").splitlines())
        return None if text is None else {name: int(lead_id) for name, lead_id in entries if name in names}

    def forget_rows(self, one: LeadImport) -> None:
        self.texts = {name: text for name, text in self.texts.items() if name[0] != one.id or name[1] in KEPT}

    def erase(self, connection_id: str) -> bool:
        for owner, import_id in self.stored:
            if owner == connection_id:
                self.texts = {name: text for name, text in self.texts.items() if name[0] != import_id}
        return True

    def _write(self, one: LeadImport, lease: Lease, before: int | None) -> LeadImport:
        entered = self.leases.entered.get((lease.munchkin_id, shard_of_imports(one.connection_id)))
        known = self.get(one.connection_id, one.id)
        if entered != lease.fence or (None if known is None else known.version) != before:
            raise LeaseLostError(f"the lease on {lease.munchkin_id} was lost")
        changed = replace(one, version=one.version + 1)
        self.stored[one.connection_id, one.id] = changed
        return changed
