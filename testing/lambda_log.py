"""What Lambda leaves in the log of a function, of the lines that it writes: what AWS documents and no emulator does.

Its rules, in our words, with the page of the AWS Lambda Developer Guide that they stand on ("Configuring advanced
logging controls for Lambda functions", "Log-level filtering"):

- With the format JSON it reads each line, and drops it when its level is below the function's. The levels are, from the
  lowest: TRACE, DEBUG, INFO, WARN, ERROR, FATAL. Python's names for them count as well.
- A line that is no JSON object stays as it is. One without a level, or without a time of RFC 3339 in `timestamp`,
  counts as INFO: a function at WARN loses it.
- A function that says no level has INFO.
- With the format Text it drops nothing.
"""

import json
import re
from collections.abc import Mapping
from typing import Final

RANKS: Final[Mapping[str, int]] = {
    "TRACE": 0,
    "DEBUG": 1,
    "INFO": 2,
    "WARN": 3,
    "WARNING": 3,
    "ERROR": 4,
    "FATAL": 5,
    "CRITICAL": 5,
}
_RFC_3339: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def is_kept(line: str, logging: Mapping[str, str]) -> bool:
    """Whether Lambda leaves a line in the log; `logging`: the function's LoggingConfig."""
    if logging["LogFormat"] != "JSON":
        return True
    try:
        said = json.loads(line)
    except ValueError:
        return True
    if not isinstance(said, dict):
        return True
    time, level = str(said.get("timestamp", "")), str(said.get("level", said.get("log_level", "INFO"))).upper()
    rank = RANKS.get(level, RANKS["INFO"]) if _RFC_3339.fullmatch(time) else RANKS["INFO"]
    return rank >= RANKS[logging.get("ApplicationLogLevel", "INFO")]
