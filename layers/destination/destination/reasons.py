"""Why, for people: one sentence for every reason code, our own or Marketo's."""

from destination.domain.outcome import MARKETO_CODE, MESSAGES
from destination.marketo.errors import explain


def message_of(code: str) -> str:
    """The sentence for a reason code as it stands in outcomes, runs and dead letters."""
    if code in MESSAGES:
        return MESSAGES[code]
    info = explain(code.removeprefix(MARKETO_CODE))
    return f"{info.meaning[0].upper()}{info.meaning[1:]}. {info.remedy}".strip()
