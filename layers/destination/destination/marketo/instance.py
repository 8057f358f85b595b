"""One Marketo instance, as one connection's API user sees it."""

import time
from collections.abc import Callable
from datetime import UTC, datetime

import requests

from destination.domain.credentials import ClientCredentials
from destination.marketo.client import Client, base_url
from destination.marketo.describe import Describe
from destination.marketo.lead_extracts import LeadExtracts
from destination.marketo.lead_imports import LeadImports
from destination.marketo.leads import Leads
from destination.marketo.lists import Lists
from destination.marketo.pace import Pace
from destination.marketo.probes import Probes
from destination.marketo.token import Tokens, TokenStore
from destination.marketo.transport import Watch, unwatched
from destination.marketo.usage import Usage, calls_today
from destination.marketo.users import Users


def _now() -> datetime:
    return datetime.now(UTC)


class Marketo:
    """Describe, leads, lists, extracts, imports, users and probes of one instance, behind one client; safe for threads.

    Worth keeping as long as the process lives: it holds the access token and the description of the instance. `pace`
    is replaced at each delivery.
    """

    def __init__(
        self,
        *,
        munchkin_id: str,
        credentials: ClientCredentials,
        tokens: TokenStore,
        http: requests.Session,
        pace: Pace,
        url: str = "https://{munchkin_id}.mktorest.com",
        clock: Callable[[], datetime] = _now,
        sleep: Callable[[float], None] = time.sleep,
        watch: Watch = unwatched,
        folders: dict[str, int] | None = None,
    ) -> None:
        """Nothing is sent. `folders`: those for lists that are known, as in Lists.

        Raises ValueError when the Munchkin ID is not of the form 123-ABC-456.
        """
        address = base_url(url, munchkin_id)
        held = Tokens(credentials, tokens, http, address, clock=clock, sleep=sleep, watch=watch)
        self._client = Client(http, address, held, pace, watch)
        self.describe = Describe(self._client, clock=clock)
        self.leads = Leads(self._client)
        self.lists = Lists(self._client, folders)
        self.extracts = LeadExtracts(self._client)
        self.imports = LeadImports(self._client)
        self.users = Users(self._client)
        self.probes = Probes(self._client)

    @property
    def pace(self) -> Pace:
        """What holds the calls back."""
        return self._client.pace

    @pace.setter
    def pace(self, pace: Pace) -> None:
        self._client.pace = pace

    def authenticate(self) -> None:
        """Obtain a new access token with the credentials; raises MarketoError."""
        self._client.authenticate()

    def usage(self) -> Usage:
        """How many calls Marketo counted today, of all integrations; raises MarketoError."""
        return calls_today(lambda request: self._client.call(request).result)

    @property
    def calls(self) -> int:
        """How many calls were sent so far that count towards Marketo's limits."""
        return self._client.calls
