"""The console in the stack: its files, the headers that they are served with, what fills its bucket.

Amazon CloudFront is nothing that the emulator or a fake could show: that it serves, caches and refuses as it is told
here can be seen on AWS alone. So can what test_console_people.py holds of Amazon Cognito.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from destination.composition.console import BUILD
from destination.domain.console import CONFIG, PAGE, ConsoleFile
from testing.permissions import granted
from testing.template import ROOT, Template, of_type, settle, source
from tests.template.test_names import LONG, SHORT, said

DOMAIN = {
    "ConsoleDomainName": "console.example.org",
    "ConsoleCertificateArn": "arn:aws:acm:us-east-1:111122223333:certificate/0",
}

MAKE = shutil.which("make") or "make"

# Amazon CloudFront, "Use managed cache policies".
CACHING_DISABLED = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
CACHING_OPTIMIZED = "658327ea-f89d-4fab-a63d-7e88639e58f6"


@pytest.fixture(scope="module")
def console(expanded: Template) -> Template:
    return settle(expanded, Console="cloudfront")


def properties(template: Template, name: str) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


def test_there_is_nothing_of_it_unless_it_is_asked_for(expanded: Template, template: Template) -> None:
    assert expanded["Parameters"]["Console"]["Default"] == "none"
    kept = {key: value for key, value in template.items() if key in ("Resources", "Outputs")}
    named = [name for section in kept.values() for name in section if name.startswith("Console")]
    assert named == []
    for absent in ("ConsoleDistribution", "Access-Control", "CONSOLE_ORIGIN", "cloudfront", "OPTIONS", '"options"'):
        assert absent not in json.dumps(kept), absent


def test_the_other_parameters_alone_bring_nothing(expanded: Template) -> None:
    acl = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/console/0"
    alone = settle(expanded, ConsoleWebAclArn=acl, **DOMAIN)
    assert not [name for name in alone["Resources"] if name.startswith("Console")]


def test_the_bucket_is_read_by_the_distribution_alone_and_never_without_tls(console: Template) -> None:
    bucket = properties(console, "ConsoleBucket")
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    (encryption,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert encryption["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    # It has nothing that is not in the build; CloudFormation deletes what ConsoleFiles has emptied.
    assert "DeletionPolicy" not in console["Resources"]["ConsoleBucket"]

    deny, *allow = properties(console, "ConsoleBucketPolicy")["PolicyDocument"]["Statement"]
    assert (deny["Effect"], deny["Principal"], deny["Action"]) == ("Deny", "*", "s3:*")
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": False}}
    assert [one["Action"] for one in allow] == ["s3:GetObject", "s3:ListBucket"]
    arn = "arn:${AWS::Partition}:cloudfront::${AWS::AccountId}:distribution/${ConsoleDistribution}"
    for one in allow:
        assert one["Principal"] == {"Service": "cloudfront.amazonaws.com"}
        assert one["Condition"] == {"StringEquals": {"AWS:SourceArn": {"Fn::Sub": arn}}}


def distribution(template: Template) -> dict[str, Any]:
    found: dict[str, Any] = properties(template, "ConsoleDistribution")["DistributionConfig"]
    return found


def test_the_distribution_signs_what_it_asks_of_the_bucket(console: Template) -> None:
    (origin,) = distribution(console)["Origins"]
    assert origin["OriginAccessControlId"] == {"Fn::GetAtt": ["ConsoleOriginAccess", "Id"]}
    access = properties(console, "ConsoleOriginAccess")["OriginAccessControlConfig"]
    assert (access["SigningBehavior"], access["OriginAccessControlOriginType"]) == ("always", "s3")


def behaviours(template: Template) -> dict[str, dict[str, Any]]:
    config = distribution(template)
    return {"": config["DefaultCacheBehavior"]} | {one["PathPattern"]: one for one in config["CacheBehaviors"]}


def test_whatever_is_served_has_the_headers_and_is_read_alone(console: Template) -> None:
    for one in behaviours(console).values():
        assert one["ViewerProtocolPolicy"] == "redirect-to-https"
        assert one["AllowedMethods"] == ["GET", "HEAD"]
        assert one["ResponseHeadersPolicyId"] == {"Ref": "ConsoleHeaders"}
        assert one["Compress"] is True


def test_only_what_has_a_hash_in_its_name_is_kept_at_the_edge(console: Template) -> None:
    kept = {pattern: one["CachePolicyId"] for pattern, one in behaviours(console).items()}
    assert kept == {"": CACHING_DISABLED, "/assets/*": CACHING_OPTIMIZED}
    for path, pattern in (("assets/index-1.js", "/assets/*"), (PAGE, ""), (CONFIG, "")):
        assert ("immutable" in ConsoleFile(path, b"").cache_control) == (kept[pattern] == CACHING_OPTIMIZED)


def test_what_is_no_file_is_the_page_and_what_is_refused_stays_so(console: Template) -> None:
    """A web ACL refuses with 403: whoever it refuses does not get the page in its place."""
    config = distribution(console)
    assert config["DefaultRootObject"] == PAGE
    (error,) = config["CustomErrorResponses"]
    assert (error["ErrorCode"], error["ResponsePagePath"], error["ErrorCachingMinTTL"]) == (404, f"/{PAGE}", 0)


def directives(template: Template) -> dict[str, list[Any]]:
    """The policy of the page's header: by directive, its sources, CloudFormation's parts as they are written."""
    security = properties(template, "ConsoleHeaders")["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    text, parts = security["ContentSecurityPolicy"]["ContentSecurityPolicy"]["Fn::Sub"]
    whole = text.replace("${Calls}", parts["Calls"]["Fn::Sub"])
    return {name: sources for name, *sources in (one.split() for one in whole.split(";"))}


SIGN_IN = "https://${ConsoleSignIn}.auth.${AWS::Region}.amazoncognito.com"
IDENTITIES = "https://cognito-identity.${AWS::Region}.${AWS::URLSuffix}"
BUCKETS = "https://*.s3.${AWS::Region}.${AWS::URLSuffix}"


def test_the_page_may_do_what_the_console_needs_and_nothing_else(expanded: Template, console: Template) -> None:
    """The same as from `destination console`, but for the addresses that it connects to."""
    policy = directives(console)
    assert policy == {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'", "'unsafe-inline'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'", "data:"],
        "connect-src": [
            "'self'",
            "https://*.execute-api.${AWS::Region}.${AWS::URLSuffix}",
            SIGN_IN,
            IDENTITIES,
            BUCKETS,
        ],
        "base-uri": ["'self'"],
        "form-action": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
    domain = settle(expanded, Console="cloudfront", DomainName="api.example.org", CertificateArn="arn")
    assert directives(domain)["connect-src"] == ["'self'", "https://${DomainName}", SIGN_IN, IDENTITIES, BUCKETS]


def test_the_other_headers_are_as_strict(console: Template) -> None:
    policy = properties(console, "ConsoleHeaders")["ResponseHeadersPolicyConfig"]
    security = policy["SecurityHeadersConfig"]
    assert security["StrictTransportSecurity"]["AccessControlMaxAgeSec"] >= 31_536_000
    assert security["FrameOptions"]["FrameOption"] == "DENY"
    assert security["ReferrerPolicy"]["ReferrerPolicy"] == "no-referrer"
    assert "ContentTypeOptions" in security
    assert {one["Override"] for one in security.values()} == {True}
    headers = {one["Header"]: one["Value"] for one in policy["CustomHeadersConfig"]["Items"]}
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_a_domain_of_ones_own_and_a_web_acl(expanded: Template, console: Template) -> None:
    acl = "arn:aws:wafv2:us-east-1:111122223333:global/webacl/console/0"
    own = settle(expanded, Console="cloudfront", ConsoleWebAclArn=acl, **DOMAIN)
    assert distribution(own)["Aliases"] == [{"Ref": "ConsoleDomainName"}]
    assert distribution(own)["ViewerCertificate"]["MinimumProtocolVersion"] == "TLSv1.2_2021"
    assert distribution(own)["WebACLId"] == {"Ref": "ConsoleWebAclArn"}
    assert own["Outputs"]["ConsoleUrl"]["Value"] == {"Fn::Sub": "https://${ConsoleDomainName}/"}
    assert not {"Aliases", "WebACLId"} & distribution(console).keys()
    assert console["Outputs"]["ConsoleUrl"]["Value"] == {"Fn::Sub": "https://${ConsoleDistribution.DomainName}/"}


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("ConsoleCertificateArn", "arn:aws:acm:eu-central-1:111122223333:certificate/0"),
        ("ConsoleWebAclArn", "arn:aws:wafv2:us-east-1:111122223333:regional/webacl/api/0"),
        ("ConsoleIdentityProviders", "COGNITO, Corp"),
        ("ConsoleIdentityProviders", ""),
    ],
)
def test_what_cloudfront_and_cognito_do_not_take_is_refused_at_once(
    expanded: Template, parameter: str, value: str
) -> None:
    assert not re.fullmatch(expanded["Parameters"][parameter]["AllowedPattern"], value)


def test_names_fit_whatever_the_stack_is_called(console: Template) -> None:
    names = {
        64: properties(console, "ConsoleOriginAccess")["OriginAccessControlConfig"]["Name"],
        128: properties(console, "ConsoleHeaders")["ResponseHeadersPolicyConfig"]["Name"],
        63: properties(console, "ConsoleSignIn")["Domain"],
    }
    for longest, name in names.items():
        for stack in (SHORT, LONG):
            assert len(said(name, stack)) <= longest
    # It may have 128 characters, as a stack may (Amazon Cognito, "CreateUserPool").
    assert properties(console, "ConsoleUserPool")["UserPoolName"] == {"Ref": "AWS::StackName"}
    # Amazon Cognito, "CreateUserPoolDomain": lower case, and no word of Amazon's.
    assert re.fullmatch("destination-[0-9a-f-]{36}", said(names[63], LONG))


def test_what_fills_the_bucket_does_it_again_for_every_build(console: Template) -> None:
    files = properties(console, "ConsoleFiles")
    assert files["ServiceToken"] == {"Fn::GetAtt": ["ConsoleFunction", "Arn"]}
    assert files["Bucket"] == {"Ref": "ConsoleBucket"}
    # An ARN of a layer has the number of its version, which is a new one when anything in it is.
    assert [re.sub("[0-9a-f]{10}$", "", one["Ref"]) for one in files["Builds"]] == ["ConsoleLayer", "DestinationLayer"]


def test_the_page_connects_to_this_stack_alone_and_is_told_what_it_needs(expanded: Template, console: Template) -> None:
    """The keys are those of CloudFrontConfig in console/src/session/config.ts."""
    files = properties(console, "ConsoleFiles")
    api = "https://${Api}.execute-api.${AWS::Region}.${AWS::URLSuffix}"
    assert [one["Fn::Sub"] for one in files["Connects"]] == [
        api,
        SIGN_IN,
        IDENTITIES,
        "https://${Bucket.RegionalDomainName}",
    ]
    assert files["Config"] == {
        "host": "cloudfront",
        "apiUrl": {"Fn::Sub": f"{api}/${{StageName}}"},
        "region": {"Ref": "AWS::Region"},
        "userPoolId": {"Ref": "ConsoleUserPool"},
        "clientId": {"Ref": "ConsoleClient"},
        "identityPoolId": {"Ref": "ConsoleIdentityPool"},
        "domain": {"Fn::Sub": SIGN_IN},
    }
    named = settle(expanded, Console="cloudfront", DomainName="api.example.org", CertificateArn="arn")
    own = properties(named, "ConsoleFiles")
    assert (own["Connects"][0], own["Config"]["apiUrl"]) == ({"Fn::Sub": "https://${DomainName}"},) * 2
    assert own["Config"]["apiUrl"] == named["Outputs"]["ApiUrl"]["Value"]


def test_files_are_put_into_the_bucket_by_the_console_and_by_no_other_page(
    expanded: Template, template: Template, console: Template
) -> None:
    """An address that was given for a file is good by itself; the rule only lets the browser use it (Amazon S3, "Using
    cross-origin resource sharing"). Answers are not read by it, as a result is opened, and not fetched.
    """
    assert "CorsConfiguration" not in properties(template, "Bucket")
    (rule,) = properties(console, "Bucket")["CorsConfiguration"]["CorsRules"]
    assert rule == {
        "AllowedMethods": ["PUT"],
        "AllowedOrigins": [{"Fn::Sub": "https://${ConsoleDistribution.DomainName}"}],
        "MaxAge": 600,
    }
    own = settle(expanded, Console="cloudfront", **DOMAIN)
    (named,) = properties(own, "Bucket")["CorsConfiguration"]["CorsRules"]
    assert named["AllowedOrigins"] == [{"Fn::Sub": "https://${ConsoleDomainName}"}]


def test_a_call_that_was_not_answered_is_made_again_before_cloudformation_gives_up(console: Template) -> None:
    """AWS Lambda, "Error handling for asynchronous invocation": two more tries, after a minute and after two."""
    function = properties(console, "ConsoleFunction")
    assert properties(console, "ConsoleFiles")["ServiceTimeout"] >= 3 * function["Timeout"] + 180


def test_the_function_of_the_files_may_write_them_and_nothing_else(console: Template) -> None:
    assert granted(console, "ConsoleRole") == {
        "ConsoleLogGroup": ["logs:CreateLogStream", "logs:PutLogEvents"],
        "ConsoleBucket": ["s3:ListBucket"],
        "${ConsoleBucket.Arn}/*": ["s3:DeleteObject", "s3:PutObject"],
    }
    assert "ManagedPolicyArns" not in properties(console, "ConsoleRole")
    (trust,) = properties(console, "ConsoleRole")["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}
    called = [one["FunctionName"] for one in of_type(console, "AWS::Lambda::Permission").values()]
    assert {"Ref": "ConsoleFunction"} not in called, "CloudFormation calls it as whoever deploys"


def test_the_function_of_the_files_runs_like_the_others(expanded: Template, console: Template) -> None:
    function = properties(console, "ConsoleFunction")
    assert (function["Handler"], function["Runtime"]) == ("app.handler", "python3.13")
    assert function["Role"] == {"Fn::GetAtt": ["ConsoleRole", "Arn"]}
    assert function["LoggingConfig"]["LogGroup"] == {"Ref": "ConsoleLogGroup"}
    assert properties(console, "ConsoleLogGroup")["RetentionInDays"] == {"Ref": "LogRetentionDays"}
    others = properties(console, "ConnectionsFunction")["Layers"]
    assert [one for one in function["Layers"] if one not in others] == [
        properties(console, "ConsoleFiles")["Builds"][0]
    ]
    inside = settle(expanded, Console="cloudfront", SubnetIds="subnet-0a", SecurityGroupIds="sg-0a")
    assert "VpcConfig" in properties(inside, "ConsoleFunction")
    assert "ManagedPolicyArns" in properties(inside, "ConsoleRole")


def names_in(node: Any) -> Iterator[str]:
    """The resources, parameters and parts that something names."""
    match node:
        case {"Ref": name} | {"Fn::GetAtt": [name, *_]}:
            yield name
        case {"Fn::Sub": [text, parts]}:
            yield from (name for name in names_in({"Fn::Sub": text}) if name not in parts)
            yield from names_in(parts)
        case {"Fn::Sub": str() as text}:
            yield from (name.split(".")[0] for name in re.findall(r"\$\{([\w:.]+)}", text))
        case dict() | list():
            for one in node.values() if isinstance(node, dict) else node:
                yield from names_in(one)


def test_nothing_waits_for_what_waits_for_it(expanded: Template) -> None:
    """The API names the console, whose page has to name the API (docs/decisions/0046-console-in-the-stack.md)."""
    resources = settle(expanded, Console="cloudfront", RequestsPerAddress="1000")["Resources"]
    waits = {name: {one for one in names_in(resource) if one in resources} for name, resource in resources.items()}
    assert {"ConsoleDistribution", "ConnectionsFunction"} <= waits["Api"]
    TopologicalSorter(waits).prepare()  # raises CycleError, which names the circle


@pytest.mark.parametrize(("built", "files"), [(True, {"index.html", "assets/index-1.js"}), (False, {"MISSING"})])
def test_sam_packs_the_console_where_it_was_built_and_needs_no_node_where_it_was_not(
    tmp_path: Path, built: bool, files: set[str]
) -> None:
    if built:
        (tmp_path / "dist/assets").mkdir(parents=True)
        (tmp_path / "dist/index.html").write_text("page")
        (tmp_path / "dist/assets/index-1.js").write_text("script")
    command = [MAKE, "--makefile", str(ROOT / "layers/console/Makefile"), "build-ConsoleLayer", "ARTIFACTS_DIR=layer"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)  # noqa: S603 - the arguments stand here

    content = tmp_path / "layer/console"  # Lambda unpacks it below /opt
    assert {path.relative_to(content).as_posix() for path in content.rglob("*") if path.is_file()} == files
    assert source()["Resources"]["ConsoleLayer"]["Metadata"] == {
        "BuildMethod": "makefile",
        "WorkingDirectory": "console",
    }
    assert Path("/opt/console") == BUILD


def test_sam_builds_the_function_of_the_files(tmp_path: Path) -> None:
    command = [MAKE, "build-ConsoleFunction", f"ARTIFACTS_DIR={tmp_path}"]
    subprocess.run(command, cwd=ROOT / "functions", check=True, capture_output=True)  # noqa: S603 - as above
    assert (tmp_path / "app.py").read_text() == (ROOT / "functions/console/app.py").read_text()
