"""The calls for who gets alerts, over SNS."""

import json
from typing import Any

import pytest

from testing.control_plane import ALERT_TOPIC_ARN, call, created, sns, sqs

pytestmark = pytest.mark.usefixtures("marketo")

OPS = {"protocol": "email", "endpoint": "ops@example.com"}
HOOK = {"protocol": "https", "endpoint": "https://example.com/hook"}


def subscriptions() -> dict[str, Any]:
    """The filter of each address that is subscribed."""
    found = sns().list_subscriptions_by_topic(TopicArn=ALERT_TOPIC_ARN)["Subscriptions"]
    arns = {one["Endpoint"]: one["SubscriptionArn"] for one in found}
    attributes = {
        name: sns().get_subscription_attributes(SubscriptionArn=arn)["Attributes"] for name, arn in arns.items()
    }
    assert {one["FilterPolicyScope"] for one in attributes.values()} <= {"MessageAttributes"}
    return {name: json.loads(one["FilterPolicy"]) for name, one in attributes.items()}


def test_recipients_are_subscribed_with_a_filter_and_unsubscribed_with_the_connection() -> None:
    first, second = created(), created()
    path = f"/connections/{first}/recipients"
    assert call("GET", path).json == {"recipients": []}

    answer = call("PUT", path, [OPS, HOOK])
    assert answer.status == 200
    assert answer.json == call("GET", path).json
    assert [one["endpoint"] for one in answer.json["recipients"]] == [OPS["endpoint"], HOOK["endpoint"]]
    assert {one["confirmation"] for one in answer.json["recipients"]} == {"confirmed"}
    call("PUT", f"/connections/{second}/recipients", [OPS])
    both = {"connection_id": sorted([first, second])}
    assert subscriptions() == {OPS["endpoint"]: both, HOOK["endpoint"]: {"connection_id": [first]}}

    assert call("DELETE", f"/connections/{first}").status == 204
    assert subscriptions() == {OPS["endpoint"]: {"connection_id": [second]}}
    actions = [one["action"] for one in call("GET", "/audit", query={"connection_id": first}).json["records"]]
    assert actions == ["remove_connection", "delete_connection", "set_recipients", "create_connection"]


@pytest.mark.parametrize(
    ("body", "path", "message"),
    [
        ([{"protocol": "email", "endpoint": "ops"}], "[0].endpoint", "must be an e-mail address"),
        ([OPS, OPS], "[1].endpoint", "keep one"),
        ([{"protocol": "sms", "endpoint": "+491701234567"}], "[0].protocol", "must be"),
        ([{**OPS, "name": "Ops"}], "[0].name", "leave it out"),
    ],
)
def test_what_is_no_recipient_is_refused(body: list[Any], path: str, message: str) -> None:
    answer = call("PUT", f"/connections/{created()}/recipients", body)
    assert answer.status == 422
    assert message in answer.errors[path]
    assert subscriptions() == {}


def test_a_test_alert_reaches_whom_an_alert_would_reach() -> None:
    connection_id = created()
    url = sqs().create_queue(QueueName="told")["QueueUrl"]
    arn = sqs().get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = {"FilterPolicy": json.dumps({"connection_id": [connection_id]})}
    sns().subscribe(TopicArn=ALERT_TOPIC_ARN, Protocol="sqs", Endpoint=arn, Attributes=policy)

    call("POST", f"/connections/{created()}/alerts/test")
    answer = call("POST", f"/connections/{connection_id}/alerts/test")

    assert (answer.status, answer.json) == (202, {"recipients": []})
    [message] = sqs().receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    told = json.loads(json.loads(message["Body"])["Message"])
    assert (told["connection"]["id"], told["status"], told["remedy"]) == (connection_id, "test", "")
