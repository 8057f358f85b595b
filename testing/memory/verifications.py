"""The verifications in memory."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from destination.domain.audience import AudienceKey, activation_id
from destination.domain.verification import AudienceCheck, ListSize, Stand, Verification
from destination.store.errors import StaleVersionError


@dataclass
class MemoryVerifications:
    """`left`: by connection and audience, how many people the last verification left out of place, if any; `sizes`: how
    many were on the list then, by the ids of the activations.
    """

    stored: dict[str, Verification] = field(default_factory=dict)
    found: dict[tuple[str, int], AudienceCheck] = field(default_factory=dict)
    leads: dict[tuple[str, int], dict[int, list[int]]] = field(default_factory=dict)
    keyed: dict[tuple[str, int], dict[int, dict[int, bytes]]] = field(default_factory=dict)
    standings: dict[tuple[str, int], dict[int, list[Stand]]] = field(default_factory=dict)
    left: dict[str, dict[AudienceKey, int]] = field(default_factory=dict)
    sizes: dict[str, dict[str, ListSize]] = field(default_factory=dict)

    def create(self, verification: Verification, checks: Sequence[AudienceCheck]) -> None:
        """As one that is seen for the first time."""
        self.stored[verification.id] = verification
        self.found |= {(verification.id, number): one for number, one in enumerate(checks)}

    def get(self, connection_id: str, verification_id: str) -> Verification | None:
        found = self.stored.get(verification_id)
        return found if found and found.connection_id == connection_id else None

    def put(self, verification: Verification) -> Verification:
        self._refuse_stale(verification)
        changed = replace(verification, version=verification.version + 1)
        self.stored[verification.id] = changed
        return changed

    def checks(self, verification: Verification) -> list[AudienceCheck]:
        return [check for (owner, _), check in sorted(self.found.items(), key=_place) if owner == verification.id]

    def put_check(self, verification: Verification, number: int, check: AudienceCheck) -> Verification:
        changed = self.put(verification)
        self.found[verification.id, number] = check
        return changed

    def put_read(
        self,
        verification: Verification,
        number: int,
        part: int,
        lead_ids: Iterable[int],
        digests: Sequence[bytes] = (),
    ) -> None:
        self._refuse_stale(verification)
        self.leads.setdefault((verification.id, number), {})[part] = found = list(lead_ids)
        self.keyed.setdefault((verification.id, number), {})[part] = dict(zip(found, digests, strict=bool(digests)))

    def read(self, verification: Verification, number: int) -> set[int]:
        return {one for part in self.leads.get((verification.id, number), {}).values() for one in part}

    def digests(self, verification: Verification, number: int, wanted: Collection[int]) -> dict[int, bytes]:
        parts = self.keyed.get((verification.id, number), {}).values()
        return {one: digest for part in parts for one, digest in part.items() if one in wanted}

    def put_stands(self, verification: Verification, number: int, part: int, stands: Sequence[Stand]) -> None:
        self._refuse_stale(verification)
        self.standings.setdefault((verification.id, number), {})[part] = list(stands)

    def stands(self, verification: Verification, number: int, parts: int) -> Iterator[Stand]:
        found = self.standings.get((verification.id, number), {})
        return (one for part in range(parts) for one in found[part])

    def forget_stands(self, verification: Verification, number: int, parts: int) -> None:
        for part in range(parts):
            self.standings.get((verification.id, number), {}).pop(part, None)

    def forget_read(self, verification: Verification, number: int) -> None:
        self.leads.pop((verification.id, number), None)
        self.keyed.pop((verification.id, number), None)

    def put_out_of_sync(self, verification: Verification, checks: Sequence[AudienceCheck]) -> None:
        before = self.left.get(verification.connection_id, {})
        unknown = {one.audience for one in checks if one.code is not None}
        kept = {one: count for one, count in before.items() if one in unknown or not verification.is_whole}
        known = kept | {one.audience: one.out_of_sync for one in checks if one.code is None}
        self.left[verification.connection_id] = {one: count for one, count in known.items() if count}

    def list_sizes(self, connection_id: str) -> dict[str, ListSize]:
        return dict(self.sizes.get(connection_id, {}))

    def put_list_sizes(self, verification: Verification, checks: Sequence[AudienceCheck], at: datetime) -> None:
        unknown = {activation_id(one.audience) for one in checks if one.code is not None}
        before = self.list_sizes(verification.connection_id)
        kept = {name: one for name, one in before.items() if name in unknown or not verification.is_whole}
        found = {activation_id(one.audience): ListSize(one.list_id, one.people, at) for one in checks if not one.code}
        self.sizes[verification.connection_id] = kept | found

    def out_of_sync(
        self, connection_id: str, audiences: Callable[[], Collection[AudienceKey]]
    ) -> dict[AudienceKey, int] | None:
        if connection_id not in self.left:
            return None
        now = audiences()
        return {one: count for one, count in self.left[connection_id].items() if one in now}

    def _refuse_stale(self, verification: Verification) -> None:
        found = self.stored.get(verification.id)
        if found is None or found.version != verification.version:
            raise StaleVersionError(f"verification {verification.id} is no longer at version {verification.version}")


def _place(found: tuple[tuple[str, int], AudienceCheck]) -> tuple[str, int]:
    return found[0]
