"""Who gets alerts: one subscription an address, which chooses exactly the connections that have it as a recipient."""

from dataclasses import dataclass, field
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from destination.control.audit import Recorder
from destination.control.recipients import EndSubscriptions, ManageRecipients
from destination.domain.problem import ConfigurationError
from destination.domain.recipient import MAX_CONNECTIONS, Confirmation, Protocol, Recipient
from destination.store.audit import Audit
from destination.store.errors import DeletingError, NotFoundError
from destination.store.recipients import Recipients
from testing.notify import MemorySubscriptions, MemoryTopic
from testing.use_cases import NOW, OPERATOR, Plane

OPS, ADA = (Recipient(Protocol.EMAIL, f"{name}@example.com") for name in ("ops", "ada"))
HOOK = Recipient(Protocol.HTTPS, "https://example.com/hook")


@dataclass
class Told:
    """The recipients of the connections `a` and `b`, over the stores of the control plane."""

    plane: Plane
    subscriptions: MemorySubscriptions = field(default_factory=MemorySubscriptions)
    topic: MemoryTopic = field(default_factory=MemoryTopic)

    def __post_init__(self) -> None:
        self.a, self.b = self.plane.draft(), self.plane.draft()
        self.recipients = Recipients(self.plane.dynamodb, "ConnectionsTable")
        audit, ids = Audit(self.plane.dynamodb, "ConnectionsTable"), count()
        record = Recorder(audit, lambda: OPERATOR, lambda: f"told-{next(ids)}", lambda: NOW)
        self.manage = ManageRecipients(
            self.plane.connections, self.recipients, self.subscriptions, self.topic, record, lambda: NOW
        )
        self.audit = audit

    def reached(self) -> tuple[set[str], set[str]]:
        """Who gets the alerts of `a`, and of `b`."""
        return self.subscriptions.reaches(self.a), self.subscriptions.reaches(self.b)


@pytest.fixture
def told(plane: Plane) -> Told:
    return Told(plane)


def test_recipients_get_the_alerts_of_their_connections_alone(told: Told) -> None:
    assert told.manage.replace(told.a, [OPS, HOOK]) == dict.fromkeys([OPS, HOOK], Confirmation.CONFIRMED)
    told.manage.replace(told.b, [OPS])
    assert told.reached() == ({OPS.endpoint, HOOK.endpoint}, {OPS.endpoint})
    assert told.subscriptions.asked == [OPS, HOOK], "nobody is asked twice"

    told.manage.replace(told.a, [ADA])
    assert told.reached() == ({ADA.endpoint}, {OPS.endpoint})
    assert told.subscriptions.standing().keys() == {ADA, OPS}, "whoever gets nothing any more is unsubscribed"


def test_who_has_not_confirmed_is_pending_and_cannot_be_unsubscribed_yet(told: Told) -> None:
    told.subscriptions.confirms = False
    assert told.manage.replace(told.a, [OPS]) == {OPS: Confirmation.PENDING}
    assert told.manage.replace(told.a, []) == {}
    told.subscriptions.confirm(OPS)
    assert told.reached() == (set(), set()), "who confirms later gets nothing"
    assert told.manage.replace(told.b, [OPS]) == {OPS: Confirmation.CONFIRMED}
    assert told.reached() == (set(), {OPS.endpoint})


def test_a_subscription_that_ended_is_asked_for_once_more(told: Told) -> None:
    told.manage.replace(told.a, [OPS])
    told.subscriptions.confirmed.clear()  # The recipient ended it.
    assert told.manage.of(told.a) == {OPS: Confirmation.ENDED}
    assert told.manage.replace(told.a, [OPS]) == {OPS: Confirmation.CONFIRMED}
    assert told.reached()[0] == {OPS.endpoint}
    told.subscriptions.confirmed.clear()
    told.manage.replace(told.a, [])
    assert told.recipients.subscribed(OPS).arn is None


def test_what_others_subscribed_is_left_as_it_is(told: Told) -> None:
    """Such as the address of the stack's parameter, which gets the alerts of all connections."""
    told.subscriptions.confirmed[OPS] = "arn-of-others"
    told.subscriptions.policies["arn-of-others"] = frozenset({"everything"})
    assert told.manage.replace(told.a, [OPS]) == {OPS: Confirmation.OTHERS}
    told.manage.replace(told.a, [])
    assert told.subscriptions.confirmed == {OPS: "arn-of-others"}
    assert told.subscriptions.policies == {"arn-of-others": {"everything"}}


def test_of_a_connection_that_is_removed_nobody_is_told(told: Told) -> None:
    told.manage.replace(told.a, [OPS, ADA])
    told.manage.replace(told.b, [OPS])
    end = EndSubscriptions(told.recipients, told.subscriptions)
    for _ in range(2):
        end(told.a)
        assert told.reached() == (set(), {OPS.endpoint})
        assert told.subscriptions.standing().keys() == {OPS}


def test_every_change_is_in_the_audit_log_without_the_path_of_a_url(told: Told) -> None:
    told.manage.replace(told.a, [HOOK, OPS])
    told.manage.replace(told.a, [OPS, HOOK])
    [record] = [one for one in told.audit.page(told.a).records if one.action == "set_recipients"]
    assert (record.actor, record.changes[0].before) == (OPERATOR, [])
    assert record.changes[0].after == [OPS.endpoint, "https://example.com/…"]


def test_what_cannot_be_told_changes_nothing(told: Told) -> None:
    with pytest.raises(ConfigurationError):
        told.manage.replace(told.a, [Recipient(Protocol.EMAIL, "ops")])
    with pytest.raises(NotFoundError):
        told.manage.replace("nobody", [OPS])
    enabled = told.plane.enabled()
    told.plane.connections.delete(enabled)
    with pytest.raises(DeletingError):
        told.manage.replace(enabled, [OPS])
    assert told.subscriptions.asked == []


def test_an_address_gets_the_alerts_of_as_many_connections_as_a_filter_names(told: Told) -> None:
    for number in range(MAX_CONNECTIONS):
        name = f"recipient#{OPS.protocol}#{OPS.endpoint}"
        key = {"pk": {"S": name}, "sk": {"S": f"connection#c-{number}"}}
        told.plane.dynamodb.put_item(TableName="ConnectionsTable", Item=key)
    with pytest.raises(ConfigurationError, match="150 connections"):
        told.manage.replace(told.a, [OPS])
    assert told.recipients.of(told.a) == []


def test_a_test_alert_says_that_it_is_one(told: Told) -> None:
    told.manage.replace(told.a, [OPS])
    assert told.manage.test(told.a) == {OPS: Confirmation.CONFIRMED}
    (sent,) = told.topic.told
    assert sent.subject == "test alert: Webinar leads"
    assert sent.text.startswith("This is a test")
    assert sent.attributes == {"connection_id": told.a, "alert": "test", "status": "test"}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.tuples(st.booleans(), st.lists(st.sampled_from([OPS, ADA, HOOK]), unique=True), st.booleans()), max_size=6
    )
)
def test_whatever_is_set_reaches_exactly_whom_it_names(
    told: Told, changes: list[tuple[bool, list[Recipient], bool]]
) -> None:
    """As soon as all have confirmed, in whatever order that is and recipients are set."""
    wanted: dict[str, list[Recipient]] = {told.a: [], told.b: []}
    for connection_id in wanted:
        told.manage.replace(connection_id, [])
    for is_first, recipients, confirms in changes:
        told.subscriptions.confirms = confirms
        connection_id = told.a if is_first else told.b
        wanted[connection_id] = recipients
        told.manage.replace(connection_id, recipients)
    for one in list(told.subscriptions.pending):
        told.subscriptions.confirm(one)
    assert told.reached() == tuple({one.endpoint for one in wanted[name]} for name in (told.a, told.b))
