"""The control plane's use case: the credentials with which senders get tokens at `POST /oauth2/token`.

Every change is written together with its audit record, or not at all.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from destination.control.audit import Recorder
from destination.domain.audit import AuditAction
from destination.domain.connection_rules import grace_problems
from destination.domain.problem import refuse
from destination.domain.sender_credentials import SenderCredentials, SenderTokens, hash_of
from destination.store.errors import NotFoundError, StaleVersionError
from destination.store.sender_credentials import SendersCredentials, StoredSenderCredentials

_ATTEMPTS: Final = 5
"""Of a change while tokens are given at the same time."""


@dataclass(frozen=True, slots=True)
class SenderSecret:
    """A new client secret, which is not stored; the previous one is valid until a time (None: there was none).

    `version`: of the connection, which a new secret changes.
    """

    secret: str = field(repr=False)
    previous_valid_until: datetime | None
    version: int


@dataclass(frozen=True, slots=True)
class ManageSenderCredentials:
    """What operators do with them. `new_secret` is random, of 256 bits, and goes into a form and an HTTP header.

    Where a version is `expected`, any other raises StaleVersionError; None expects nothing.
    Both raise NotFoundError when there is no connection, and DeletingError when it is being deleted.
    """

    stored: SendersCredentials
    record: Recorder
    new_secret: Callable[[], str]
    clock: Callable[[], datetime]

    def replace(self, connection_id: str, grace: timedelta, expected: int | None = None) -> SenderSecret:
        """Make a new client secret. The current one, and the tokens that it gave, stay valid for the grace at most; a
        secret of before that does not. Raises ConfigurationError.
        """
        refuse(grace_problems(grace))
        secret, now = self.new_secret(), self.clock()

        def with_secret(before: StoredSenderCredentials) -> tuple[SenderCredentials, SenderTokens]:
            return _with_secret(before, hash_of(secret), now, now + grace)

        before, version = self._change(connection_id, AuditAction.REPLACE_SENDER_CREDENTIALS, with_secret, expected)
        return SenderSecret(secret, now + grace if before.credentials else None, version)

    def revoke(self, connection_id: str, expected: int | None = None) -> None:
        """End the client secrets of a connection, and all tokens that they gave, at once.

        Raises NotFoundError also when it has none.
        """

        def without(before: StoredSenderCredentials) -> tuple[None, None]:
            if before.credentials is None:
                raise NotFoundError(f"connection {connection_id} has no sender credentials")
            return None, None

        self._change(connection_id, AuditAction.REVOKE_SENDER_CREDENTIALS, without, expected)

    def _change(
        self,
        connection_id: str,
        action: AuditAction,
        changed: Callable[[StoredSenderCredentials], tuple[SenderCredentials | None, SenderTokens | None]],
        expected: int | None,
    ) -> tuple[StoredSenderCredentials, int]:
        """Again while tokens are given in between, which leave the version; what was there, and the version by now."""
        before = self.stored.get(connection_id)
        attempts = 0
        while True:
            if expected not in {None, before.version}:
                raise StaleVersionError(f"connection {connection_id} is at version {before.version}, not {expected}")
            try:
                record = self.record(action, connection_id)
                return before, self.stored.replace(connection_id, before, *changed(before), record)
            except StaleVersionError:
                attempts, found = attempts + 1, self.stored.get(connection_id)
                if found.version != before.version or attempts == _ATTEMPTS:
                    raise
                before = found


def _with_secret(
    before: StoredSenderCredentials, secret_hash: str, now: datetime, until: datetime
) -> tuple[SenderCredentials, SenderTokens]:
    if before.credentials is None or before.tokens is None:
        return SenderCredentials(secret_hash), SenderTokens(secret_hash)
    return before.credentials.replaced(secret_hash, until), before.tokens.replaced(secret_hash, until, now)
