"""Bodies as a source reads them, and sources that an extra layer brings."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from destination.ingest.admission import SourceRequest
from destination.ingest.sources import GROUP, source
from destination.ingest.sources.body import Parsed
from destination.ingest.sources.record import RecordTimes


def read_body(source_format: str, body: bytes, times: RecordTimes) -> Parsed:
    return source(source_format).read(SourceRequest(body), times)


@contextmanager
def installed(folder: Path, name: str, code: str) -> Iterator[None]:
    """While the block runs, a package of a folder has a module with such code, whose SOURCE is the source of a name."""
    module = f"source_{name.replace('-', '_')}"
    (folder / f"{module}.py").write_text(code)
    package = folder / f"{module}-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
    (package / "entry_points.txt").write_text(f"[{GROUP}]\n{name} = {module}:SOURCE\n")
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(folder)
        try:
            yield
        finally:
            source.cache_clear()
            sys.modules.pop(module, None)
