"""The bucket of what is parked: nobody sees it, nothing in it is lost, and deletions wait for what may be in flight."""

from datetime import timedelta
from typing import Any

import pytest

from destination.domain.parking import MAX_TRIES, MAX_WAIT
from destination.domain.run import RETENTION
from destination.monitoring.retirement import DRAINED_AFTER, MAX_TIME_IN_QUEUE
from destination.store import files, letters, parking, results
from testing.permissions import granted
from testing.template import Template, of_type, settle, source

IMPORTS = "${Bucket.Arn}/imports/*"
PARKED = "${Bucket.Arn}/parked/*"


def bucket(template: Template) -> dict[str, Any]:
    [found] = of_type(template, "AWS::S3::Bucket").values()
    return found


def test_nothing_of_it_is_public(template: Template) -> None:
    assert set(bucket(template)["PublicAccessBlockConfiguration"].values()) == {True}
    assert len(bucket(template)["PublicAccessBlockConfiguration"]) == 4
    assert bucket(template)["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    assert "AccessControl" not in bucket(template)


def test_nobody_reads_or_writes_it_without_tls(expanded: Template, template: Template) -> None:
    """That AWS refuses it can be seen on AWS alone."""
    [policy] = of_type(template, "AWS::S3::BucketPolicy").values()
    assert policy["Bucket"] == {"Ref": "Bucket"}
    [deny] = policy["PolicyDocument"]["Statement"]
    assert (deny["Effect"], deny["Principal"], deny["Action"]) == ("Deny", "*", "s3:*")
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": False}}
    assert deny["Resource"] == [{"Fn::GetAtt": ["Bucket", "Arn"]}, {"Fn::Sub": "${Bucket.Arn}/*"}]
    # The emulator is reached without TLS.
    assert not of_type(settle(expanded, AwsEndpointUrl="http://127.0.0.1:4566"), "AWS::S3::BucketPolicy")


def test_it_is_encrypted_by_a_key_of_amazon_or_of_the_customer(template: Template, template_with_key: Template) -> None:
    [plain] = bucket(template)["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert plain == {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    [own] = bucket(template_with_key)["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert own == {
        "BucketKeyEnabled": True,
        "ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": {"Ref": "KmsKeyArn"}},
    }


def test_it_outlives_the_stack_unless_the_stack_never_came_to_be(template: Template) -> None:
    resource = template["Resources"]["Bucket"]
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("RetainExceptOnCreate", "Retain")


def test_what_is_parked_expires_only_after_it_has_failed(template: Template) -> None:
    """A bundle is as old as its parking, and no event in it may wait longer than this."""
    rules = bucket(template)["LifecycleConfiguration"]["Rules"]
    [parked] = [one for one in rules if one.get("Prefix") == f"{parking.PARKED}/" == "parked/"]
    assert parked["Status"] == "Enabled"
    longest = max(MAX_WAIT, MAX_WAIT * MAX_TRIES - MAX_WAIT)
    assert timedelta(days=parked["ExpirationInDays"]) > longest
    assert [one["AbortIncompleteMultipartUpload"] for one in rules if "ExpirationInDays" not in one] == [
        {"DaysAfterInitiation": 1}
    ]


def test_who_did_not_arrive_is_known_as_long_as_the_run(template: Template) -> None:
    rules = bucket(template)["LifecycleConfiguration"]["Rules"]
    [own] = [one for one in rules if one.get("Prefix") == f"{results.RESULTS}/" == "results/"]
    assert (own["Status"], timedelta(days=own["ExpirationInDays"])) == ("Enabled", RETENTION)


def test_there_is_no_other_bucket(template: Template) -> None:
    assert list(of_type(template, "AWS::S3::Bucket")) == ["Bucket"]


LETTERS = f"${{Bucket.Arn}}/{letters.LETTERS}/*"
RESULTS = f"${{Bucket.Arn}}/{results.RESULTS}/*"
FILES = f"${{Bucket.Arn}}/{files.FILES}/*"
UPLOADS = f"${{Bucket.Arn}}/{files.UPLOADS}/*"
WHO: dict[str, dict[str, set[str]]] = {
    "IngestRole": {},
    "SyncRole": {
        "Bucket": {"s3:ListBucket"},
        PARKED: {"s3:DeleteObject", "s3:GetObject", "s3:PutObject"},
        LETTERS: {"s3:DeleteObject", "s3:GetObject", "s3:PutObject"},
        RESULTS: {"s3:GetObject", "s3:PutObject"},
        FILES: {"s3:PutObject"},
        IMPORTS: {"s3:DeleteObject", "s3:GetObject", "s3:PutObject"},
    },
    "FilesRole": {
        "Bucket": {"s3:ListBucket"},
        PARKED: {"s3:PutObject"},
        FILES: {"s3:GetObject", "s3:PutObject"},
        UPLOADS: {"s3:DeleteObject", "s3:GetObject"},
    },
    "MonitorRole": {
        "Bucket": {"s3:ListBucket"},
        PARKED: {"s3:DeleteObject"},
        LETTERS: {"s3:DeleteObject"},
        RESULTS: {"s3:DeleteObject"},
        FILES: {"s3:DeleteObject"},
        IMPORTS: {"s3:DeleteObject"},
        UPLOADS: {"s3:DeleteObject"},
    },
    "ConnectionsRole": {
        "Bucket": {"s3:ListBucket"},
        PARKED: {"s3:DeleteObject", "s3:GetObject", "s3:PutObject"},
        LETTERS: {"s3:DeleteObject", "s3:GetObject"},
        RESULTS: {"s3:DeleteObject", "s3:GetObject"},
        FILES: {"s3:DeleteObject", "s3:GetObject"},
        IMPORTS: {"s3:DeleteObject"},
        UPLOADS: {"s3:DeleteObject", "s3:PutObject"},
    },
    "ScheduleRole": {},
}


@pytest.mark.parametrize("role", WHO)
def test_who_delivers_and_who_looks_people_up_read_what_is_parked_and_nobody_else(
    template: Template, role: str
) -> None:
    """Who counts lists names, in which nothing is said of people; who redrives copies letters to what is parked; who
    looks somebody up reads both, and who delivers, to erase somebody from both. S3 answers 403 for what is not there to
    who may not list (Amazon S3, "GetObject").
    """
    on_bucket = {name: set(actions) for name, actions in granted(template, role).items() if "Bucket" in name}
    assert on_bucket == WHO[role]


def test_who_handles_it_is_told_its_name_and_nobody_else(template: Template) -> None:
    told = {
        name
        for name, function in of_type(template, "AWS::Lambda::Function").items()
        if function["Environment"]["Variables"].get("BUCKET") == {"Ref": "Bucket"}
    }
    assert told == {"SyncFunction", "FilesFunction", "MonitorFunction", "ConnectionsFunction"}


def test_who_sends_back_may_send(template: Template) -> None:
    for role in ("MonitorRole", "ConnectionsRole", "SyncRole"):
        assert "sqs:SendMessage" in granted(template, role)["Queue"]


def test_a_deletion_waits_for_whatever_a_worker_may_hold_that_died(template: Template) -> None:
    """Its messages are received again after the visibility timeout, wait for a window, and are delivered in a batch."""
    resources = template["Resources"]
    visibility = timedelta(seconds=resources["Queue"]["Properties"]["VisibilityTimeout"])
    batch = timedelta(seconds=resources["SyncFunction"]["Properties"]["Timeout"])
    window = timedelta(seconds=source()["Parameters"]["BatchWindowSeconds"]["MaxValue"])
    assert visibility + window + batch <= DRAINED_AFTER
    assert timedelta(seconds=resources["Queue"]["Properties"]["MessageRetentionPeriod"]) == MAX_TIME_IN_QUEUE
