"""The end of what has waited too long: it fails, without a call to Marketo, whatever holds its connection up."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from destination.delivery.accounts import Accounts, Ledger
from destination.delivery.connection import SETTLING
from destination.delivery.erase_people import Marks, erased_of
from destination.delivery.letters import WriteLetters
from destination.delivery.open_message import OpenMessage
from destination.delivery.outcomes import WriteOutcomes
from destination.delivery.requeue import requeue
from destination.delivery.results import WriteResults
from destination.delivery.turn import LEASE_MARGIN, RETRY_LEASE, Leases, TurnResult
from destination.domain.mapping import Mapper
from destination.domain.outcome import ERASED, WAITED_TOO_LONG
from destination.domain.schema import schema_of_keys
from destination.domain.settle import refused_unit
from destination.store.errors import AWS_ERRORS, aws_code
from destination.store.leases import Lease, LeaseLostError
from destination.store.ledger import StaleRunError


@dataclass(frozen=True, slots=True)
class GiveUp:
    """Lets events fail, each with a letter. The parts are those of DeliverConnection."""

    leases: Leases
    ledger: Ledger
    write_letters: WriteLetters
    write_results: WriteResults
    write_outcomes: WriteOutcomes
    clock: Callable[[], datetime]
    enter: Callable[[Lease, Collection[int]], None]
    name_of: Callable[[str], str]
    sleep: Callable[[float], None]
    marks: Marks

    def __call__(self, open_messages: Sequence[OpenMessage], deadline: datetime) -> TurnResult:
        """Let the messages of one connection fail; what cannot be recorded now is requeued."""
        target = open_messages[0].target
        now = self.clock()
        lease = self.leases.acquire(target.connection.munchkin_id, now, deadline + LEASE_MARGIN)
        if lease is None:
            return TurnResult(requeue(open_messages, RETRY_LEASE, "another worker delivers to the instance"))
        accounts = Accounts(
            open_messages=open_messages,
            connection_id=target.connection.id,
            ledger=self.ledger,
            write_letters=self.write_letters,
            write_results=self.write_results,
            write_outcomes=self.write_outcomes,
            lease=lease,
            until=deadline - SETTLING,
            clock=self.clock,
            name_of=self.name_of,
            enter=self.enter,
            sleep=self.sleep,
        )
        cause = "what waited too long could not be recorded"
        try:
            mapper = Mapper.of(target, schema_of_keys(target.connection.lookup_fields), now)
            units, failures = accounts.left_of(open_messages, mapper)
            erased = erased_of(units, partial(self.marks.marks, target.connection.id), self.name_of)
            refused = [refused_unit(one, ERASED if one.origin in erased else WAITED_TOO_LONG) for one in units]
            accounts.record(refused, 0, mapper, failures=failures)
        except (LeaseLostError, StaleRunError, *AWS_ERRORS) as error:
            cause = f"AWS: {aws_code(error)}"
        finally:
            self.leases.release(lease, lease.pace, lease.pause)
        left = [one for one in open_messages if not one.is_done]
        return TurnResult(requeue(left, RETRY_LEASE, cause), tuple(accounts.tallies), accounts.letters)
