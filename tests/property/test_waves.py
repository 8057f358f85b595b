"""What is delivered together is what there is memory for, and everything is delivered."""

from hypothesis import given
from hypothesis import strategies as st

from destination.delivery.carrier import MAX_WAVE_BYTES, Carrier, waves
from destination.domain.connection import ActiveConnection
from destination.domain.parking import Bundle, WaitsFor
from destination.queue import MAX_MESSAGE_BYTES, Message
from testing.event_source import MAX_PAYLOAD_BYTES
from testing.world import START, connection

FULL_MESSAGES = st.integers(1, 6).map(lambda messages: messages * MAX_MESSAGE_BYTES)
SIZES = st.lists(FULL_MESSAGES | st.integers(0, MAX_WAVE_BYTES), max_size=20)


def carrier(number: int, size: int) -> Carrier:
    """One that stands for a bundle of a size; without a size, one that is a small message itself."""
    bundle = Bundle("connection-1", WaitsFor.PAUSED, START, START, 1, size, f"{number:032x}") if size else None
    return Carrier(Message(f"m-{number}", f"r-{number}", "{}"), ActiveConnection(connection(), {}), bundle)


@given(SIZES)
def test_a_wave_has_as_much_as_a_batch_may_have_and_none_could_take_the_next_bundle_too(sizes: list[int]) -> None:
    carriers = [carrier(number, size) for number, size in enumerate(sizes)]
    found = list(waves(carriers))
    totals = [sum(one.size for one in wave) for wave in found]
    assert all(total <= MAX_WAVE_BYTES <= MAX_PAYLOAD_BYTES for total in totals)
    assert all(total + after[0].size > MAX_WAVE_BYTES for total, after in zip(totals, found[1:], strict=False))
    of_waves = [one.message.id for wave in found for one in wave]
    assert sorted(of_waves) == sorted(one.message.id for one in carriers)
