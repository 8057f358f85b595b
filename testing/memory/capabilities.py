"""What instances are known to do, in memory."""

from dataclasses import dataclass, field

from destination.domain.capabilities import NOTHING_KNOWN, Capabilities


@dataclass
class MemoryCapabilities:
    stored: dict[str, Capabilities] = field(default_factory=dict)

    def get(self, munchkin_id: str) -> Capabilities:
        return self.stored.get(munchkin_id, NOTHING_KNOWN)

    def put(self, munchkin_id: str, capabilities: Capabilities) -> None:
        self.stored[munchkin_id] = capabilities
