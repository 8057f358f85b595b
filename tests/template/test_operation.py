"""Logs and alarms: what whoever is on call has in hand."""

import json

import pytest

from testing.template import Template, of_type, settle

# Each alarm with its metric and the resource that it watches. What it is raised by: test_alarms.py.
ALARMS = {
    "DeadLetterAlarm": ("ApproximateNumberOfMessagesVisible", "DeadLetterQueue"),
    "LettersAlarm": ("oldest_letter", "monitor"),
    "LettersExpireAlarm": ("oldest_letter", "monitor"),
    "SlowQueueAlarm": ("ApproximateAgeOfOldestMessage", "Queue"),
    "InFlightAlarm": ("ApproximateNumberOfMessagesNotVisible", "Queue"),
    "OldestEventAlarm": ("oldest_event", "monitor"),
    "ParkedTooLongAlarm": ("oldest_parked", "monitor"),
    "QuotaAlarm": ("quota_used", "monitor"),
    "MonitorSilentAlarm": ("oldest_event", "monitor"),
    "TableThrottlesAlarm": ("WriteThrottleEvents", "LedgerTable"),
    "ScheduleDeadLetterAlarm": ("ApproximateNumberOfMessagesVisible", "ScheduleDeadLetterQueue"),
    "IngestRefusalsAlarm": ("5XXError", "/connections/{connection_id}/events"),
    "IngestErrorsAlarm": ("Errors", "IngestFunction"),
    "SyncErrorsAlarm": ("Errors", "SyncFunction"),
    "FilesErrorsAlarm": ("Errors", "FilesFunction"),
    "MonitorErrorsAlarm": ("Errors", "MonitorFunction"),
    "ConnectionsErrorsAlarm": ("Errors", "ConnectionsFunction"),
    "IngestThrottlesAlarm": ("Throttles", "IngestFunction"),
    "SyncThrottlesAlarm": ("Throttles", "SyncFunction"),
}


def test_every_log_group_forgets(template: Template) -> None:
    groups = of_type(template, "AWS::Logs::LogGroup")

    assert sorted(groups) == [
        "ApiLogGroup",
        "ConnectionsLogGroup",
        "FilesLogGroup",
        "IngestLogGroup",
        "MonitorLogGroup",
        "SyncLogGroup",
    ]
    for name, group in groups.items():
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name


def test_there_are_no_other_alarms(template: Template) -> None:
    assert of_type(template, "AWS::CloudWatch::Alarm").keys() == ALARMS.keys()


@pytest.mark.parametrize("name", ALARMS)
def test_what_each_alarm_watches(template: Template, name: str) -> None:
    metric, watched = ALARMS[name]
    alarm = of_type(template, "AWS::CloudWatch::Alarm")[name]

    terms = [one["MetricStat"]["Metric"] for one in alarm.get("Metrics", ()) if "MetricStat" in one] or [alarm]
    assert any(one["MetricName"] == metric and f'"{watched}"' in json.dumps(one["Dimensions"]) for one in terms)


def test_the_emulator_gets_no_alarm_that_it_does_not_take(expanded: Template) -> None:
    alarms = of_type(settle(expanded, AwsEndpointUrl="http://127.0.0.1:4566"), "AWS::CloudWatch::Alarm")

    assert ALARMS.keys() - alarms.keys() == {"MonitorSilentAlarm", "TableThrottlesAlarm"}
    assert not [name for name, alarm in alarms.items() if "Metrics" in alarm]


@pytest.mark.parametrize("name", ALARMS)
def test_each_alarm_reaches_somebody_and_says_what_to_do(template: Template, name: str) -> None:
    alarm = of_type(template, "AWS::CloudWatch::Alarm")[name]

    assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}]
    assert alarm["OKActions"] == [{"Ref": "AlarmTopic"}]
    assert alarm["AlarmDescription"].count(". ") >= 1, "what is wrong, then what to do"
    assert len(alarm["AlarmDescription"]) <= 1024


def test_alarms_are_mailed_where_an_address_is_given(expanded: Template, template: Template) -> None:
    (subscription,) = of_type(settle(expanded, AlarmEmail="on-call@example.org"), "AWS::SNS::Subscription").values()

    assert subscription["Protocol"] == "email"
    assert subscription["TopicArn"] == {"Ref": "AlarmTopic"}
    assert not of_type(template, "AWS::SNS::Subscription")


def test_the_accounts_role_for_logs_is_kept_where_it_is_wanted(expanded: Template, template: Template) -> None:
    kept = settle(expanded, CreateApiLogRole="false")

    assert not of_type(kept, "AWS::ApiGateway::Account")
    assert "ApiLogRole" not in kept["Resources"]
    assert "Description" not in kept["Resources"]["Api"]["Properties"]
    assert template["Resources"]["ApiLogAccount"]["DeletionPolicy"] == "Retain"
    assert template["Resources"]["ApiLogRole"]["DeletionPolicy"] == "Retain"


def test_the_dashboard_is_of_its_stack_and_found(template: Template) -> None:
    (dashboard,) = of_type(template, "AWS::CloudWatch::Dashboard").values()

    assert dashboard["DashboardName"] == {"Fn::Sub": "${AWS::StackName}-${AWS::Region}"}
    assert "${Dashboard}" in template["Outputs"]["DashboardUrl"]["Value"]["Fn::Sub"]
