"""The REST API: its routes, who may call them, throttling, logs."""

import json
from typing import Any

import pytest

from testing.template import ROOT, Template, of_type, settle

WEBHOOK = ("POST", "/connections/{connection_id}/events")
OTHER_METHODS = ("X-AMAZON-APIGATEWAY-ANY-METHOD", "/connections/{connection_id}/events")
TOKEN = {(method, "/oauth2/token") for method in ("POST", "X-AMAZON-APIGATEWAY-ANY-METHOD")}
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
SOURCE_CALLS = {(method, "/connections/{connection_id}/source/{proxy+}") for method in METHODS}
FOR_SENDERS = {WEBHOOK, OTHER_METHODS, *TOKEN, *SOURCE_CALLS}
CONTROL_PLANE = {(method, "/{proxy+}") for method in METHODS}

ROUTES = {
    WEBHOOK: "IngestFunction",
    OTHER_METHODS: "IngestFunction",
    **dict.fromkeys(TOKEN, "IngestFunction"),
    **dict.fromkeys(SOURCE_CALLS, "ConnectionsFunction"),
    **dict.fromkeys(CONTROL_PLANE, "ConnectionsFunction"),
}


def test_every_body_reaches_the_functions_as_it_was_sent(template: Template) -> None:
    (api,) = of_type(template, "AWS::ApiGateway::RestApi").values()
    assert api["Body"]["x-amazon-apigateway-binary-media-types"] == ["*/*"]
    assert api["BinaryMediaTypes"] == ["*~1*"]  # CloudFormation wants slashes so.


def operations(template: Template) -> dict[tuple[str, str], dict[str, Any]]:
    paths = template["Resources"]["Api"]["Properties"]["Body"]["paths"]
    return {
        (method.upper(), path): operation for path, methods in paths.items() for method, operation in methods.items()
    }


def stage(template: Template) -> dict[str, Any]:
    (properties,) = of_type(template, "AWS::ApiGateway::Stage").values()
    return properties


def test_every_route_leads_to_its_function(template: Template) -> None:
    targets = {
        route: operation["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
        for route, operation in operations(template).items()
    }

    assert targets.keys() == ROUTES.keys()
    for route, function in ROUTES.items():
        assert f"/functions/${{{function}.Arn}}/" in targets[route]


def test_all_calls_of_the_contract_are_routed() -> None:
    """A greedy resource takes every path that no other resource takes, but for the root (Amazon API Gateway, "Set up a
    proxy integration with a proxy resource").
    """
    contract = json.loads((ROOT / "docs" / "openapi.json").read_text())
    for path, operations_of in contract["paths"].items():
        assert path != "/"
        assert {method.upper() for method in operations_of if method != "parameters"} <= {*METHODS}, path


def test_the_control_plane_is_signed_and_senders_prove_themselves_to_the_functions(template: Template) -> None:
    for route, operation in operations(template).items():
        assert operation["security"] == [{"NONE" if route in FOR_SENDERS else "AWS_IAM": []}], route


def test_the_api_calls_functions_as_itself(template: Template) -> None:
    # With the caller's credentials every operator would need a permission on the functions as well.
    for route, operation in operations(template).items():
        assert "credentials" not in operation["x-amazon-apigateway-integration"], route


def test_requests_are_throttled_and_measured_but_their_bodies_are_not_logged(template: Template) -> None:
    settings = {(one["ResourcePath"], one["HttpMethod"]): one for one in stage(template)["MethodSettings"]}

    # CloudFormation, "AWS::ApiGateway::Stage MethodSetting": slashes of the path after the first are written ~1.
    webhook, control_plane = ("/~1connections~1{connection_id}~1events", "POST"), ("/*", "*")
    assert webhook[0].replace("~1", "/").removeprefix("/") == WEBHOOK[1]
    assert settings.keys() == {webhook, control_plane}
    for key, name in ((webhook, "Webhook"), (control_plane, "ControlPlane")):
        assert settings[key]["ThrottlingRateLimit"] == {"Ref": f"{name}RequestsPerSecond"}
        assert settings[key]["ThrottlingBurstLimit"] == {"Ref": f"{name}RequestBurst"}
        assert settings[key]["MetricsEnabled"] is True
        assert settings[key]["DataTraceEnabled"] is False


def test_a_backfill_is_not_throttled_by_default(template: Template) -> None:
    """Experience Platform sends up to 10,000 requests a second, and forgets an event that was refused three times."""
    assert template["Parameters"]["WebhookRequestsPerSecond"]["Default"] == 10_000


OPEN_TO_SENDERS = [
    "execute-api:/*/*/connections/*/events",
    "execute-api:/*/*/connections/*/source/*",
    "execute-api:/*/*/oauth2/token",
]


def denied_elsewhere(parameter: str) -> dict[str, Any]:
    return {"NotIpAddress": {"aws:SourceIp": {"Fn::Split": [",", {"Ref": parameter}]}}}


def test_by_default_no_policy_stands_beside_iam(template: Template) -> None:
    assert "Policy" not in template["Resources"]["Api"]["Properties"]
    assert not of_type(template, "AWS::WAFv2::WebACLAssociation")


@pytest.mark.parametrize(
    ("parameters", "denials"),
    [
        ({"WebhookSources": "192.0.2.0/24"}, [("Resource", "WebhookSources")]),
        ({"ControlPlaneSources": "192.0.2.1"}, [("NotResource", "ControlPlaneSources")]),
        (
            {"WebhookSources": "192.0.2.0/24", "ControlPlaneSources": "2001:db8::/32"},
            [("Resource", "WebhookSources"), ("NotResource", "ControlPlaneSources")],
        ),
    ],
)
def test_other_addresses_are_refused_and_the_control_plane_is_opened_to_nobody(
    expanded: Template, parameters: dict[str, str], denials: list[tuple[str, str]]
) -> None:
    """Only the webhook is allowed: a statement that allows the control plane would let in whoever has an account."""
    allow, *deny = settle(expanded, **parameters)["Resources"]["Api"]["Properties"]["Policy"]["Statement"]

    assert (allow["Effect"], allow["Resource"]) == ("Allow", OPEN_TO_SENDERS)
    assert [(one["Effect"], one[kind], one["Condition"]) for one, (kind, _) in zip(deny, denials, strict=True)] == [
        ("Deny", OPEN_TO_SENDERS, denied_elsewhere(parameter)) for _, parameter in denials
    ]


def test_a_web_acl_is_of_others_or_its_own(expanded: Template) -> None:
    arn = "arn:aws:wafv2:eu-central-1:111122223333:regional/webacl/mine/a1"
    for parameters, acl in (
        ({"WebAclArn": arn}, {"Ref": "WebAclArn"}),
        ({"WebAclArn": arn, "RequestsPerAddress": "1000"}, {"Ref": "WebAclArn"}),
        ({"RequestsPerAddress": "1000"}, {"Fn::GetAtt": ["WebAcl", "Arn"]}),
    ):
        settled = settle(expanded, **parameters)
        (association,) = of_type(settled, "AWS::WAFv2::WebACLAssociation").values()
        assert association["WebACLArn"] == acl
        assert ("WebAcl" in settled["Resources"]) == ("Fn::GetAtt" in acl)


def test_a_flood_and_requests_without_a_token_do_not_reach_a_function(expanded: Template) -> None:
    """That AWS WAF answers so can be seen on AWS alone."""
    acl = settle(expanded, RequestsPerAddress="1000")["Resources"]["WebAcl"]["Properties"]
    rules = {rule["Action"]["Block"]["CustomResponse"]["ResponseCode"]: rule["Statement"] for rule in acl["Rules"]}

    header = rules[401]["NotStatement"]["Statement"]["SizeConstraintStatement"]
    assert (header["FieldToMatch"], header["ComparisonOperator"], header["Size"]) == (
        {"SingleHeader": {"Name": "authorization"}},
        "GT",
        0,
    )
    assert rules[429]["RateBasedStatement"]["Limit"] == {"Ref": "RequestsPerAddress"}
    assert acl["DefaultAction"] == {"Allow": {}}


CERTIFICATE = "arn:aws:acm:eu-central-1:111122223333:certificate/0"


def domain(expanded: Template, **parameters: str) -> dict[str, Any]:
    settled = settle(expanded, DomainName="events.example.org", CertificateArn=CERTIFICATE, **parameters)
    (properties,) = of_type(settled, "AWS::ApiGateway::DomainName").values()
    (mapping,) = of_type(settled, "AWS::ApiGateway::BasePathMapping").values()
    assert mapping["RestApiId"] == {"Ref": "Api"}
    assert "BasePath" not in mapping
    assert settled["Outputs"]["ApiUrl"]["Value"] == {"Fn::Sub": "https://${DomainName}"}
    (server,) = settled["Resources"]["Api"]["Properties"]["Body"]["servers"]
    closed = server["x-amazon-apigateway-endpoint-configuration"]
    assert closed == {"disableExecuteApiEndpoint": "TruststoreUri" in parameters}
    return properties


def test_a_domain_of_ones_own(expanded: Template, template: Template) -> None:
    enhanced = domain(expanded)
    assert enhanced["SecurityPolicy"] == {"Ref": "DomainTlsPolicy"}
    assert enhanced["EndpointAccessMode"] == "STRICT"
    assert "MutualTlsAuthentication" not in enhanced
    assert not of_type(template, "AWS::ApiGateway::DomainName")
    assert "DomainTarget" not in template["Outputs"]


@pytest.mark.parametrize(
    "parameters",
    [{"DomainTlsPolicy": "TLS_1_2"}, {"TruststoreUri": "s3://trust/roots.pem"}],
)
def test_an_access_mode_goes_with_newer_policies_alone(expanded: Template, parameters: dict[str, str]) -> None:
    """Amazon API Gateway, "Security policies": mutual TLS and an access mode of the endpoint exclude each other."""
    properties = domain(expanded, **parameters)
    assert properties["SecurityPolicy"] == "TLS_1_2"
    assert "EndpointAccessMode" not in properties


def test_mutual_tls_cannot_be_gone_around(expanded: Template) -> None:
    asked = domain(expanded, TruststoreUri="s3://trust/roots.pem", TruststoreVersion="v1")
    assert asked["MutualTlsAuthentication"] == {
        "TruststoreUri": {"Ref": "TruststoreUri"},
        "TruststoreVersion": {"Ref": "TruststoreVersion"},
    }


def test_the_access_log_is_json_without_headers_or_bodies(template: Template) -> None:
    setting = stage(template)["AccessLogSetting"]
    line = json.loads(setting["Format"])

    assert setting["DestinationArn"] == {"Fn::GetAtt": ["ApiLogGroup", "Arn"]}
    assert {"requestId", "time", "caller", "method", "path", "status", "latencyMs"} <= line.keys()
    assert not [value for value in line.values() if "header" in value or "body" in value or "querystring" in value]


def test_the_stage_waits_for_the_role_that_writes_its_log(template: Template) -> None:
    description = template["Resources"]["Api"]["Properties"]["Description"]

    assert "${ApiLogAccount}" in description["Fn::Sub"]
    assert stage(template)["RestApiId"] == {"Ref": "Api"}


def test_old_versions_of_tls_are_refused(template: Template) -> None:
    api = template["Resources"]["Api"]["Properties"]

    assert api["SecurityPolicy"].startswith("SecurityPolicy_TLS13_1_2")
    assert api["EndpointAccessMode"] == "STRICT"
    assert api["EndpointConfiguration"] == {"Types": ["REGIONAL"]}


def test_a_share_of_the_calls_is_traced(expanded: Template, template: Template) -> None:
    """X-Ray's own rule, with its reservoir of a trace a second, would trace every call of a small stack."""
    (properties,) = of_type(template, "AWS::XRay::SamplingRule").values()
    rule = properties["SamplingRule"]

    assert stage(template)["TracingEnabled"] is True
    assert (rule["ReservoirSize"], rule["FixedRate"]) == (0, {"Ref": "TraceSampleRate"})
    assert rule["ResourceARN"]["Fn::Sub"][0].endswith("/restapis/${Api}/stages/${Stage}")
    assert not of_type(settle(expanded, AwsEndpointUrl="http://127.0.0.1:4566"), "AWS::XRay::SamplingRule")


def test_errors_of_the_gateway_have_the_form_of_the_functions_errors(template: Template) -> None:
    responses = template["Resources"]["Api"]["Properties"]["Body"]["x-amazon-apigateway-gateway-responses"]

    for kind, response in responses.items():
        assert response["responseParameters"] == {"gatewayresponse.header.Content-Type": "'application/problem+json'"}
        body = json.loads(
            response["responseTemplates"]["application/json"].replace("$context.error.messageString", '"Refused"')
        )
        assert body.keys() == {"type", "title", "detail", "errors", *(["status"] if "statusCode" in response else [])}
        assert (body["detail"], body["errors"]) == ("Refused", [])
        # All others share the fallback, which must not change their status.
        assert ("statusCode" in response) == (not kind.startswith("DEFAULT"))
        assert str(body.get("status")) == str(response.get("statusCode"))
    assert {"DEFAULT_4XX", "DEFAULT_5XX", "MISSING_AUTHENTICATION_TOKEN", "THROTTLED"} <= responses.keys()
