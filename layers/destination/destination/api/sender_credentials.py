"""The credentials of a connection's senders as JSON."""

from destination.api.representation import Representation, Time


class SenderCredentialsOut(Representation):
    """What a sender is given to get its tokens (OAuth 2.0, client credentials). The secret is shown only once."""

    token_url: str
    client_id: str
    client_secret: str
    previous_valid_until: Time | None
    """When the secret before this one ends, and the tokens that it gave; null: there was none."""
