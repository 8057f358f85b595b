"""What is told of an erasure that cannot begin."""

from destination.api.erasures import ErasureOut
from destination.control.erasures import ManageErasures
from destination.domain.credentials import ClientCredentials
from destination.domain.erasure import Erasure
from destination.marketo.reasons import message_of
from testing.memory import MemoryCredentials
from testing.stages import ADA, MINUTE
from testing.world import World, connection, event, name_of


def told(made: World, asked: Erasure, credentials: MemoryCredentials) -> ErasureOut:
    """The erasure as the interface shows it, of a connection with these credentials."""
    manage = ManageErasures(
        connections=made.connections,
        credentials=credentials,
        marketo_for=lambda _, __: made.marketo,
        stored=made.erasures,  # type: ignore[arg-type]
        queue=made.queue,  # type: ignore[arg-type]
        record=None,  # type: ignore[arg-type]
        name_of=name_of,
        clock=lambda: made.now,
    )
    return ErasureOut.of(manage.get(asked.connection_id, asked.id), made.now, message_of)


def test_without_credentials_it_says_so_until_there_are_some_or_it_is_done() -> None:
    made = World()
    asked = made.erase(ADA)
    none, some = MemoryCredentials({}), MemoryCredentials({connection().id: ClientCredentials("client", "secret")})
    held_up = told(made, asked, none).held_up
    assert held_up is not None
    assert held_up.code == "NO_CREDENTIALS"
    assert "destination apply --credentials" in held_up.message
    assert told(made, asked, some).held_up is None
    made.now += MINUTE
    made.deliver(event(ADA))
    assert told(made, asked, none).held_up is None
