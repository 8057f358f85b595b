import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from testing.scanners import checkov
from testing.template import Template, expand, of_type, settle

EVERYTHING = {
    "KmsKeyArn": "arn:aws:kms:eu-central-1:111122223333:key/0",
    "RequestsPerAddress": "1000",
    "WebhookSources": "192.0.2.0/24",
    "ControlPlaneSources": "192.0.2.0/24",
    "DomainName": "events.example.org",
    "CertificateArn": "arn:aws:acm:eu-central-1:111122223333:certificate/0",
    "Console": "cloudfront",
    "ConsoleDomainName": "console.example.org",
    "ConsoleCertificateArn": "arn:aws:acm:us-east-1:111122223333:certificate/0",
    "ConsoleWebAclArn": "arn:aws:wafv2:us-east-1:111122223333:global/webacl/console/0",
    "SubnetIds": "subnet-0a",
    "SecurityGroupIds": "sg-0a",
}
"""Parameters with which the stack has all that it can have."""

PLACE = "eu-central-1:111122223333"
ARNS = {
    "AWS::ApiGateway::RestApi": f"arn:aws:apigateway:{PLACE}::/restapis/",
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{PLACE}:table/",
    "AWS::Lambda::Function": f"arn:aws:lambda:{PLACE}:function:",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{PLACE}:log-group:",
    "AWS::S3::Bucket": "arn:aws:s3:::",
    "AWS::SecretsManager::Secret": f"arn:aws:secretsmanager:{PLACE}:secret:",
    "AWS::SNS::Topic": f"arn:aws:sns:{PLACE}:",
    "AWS::SQS::Queue": f"arn:aws:sqs:{PLACE}:",
}
"""By type, how the ARNs of such resources begin."""


def statements(template: Template) -> Iterator[dict[str, Any]]:
    """What roles and managed policies allow."""
    documents = [
        *((name, one["PolicyDocument"]) for name, one in of_type(template, "AWS::IAM::ManagedPolicy").items()),
        *(
            (name, policy["PolicyDocument"])
            for name, role in of_type(template, "AWS::IAM::Role").items()
            for policy in role.get("Policies", [])
        ),
    ]
    for name, document in documents:
        for statement in document["Statement"]:
            actions, resources = statement["Action"], statement["Resource"]
            yield {
                "of": name,
                "actions": _listed(actions),
                "resources": [arn(template, one) for one in _listed(resources)],
            }


def arn(template: Template, resource: Any) -> str:
    """An ARN of the form that a resource of a statement has when it is deployed."""
    match resource:
        case {"Ref": "KmsKeyArn"}:
            return EVERYTHING["KmsKeyArn"]
        case {"Fn::GetAtt": [str() as name, _]} | {"Ref": str() as name}:
            kind = ARNS[template["Resources"][name]["Type"]]
            return f"{kind}{name}:*" if ":log-group:" in kind else f"{kind}{name}"
        case {"Fn::Sub": str() as text}:
            return re.sub(r"\$\{([\w:]+)(\.Arn)?}", lambda found: _part(template, *found.groups()), text)
    return str(resource)


def _part(template: Template, name: str, attribute: str | None) -> str:
    region, account = PLACE.split(":")
    told = {"AWS::Partition": "aws", "AWS::Region": region, "AWS::AccountId": account}
    return arn(template, {"Ref": name}) if attribute else told.get(name, name.replace(":", ""))


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def main(python: str) -> list[str]:
    """What is wrong; empty: nothing."""
    template = settle(expand(), **EVERYTHING)
    for name, value in EVERYTHING.items():
        template["Parameters"][name]["Default"] = value  # what a reference to the parameter is worth to checkov
    linted = subprocess.run(  # noqa: S603 - the interpreter is the one that make names
        [python, str(Path(__file__).with_name("iam.py"))],
        input=json.dumps(list(statements(template))),
        capture_output=True,
        text=True,
        check=True,
    )
    return [*linted.stdout.splitlines(), *checkov.compared(checkov.found(python, template), checkov.baseline())]


if __name__ == "__main__":
    logging.getLogger("samtranslator").setLevel(logging.ERROR)  # it warns of switches of its own
    mistakes = main(sys.argv[1])
    print(*mistakes, sep="\n", file=sys.stderr, end="\n" if mistakes else "")
    sys.exit(1 if mistakes else 0)
