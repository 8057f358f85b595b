"""One call to moto at a time.

Its DynamoDB copies whole tables before a transaction, and puts them back where it is refused: beside another thread's
write it fails, or undoes the write. The real one does neither.
"""

import functools
import threading
from typing import Any

from moto.core.botocore_stubber import BotocoreStubber

_LOCK = threading.RLock()


@functools.cache
def one_call_at_a_time() -> None:
    """From now on, whatever the threads of a test do."""
    answer = BotocoreStubber.__call__

    def alone(stubber: BotocoreStubber, event_name: str, request: Any, **given: Any) -> Any:
        with _LOCK:
            return answer(stubber, event_name, request, **given)

    BotocoreStubber.__call__ = alone  # type: ignore[assignment, method-assign]
