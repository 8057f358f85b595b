"""The stores and queues in memory: small real implementations, with which the use cases run without AWS.

What each of them does is what the real one does over AWS: tests/contract/stores holds both to it. Each has the module
that bears the name of its store.
"""

from testing.memory.alerts import MemoryAlerts
from testing.memory.canaries import MemoryCanaries
from testing.memory.capabilities import MemoryCapabilities
from testing.memory.connections import MemoryConnections
from testing.memory.dead_letters import MemoryDeadLetters
from testing.memory.erasures import MemoryErasures, MemoryTraces
from testing.memory.extracted import MemoryExtracted
from testing.memory.files import MemoryFileObjects, MemoryFiles
from testing.memory.lead_imports import MemoryImports
from testing.memory.leases import MemoryLeases
from testing.memory.ledger import MemoryLedger
from testing.memory.letters import MemoryLetters
from testing.memory.losses import MemoryLosses
from testing.memory.parking import MemoryParking
from testing.memory.queue import MemoryQueue
from testing.memory.results import MemoryResults
from testing.memory.resyncs import MemoryResyncs
from testing.memory.runs import MemoryRuns
from testing.memory.secrets import MemoryCredentials, MemoryToken
from testing.memory.seen import MemorySeenDays
from testing.memory.summaries import MemorySummaries
from testing.memory.verifications import MemoryVerifications

__all__ = [
    "MemoryAlerts",
    "MemoryCanaries",
    "MemoryCapabilities",
    "MemoryConnections",
    "MemoryCredentials",
    "MemoryDeadLetters",
    "MemoryErasures",
    "MemoryExtracted",
    "MemoryFileObjects",
    "MemoryFiles",
    "MemoryImports",
    "MemoryLeases",
    "MemoryLedger",
    "MemoryLetters",
    "MemoryLosses",
    "MemoryParking",
    "MemoryQueue",
    "MemoryResults",
    "MemoryResyncs",
    "MemoryRuns",
    "MemorySeenDays",
    "MemorySummaries",
    "MemoryToken",
    "MemoryTraces",
    "MemoryVerifications",
]
