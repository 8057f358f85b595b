"""Marketo, for the functions that call it."""

import functools
from collections.abc import Callable

from destination.composition import stores
from destination.domain.credentials import ClientCredentials
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.marketo.transport import Call, session
from destination.settings import MarketoSettings

CallWatch = Callable[[str, Call], None]
"""Told of every call once it is over, and of the Munchkin ID that it went to; from several threads."""

http = functools.cache(session)


def instance(
    settings: MarketoSettings,
    munchkin_id: str,
    credentials: ClientCredentials,
    pace: Pace,
    watch: CallWatch,
    folders: dict[str, int] | None = None,
) -> Marketo:
    """An instance, seen as the API user whose credentials are given. `folders`: those for lists that are known."""
    return Marketo(
        munchkin_id=munchkin_id,
        credentials=credentials,
        tokens=stores.token(settings, munchkin_id, credentials),
        http=http(),
        pace=pace,
        url=settings.marketo_url,
        watch=functools.partial(watch, munchkin_id),
        folders=folders,
    )
