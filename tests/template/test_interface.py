"""The REST API: its routes, who may call them, throttling, logs."""

import json
from typing import Any

from testing.template import Template, of_type

WEBHOOK = ("POST", "/connections/{connection_id}/events")
OTHER_METHODS = ("X-AMAZON-APIGATEWAY-ANY-METHOD", "/connections/{connection_id}/events")

ROUTES = {
    WEBHOOK: "IngestFunction",
    OTHER_METHODS: "IngestFunction",
    ("POST", "/connections"): "ConnectionsFunction",
    ("GET", "/connections"): "ConnectionsFunction",
    ("GET", "/connections/{connection_id}"): "ConnectionsFunction",
    ("PATCH", "/connections/{connection_id}"): "ConnectionsFunction",
    ("DELETE", "/connections/{connection_id}"): "ConnectionsFunction",
    ("POST", "/connections/{connection_id}/enable"): "ConnectionsFunction",
    ("POST", "/connections/{connection_id}/disable"): "ConnectionsFunction",
    ("GET", "/connections/{connection_id}/mapping"): "ConnectionsFunction",
    ("PUT", "/connections/{connection_id}/mapping"): "ConnectionsFunction",
    ("GET", "/connections/{connection_id}/audiences"): "ConnectionsFunction",
    ("POST", "/connections/{connection_id}/audiences"): "ConnectionsFunction",
    ("GET", "/connections/{connection_id}/audiences/{activation_id}"): "ConnectionsFunction",
    ("PATCH", "/connections/{connection_id}/audiences/{activation_id}"): "ConnectionsFunction",
    ("DELETE", "/connections/{connection_id}/audiences/{activation_id}"): "ConnectionsFunction",
    ("POST", "/connections/{connection_id}/previews"): "ConnectionsFunction",
    ("GET", "/connections/{connection_id}/marketo/dedupe-fields"): "ConnectionsFunction",
    ("GET", "/connections/{connection_id}/marketo/fields"): "ConnectionsFunction",
    ("GET", "/connections/{connection_id}/marketo/partitions"): "ConnectionsFunction",
    ("GET", "/connections/{connection_id}/marketo/workspaces"): "ConnectionsFunction",
    ("GET", "/connections/{connection_id}/marketo/lists"): "ConnectionsFunction",
    ("POST", "/connections/{connection_id}/checks"): "ConnectionsFunction",
    ("GET", "/connections/{connection_id}/runs"): "ConnectionsFunction",
    ("GET", "/connections/{connection_id}/runs/{run_id}"): "ConnectionsFunction",
    ("GET", "/governance/policies"): "ConnectionsFunction",
    ("PUT", "/governance/policies"): "ConnectionsFunction",
    ("POST", "/governance/evaluations"): "ConnectionsFunction",
    ("POST", "/connections/{connection_id}/ingest-token"): "ConnectionsFunction",
    ("GET", "/audit"): "ConnectionsFunction",
    ("POST", "/migrations/legacy-v2"): "ConnectionsFunction",
    ("GET", "/connections/{connection_id}/alerts"): "ConnectionsFunction",
    ("PUT", "/connections/{connection_id}/alerts"): "ConnectionsFunction",
    ("POST", "/connections/{connection_id}/verifications"): "ConnectionsFunction",
    ("GET", "/connections/{connection_id}/verifications"): "ConnectionsFunction",
    ("GET", "/connections/{connection_id}/verifications/{verification_id}"): "ConnectionsFunction",
    ("DELETE", "/connections/{connection_id}/verifications/{verification_id}"): "ConnectionsFunction",
}


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


def test_the_control_plane_is_signed_and_the_webhook_is_left_to_its_bearer_token(template: Template) -> None:
    for route, operation in operations(template).items():
        assert operation["security"] == [{"NONE" if route in {WEBHOOK, OTHER_METHODS} else "AWS_IAM": []}], route


def test_the_api_calls_functions_as_itself(template: Template) -> None:
    # With the caller's credentials every operator would need a permission on the functions as well.
    for route, operation in operations(template).items():
        assert "credentials" not in operation["x-amazon-apigateway-integration"], route


def test_requests_are_throttled_and_measured_but_their_bodies_are_not_logged(template: Template) -> None:
    (settings,) = stage(template)["MethodSettings"]

    assert settings["ResourcePath"] == "/*"
    assert settings["HttpMethod"] == "*"
    assert settings["ThrottlingRateLimit"] == {"Ref": "RequestsPerSecond"}
    assert settings["ThrottlingBurstLimit"] == {"Ref": "RequestBurst"}
    assert settings["MetricsEnabled"] is True
    assert settings["DataTraceEnabled"] is False


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


def test_calls_are_traced(template: Template) -> None:
    assert stage(template)["TracingEnabled"] is True


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
