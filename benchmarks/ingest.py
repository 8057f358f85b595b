"""The webhook's use case on a body of 1,000 profiles, its AWS clients in this process.

Nothing in it waits, so its time is its CPU time, which other programs on the machine disturb less.
"""

import time
from datetime import UTC, datetime
from statistics import median
from typing import Any, Final

from benchmarks import aws, workload
from benchmarks.row import Row, Say
from destination.ingest.webhook import AcceptEvents, Submission
from destination.queue import EventQueue
from destination.store.ingress import Ingresses

PROFILES: Final = 1000
ROUNDS: Final = 25


def run(say: Say) -> list[Row]:
    """From the request's body to the messages handed to SQS's client."""
    say(f"ingest of {PROFILES:,} profiles")
    dynamodb: Any = aws.DynamoDB()
    sqs = aws.Sqs()
    client: Any = sqs
    workload.store(dynamodb, workload.active(workload.connection()))
    ingest = AcceptEvents(Ingresses(dynamodb, aws.CONNECTIONS), EventQueue(client, "queue"), lambda: datetime.now(UTC))
    body = workload.body(map(workload.profile, range(PROFILES)))
    submission = Submission(workload.CONNECTION_ID, f"Bearer {workload.TOKEN}", "application/json", body)
    taken = []
    for _ in range(ROUNDS):
        sqs.sent.clear()
        start = time.process_time()
        acceptance = ingest(submission)
        taken.append((time.process_time() - start) * 1000)
        assert acceptance.accepted == PROFILES
    how = f"{len(body) / PROFILES:.0f} bytes a profile, AEP; CPU time, median of {ROUNDS}, least {min(taken):.0f}"
    return [Row(f"ingest of a body of {PROFILES:,} profiles", median(taken), 60, "ms", how)]
