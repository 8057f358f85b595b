"""Writes docs/schemas/connection-file.json, the JSON Schema of files for `destination apply`.

`python -m docs.file_schema` writes it; with `--check` nothing is written; a file that is not current is an error.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from destination_client.schema import schema

TARGET: Final = Path(__file__).parent / "schemas" / "connection-file.json"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file is not current")
    made = json.dumps(schema(), indent=2, ensure_ascii=False) + "\n"
    if not parser.parse_args(arguments).check:
        TARGET.write_text(made)
    elif TARGET.read_text() != made:
        print(f"{TARGET} is not current: make openapi", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
