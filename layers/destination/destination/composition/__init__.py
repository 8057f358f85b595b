"""The one place where use cases are put together, for every function.

What is made once for each process bears `functools.cache`: settings, clients of AWS, the session with Marketo, and use
cases. What is not is created again whenever it is asked for: stores, which hold nothing but a client and a table's
name, and what belongs to a request. One thing lies between: sync keeps a connection's Marketo for a version of the
connection (`functools.lru_cache`). What a function brings of its own (its log, its metrics, who is calling) is handed
in, as nothing here knows the functions.

    aws        clients, and what every function has          ingest, sync, monitor, connections
    stores     tables and secrets                            sync, monitor, connections
    marketo    an instance, and what it was told             sync, monitor, connections
    shared     what the control plane and the monitor share  monitor, connections

A package rather than a module, as a function's cold start pays for all that is imported: the webhook's is to know
neither Marketo nor secrets, nor the delivery the control plane. Each function has the module of its name, and imports
that alone.
"""

from datetime import UTC, datetime


def now() -> datetime:
    return datetime.now(UTC)
