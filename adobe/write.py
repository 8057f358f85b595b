"""Writes the examples of the card: `python -m adobe.write`. A test holds them against the description.

The files of a stack are written by `destination adobe-card` (docs/adobe-card.md).
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from destination_client.adobe_card import write
from destination_client.adobe_configuration import Aggregation, Authentication, Card, FieldsFrom

EXAMPLES: Final = Path(__file__).with_name("examples")
_URL: Final = "https://a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com/v1"
_FIELDS: Final = (
    {"name": "email", "display_name": "Email Address", "type": "email"},
    {"name": "firstName", "display_name": "First Name", "type": "string"},
    {"name": "lastName", "display_name": "Last Name", "type": "string"},
)

CARDS: Final[Mapping[str, Card]] = {
    "latency": Card(_URL, "Marketo: Webinar leads", fields=_FIELDS),
    "volume": Card(
        _URL,
        "Marketo: Webinar leads",
        aggregation=Aggregation.VOLUME,
        authentication=Authentication.OAUTH2,
        fields_from=FieldsFrom.LIVE,
        tells_audiences=True,
    ),
}
"""By folder: the card of all defaults, and one of everything that can be chosen besides."""

if __name__ == "__main__":
    for name, card in CARDS.items():
        write(card, EXAMPLES / name)
