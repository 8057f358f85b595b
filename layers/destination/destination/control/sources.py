"""What a connection asks of its source: that there is one, and that its sender can prove what it has to."""

from destination.domain.connection import Connection, Proof
from destination.domain.problem import ConfigurationError, Problem
from destination.ingest.admission import SourceRequest
from destination.ingest.source import Source
from destination.ingest.sources import UnknownSourceError, names, source
from destination.ingest.sources.body import Parsed
from destination.ingest.sources.record import RecordTimes


def source_problems(wanted: Connection, before: Connection | None = None, *, has_keys: bool) -> list[Problem]:
    """What is wrong with the source of a connection; `has_keys`: whether the stack has keys for signatures.

    `before`: of a change, so that all else can be changed of a connection whose source is no longer there.
    """
    if before is not None and _asked(wanted) == _asked(before):
        return []
    try:
        chosen = source(wanted.source_format)
    except UnknownSourceError:
        return [_unknown()]
    return [*_calls_problems(wanted, chosen), *_proof_problems(wanted, chosen, has_keys=has_keys)]


def _calls_problems(wanted: Connection, chosen: Source) -> list[Problem]:
    if wanted.source_calls is None or chosen.calls is not None:
        return []
    return [Problem("source.calls", f"must be null: the senders of {chosen.name} make no calls")]


def _proof_problems(wanted: Connection, chosen: Source, *, has_keys: bool) -> list[Problem]:
    if wanted.admission.proof is Proof.TOKEN:
        return []
    if chosen.signature is None:
        return [Problem("source.admission.proof", f"must be token: the senders of {chosen.name} sign nothing")]
    if not has_keys:
        return [Problem("source.admission.proof", "must be token, or deploy the stack with SigningKeys=true first")]
    return []


def read_events(connection: Connection, body: bytes, times: RecordTimes) -> Parsed:
    """What the webhook would read of a body in UTF-8.

    Raises UnreadableBodyError, TooManyRecordsError, and ConfigurationError where the source is no longer there.
    """
    try:
        chosen = source(connection.source_format)
    except UnknownSourceError as error:
        raise ConfigurationError([_unknown()]) from error
    return chosen.read(SourceRequest(body, rows=connection.rows), times)


def _unknown() -> Problem:
    return Problem("source.format", f"must be a source of this stack: {', '.join(names())}")


def _asked(connection: Connection) -> tuple[str, Proof, bool]:
    return connection.source_format, connection.admission.proof, connection.source_calls is not None
