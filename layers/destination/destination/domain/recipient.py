"""Recipients: the addresses that get the alerts of a connection, through SNS."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from urllib.parse import urlsplit

from destination.domain.problem import Problem

MAX_RECIPIENTS: Final = 10
"""Of a connection. A topic has 200 subscriptions with filters, unless the account asks for more (Amazon SNS, "Filter
policy constraints")."""

MAX_CONNECTIONS: Final = 150
"""Of a recipient: so many values a filter has (Amazon SNS, "Filter policy constraints")."""

MAX_ENDPOINT_LENGTH: Final = 500

_EMAIL: Final = re.compile(r"[^@\s]{1,64}@[^@\s]{1,255}")


class Protocol(StrEnum):
    """How alerts reach a recipient, by SNS's names."""

    EMAIL = "email"
    HTTPS = "https"


class Confirmation(StrEnum):
    """How far the subscription of a recipient is.

    `pending`: the recipient has not confirmed it yet, and gets nothing. `ended`: it was not confirmed within two days,
    or the recipient ended it. `others`: somebody else subscribed the address, with a filter of their own.
    """

    CONFIRMED = "confirmed"
    PENDING = "pending"
    ENDED = "ended"
    OTHERS = "others"


@dataclass(frozen=True, slots=True, order=True)
class Recipient:
    """An e-mail address, or the URL of a webhook."""

    protocol: Protocol
    endpoint: str

    @property
    def shown(self) -> str:
        """As the audit log has it: of a URL the host alone, for the rest of it may be a secret."""
        return self.endpoint if self.protocol is Protocol.EMAIL else f"https://{urlsplit(self.endpoint).hostname}/…"


def recipient_problems(recipients: Sequence[Recipient]) -> Iterator[Problem]:
    """What is wrong with a connection's recipients."""
    if len(recipients) > MAX_RECIPIENTS:
        yield Problem("", f"must be {MAX_RECIPIENTS} at most; subscribe a mailing list for more")
    first: dict[Recipient, int] = {}
    for index, one in enumerate(recipients):
        path = f"[{index}].endpoint"
        if one in first:
            yield Problem(path, f"is that of [{first[one]}] as well; keep one")
        first.setdefault(one, index)
        if (wrong := _wrong(one)) is not None:
            yield Problem(path, wrong)


def _wrong(recipient: Recipient) -> str | None:
    if recipient.protocol is Protocol.EMAIL:
        return None if _EMAIL.fullmatch(recipient.endpoint) else "must be an e-mail address, such as ops@example.com"
    try:
        url = urlsplit(recipient.endpoint)
        has_host, has_password = url.scheme == "https" and bool(url.hostname), url.username is not None
    except ValueError:
        has_host = has_password = False
    if not has_host or not recipient.endpoint.isprintable() or " " in recipient.endpoint:
        return "must be an https URL, such as https://example.com/hook"
    if has_password:
        return "must have no user name and password in it: whoever may view alerts sees it"
    return None
