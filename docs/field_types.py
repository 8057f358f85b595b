"""Writes the table of Marketo's field types in docs/configuration.md, by asking the code: `python -m docs.field_types`.

With `--check` nothing is written; a table that is not current is an error.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from destination.domain.schema import STRING_LENGTH, TEXT_BYTES, Field, InvalidValueError, coerce

TARGET: Final = Path(__file__).with_name("configuration.md")
BEGIN: Final = "<!-- written by docs/field_types.py -->\n"
END: Final = "<!-- end -->\n"

_TEXTS: Final[Sequence[object]] = (" Ada ", "Ada\x00", 417.0, 1.5, True, ["Ada"])
_WHOLE: Final[Sequence[object]] = (42, 42.0, "42", "42.0", "1e3", 3.5, "42 %", True)
_DECIMAL: Final[Sequence[object]] = (12.5, 12.0, "12.50", ".5", "12,50", "12 €", True)

SAMPLES: Final[Mapping[tuple[str, ...], Sequence[object]]] = {
    ("string", "phone", "url"): (*_TEXTS, "x" * (STRING_LENGTH + 1)),
    ("text", "textarea"): (*_TEXTS, "x" * (STRING_LENGTH + 1), "x" * (TEXT_BYTES + 1)),
    ("email",): (
        " Ada@example.org ",
        "mailto:ada@example.org",
        "ada.@example.org",
        "a..b@example.org",
        "ada@example",
        "a@b.example, c@d.example",
        "ada@exämple.org",
    ),
    ("integer", "score", "percent"): (*_WHOLE, 2**63),
    ("float", "currency"): _DECIMAL,
    ("boolean",): (True, 1, 1.0, "1", " TRUE ", False, 0, 0.0, "0", "false", "yes", 2),
    ("date",): ("2026-11-21", "2026-11-21T23:00:00-05:00", "21.11.2026", "2026-02-30", 1762000000000),
    ("datetime",): (
        "2026-11-21T10:00:00+01:00",
        "2026-11-21T10:00:00.500Z",
        "2026-11-21",
        "yesterday",
        1762000000000,
    ),
    ("reference", "formula", "lead_function", "array"): ("x", 7),
}
"""By Marketo's data types that are alike, values as they stand in events."""


def render() -> str:
    """The table: values that become the same stand together."""
    lines = ["| Marketo's type | values, and how they are written | dropped |", "|---|---|---|"]
    for names, values in SAMPLES.items():
        outcomes = {name: [_outcome(value, name) for value in values] for name in names}
        if any(one != outcomes[names[0]] for one in outcomes.values()):
            raise ValueError(f"{', '.join(names)} are not alike")
        taken: dict[str, list[str]] = {}
        dropped: dict[str, list[str]] = {}
        for value, (sent, code) in zip(values, outcomes[names[0]], strict=True):
            (dropped if code else taken).setdefault(code or sent, []).append(_shown(value))
        accepted = "; ".join(f"{', '.join(written)} → {sent}" for sent, written in taken.items())
        refused = "; ".join(f"{', '.join(written)}: `{code}`" for code, written in dropped.items())
        lines.append(f"| {', '.join(names)} | {accepted or 'none'} | {refused} |")
    return "\n".join(lines) + "\n"


def current(text: str) -> str:
    """The document with the table as it is now."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{TARGET.name} has no place for the table: {BEGIN.strip()} and {END.strip()}")
    return f"{before}{begin}\n{render()}\n{end}{after}"


def _outcome(value: object, data_type: str) -> tuple[str, str]:
    """What is sent, or the code of why nothing is."""
    try:
        return _shown(coerce(value, Field("field", data_type))), ""
    except InvalidValueError as error:
        return "", error.code


def _shown(value: object) -> str:
    if isinstance(value, str) and len(value) > STRING_LENGTH:
        return f"{len(value):,} characters"
    return f"`{json.dumps(value, ensure_ascii=False)}`"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m docs.field_types", description="Write the table of field types.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the table is not current")
    checks, text = parser.parse_args().check, TARGET.read_text()
    wanted = current(text)
    if not checks:
        TARGET.write_text(wanted)
    elif text != wanted:
        sys.stderr.write("the table in docs/configuration.md is not current: run `python -m docs.field_types`\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
