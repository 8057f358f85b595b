"""Why something waits for a person's yes is told in words by the commands, whatever holds it."""

from destination.domain.file import MirrorHold
from destination.domain.resync import ResyncHold
from destination_client import files, resyncs


def test_every_hold_has_a_meaning() -> None:
    assert files.HOLDS.keys() == set(MirrorHold)
    assert resyncs.HOLDS.keys() == set(ResyncHold)
