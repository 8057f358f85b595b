"""Why, for people: one sentence for every reason code, our own or Marketo's."""

from destination.domain.outcome import MARKETO_CODE, MESSAGES
from destination.domain.remedy import remedy_of, told
from destination.marketo.errors import CODES, explain


def message_of(code: str) -> str:
    """The sentence for a reason code as it stands in outcomes, runs and of letters."""
    if code in MESSAGES:
        return MESSAGES[code]
    meaning = explain(code.removeprefix(MARKETO_CODE)).meaning
    return f"{meaning[0].upper()}{meaning[1:]}. {told(remedy_of(code))}".strip()


def bounded(code: str) -> str:
    """The reason code as a dimension of metrics, of which there may be only so many: codes of no table are one."""
    if code in MESSAGES or code.removeprefix(MARKETO_CODE) in CODES:
        return code
    return f"{MARKETO_CODE}UNKNOWN"
