"""Who signs in to the console in the stack, what they may do there, and what the API answers their browsers.

That Amazon Cognito gives the role of the group is nothing that the emulator does. It can be seen on AWS alone.
"""

import json
from typing import Any

import pytest

from docs import permissions
from testing.template import ROOT, Template, of_type, settle, source

PERSONAS = permissions.personas(permissions.DOCUMENT.read_text())
OF_CLOUDFRONT = "https://${ConsoleDistribution.DomainName}"
DOMAIN = {
    "ConsoleDomainName": "console.example.org",
    "ConsoleCertificateArn": "arn:aws:acm:us-east-1:111122223333:certificate/0",
}


@pytest.fixture(scope="module")
def console(expanded: Template) -> Template:
    return settle(expanded, Console="cloudfront", RequestsPerAddress="1000", ControlPlaneSources="192.0.2.0/24")


def properties(template: Template, name: str) -> dict[str, Any]:
    found: dict[str, Any] = template["Resources"][name]["Properties"]
    return found


def test_people_are_made_known_by_administrators_and_have_a_second_factor(console: Template) -> None:
    pool = properties(console, "ConsoleUserPool")
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert pool["MfaConfiguration"] == {"Ref": "ConsoleMfa"}
    assert console["Parameters"]["ConsoleMfa"]["Default"] == "ON"
    assert pool["EnabledMfas"] == ["SOFTWARE_TOKEN_MFA"], "which needs no telephone"
    password = pool["Policies"]["PasswordPolicy"]
    assert password["MinimumLength"] >= 14
    assert {value for name, value in password.items() if name.startswith("Require")} == {True}
    assert password["TemporaryPasswordValidityDays"] <= 3


def test_the_user_pool_is_protected_as_the_tables_are(expanded: Template, console: Template) -> None:
    assert properties(console, "ConsoleUserPool")["DeletionProtection"] == "ACTIVE"
    free = settle(expanded, Console="cloudfront", DeletionProtection="false")
    assert properties(free, "ConsoleUserPool")["DeletionProtection"] == "INACTIVE"


def test_a_browser_has_no_secret_and_gets_a_code(console: Template) -> None:
    client = properties(console, "ConsoleClient")
    assert client["GenerateSecret"] is False
    assert client["AllowedOAuthFlows"] == ["code"]
    # Not aws.cognito.signin.user.admin: with its token whoever has it changes what the pool knows of the person.
    assert client["AllowedOAuthScopes"] == ["openid", "email"]
    assert client["PreventUserExistenceErrors"] == "ENABLED"
    assert "ALLOW_USER_PASSWORD_AUTH" not in client["ExplicitAuthFlows"]


def test_tokens_end_with_the_day_and_a_refresh_token_is_good_for_one_use(console: Template) -> None:
    client = properties(console, "ConsoleClient")
    assert client["TokenValidityUnits"] == {"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "hours"}
    assert (client["AccessTokenValidity"], client["IdTokenValidity"], client["RefreshTokenValidity"]) == (60, 60, 12)
    assert client["EnableTokenRevocation"] is True
    assert client["RefreshTokenRotation"] == {"Feature": "ENABLED", "RetryGracePeriodSeconds": 60}
    # Amazon Cognito, "Refresh token rotation": the flow that refreshes without a new token cannot stand beside it.
    assert "ALLOW_REFRESH_TOKEN_AUTH" not in client["ExplicitAuthFlows"]
    assert properties(console, "ConsoleUserPool")["UserPoolTier"] == "ESSENTIALS"


@pytest.mark.parametrize(
    ("parameters", "address"),
    [({}, f"{OF_CLOUDFRONT}/"), (DOMAIN, "https://${ConsoleDomainName}/")],
)
def test_the_code_is_sent_to_the_console_alone(expanded: Template, parameters: dict[str, str], address: str) -> None:
    client = properties(settle(expanded, Console="cloudfront", **parameters), "ConsoleClient")
    assert client["CallbackURLs"] == client["LogoutURLs"] == [{"Fn::Sub": address}]


def test_whoever_signs_in_elsewhere_is_let_in_by_a_parameter(console: Template) -> None:
    providers = properties(console, "ConsoleClient")["SupportedIdentityProviders"]
    assert providers == {"Fn::Split": [",", {"Ref": "ConsoleIdentityProviders"}]}
    assert console["Parameters"]["ConsoleIdentityProviders"]["Default"] == "COGNITO"


def test_there_are_no_guests_and_nobody_chooses_a_role(console: Template) -> None:
    pool = properties(console, "ConsoleIdentityPool")
    assert (pool["AllowUnauthenticatedIdentities"], pool["AllowClassicFlow"]) == (False, False)
    (provider,) = pool["CognitoIdentityProviders"]
    assert provider["ClientId"] == {"Ref": "ConsoleClient"}
    assert provider["ServerSideTokenCheck"] is True

    roles = properties(console, "ConsoleRoles")
    assert "Roles" not in roles, "no role for everybody"
    (mapping,) = roles["RoleMappings"].values()
    assert (mapping["Type"], mapping["AmbiguousRoleResolution"]) == ("Token", "Deny")
    assert mapping["IdentityProvider"] == {"Fn::Sub": "${ConsoleUserPool.ProviderName}:${ConsoleClient}"}


def test_each_persona_is_a_group_with_its_role(console: Template) -> None:
    groups = of_type(console, "AWS::Cognito::UserPoolGroup")
    assert {group["GroupName"] for group in groups.values()} == {name.lower() for name in PERSONAS}
    for name in PERSONAS:
        group = groups[f"Console{name}Group"]
        assert group["GroupName"] == name.lower()
        assert group["RoleArn"] == {"Fn::GetAtt": [f"Console{name}Role", "Arn"]}
        assert group["UserPoolId"] == {"Ref": "ConsoleUserPool"}
        # The policy of a persona, whose calls and length test_caller_permissions.py holds.
        assert properties(console, f"Console{name}Role")["ManagedPolicyArns"] == [{"Ref": f"{name}Persona"}]


def test_of_several_groups_one_is_always_first(console: Template) -> None:
    """Amazon Cognito, "Assigning precedence values to groups": of two with the same precedence none is preferred."""
    order = {
        group["Precedence"]: group["GroupName"] for group in of_type(console, "AWS::Cognito::UserPoolGroup").values()
    }
    assert len(order) == len(PERSONAS)
    assert (order[min(order)], order[max(order)]) == ("administrator", "observer")


@pytest.mark.parametrize("name", PERSONAS)
def test_a_role_is_for_those_who_signed_in_to_this_pool_alone(console: Template, expanded: Template, name: str) -> None:
    """Without the identity pool in the condition, whoever has one in whatever account could take the role."""
    role = properties(console, f"Console{name}Role")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust == {
        "Effect": "Allow",
        "Principal": {"Federated": "cognito-identity.amazonaws.com"},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {
            "StringEquals": {"cognito-identity.amazonaws.com:aud": {"Ref": "ConsoleIdentityPool"}},
            "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": "authenticated"},
        },
    }
    assert not {"Policies", "RoleName"} & role.keys()
    bounded = settle(expanded, Console="cloudfront", PermissionsBoundaryArn="arn:aws:iam::111122223333:policy/b")
    for one in (f"Console{name}Role", "ConsoleRole"):
        assert properties(bounded, one)["PermissionsBoundary"] == {"Ref": "PermissionsBoundaryArn"}


def definition(template: Template) -> dict[str, Any]:
    found: dict[str, Any] = properties(template, "Api")["Body"]
    return found


def preflight(template: Template) -> dict[str, Any]:
    found: dict[str, Any] = definition(template)["paths"]["/{proxy+}"]["options"]
    return found


def allowed(template: Template) -> dict[str, Any]:
    answer = preflight(template)["x-amazon-apigateway-integration"]["responses"]["default"]["responseParameters"]
    return {name.removeprefix("method.response.header."): value for name, value in answer.items()}


def test_a_browser_is_told_without_a_signature_that_the_console_may_call(console: Template) -> None:
    asked = preflight(console)
    assert asked["security"] == [{"NONE": []}]
    assert asked["x-amazon-apigateway-integration"]["type"] == "mock", "no function is started"
    # As everything is binary to this API, and no template reads what is.
    assert asked["x-amazon-apigateway-integration"]["contentHandling"] == "CONVERT_TO_TEXT"
    assert allowed(console)["Access-Control-Allow-Origin"] == {"Fn::Sub": f"'{OF_CLOUDFRONT}'"}
    assert asked["responses"]["204"]["headers"].keys() == allowed(console).keys()
    # Nothing that senders call is opened to pages.
    assert [path for path, methods in definition(console)["paths"].items() if "options" in methods] == ["/{proxy+}"]


def test_every_header_and_method_of_the_contract_may_be_sent(console: Template) -> None:
    contract = json.loads((ROOT / "docs" / "openapi.json").read_text())
    calls = [
        (method.upper(), call)
        for path in contract["paths"].values()
        for method, call in path.items()
        if method in {"get", "post", "put", "patch", "delete"} and call.get("security") != []
    ]
    named = {
        one["name"].lower() for _, call in calls for one in call.get("parameters", ()) if one.get("in") == "header"
    }
    headers = {one.lower() for one in allowed(console)["Access-Control-Allow-Headers"].strip("'").split(",")}
    # AWS, "Signature Version 4": what signs a call of temporary credentials.
    assert named | {"content-type", "authorization", "x-amz-date", "x-amz-security-token"} <= headers
    assert {method for method, _ in calls} == set(
        allowed(console)["Access-Control-Allow-Methods"].strip("'").split(",")
    )


def test_the_console_reads_what_the_gateway_itself_answers(expanded: Template, console: Template) -> None:
    for parameters, origin in (({}, OF_CLOUDFRONT), (DOMAIN, "https://${ConsoleDomainName}")):
        template = settle(expanded, Console="cloudfront", **parameters)
        assert allowed(template)["Access-Control-Allow-Origin"] == {"Fn::Sub": f"'{origin}'"}
        for kind, answer in definition(template)["x-amazon-apigateway-gateway-responses"].items():
            told = answer["responseParameters"]["gatewayresponse.header.Access-Control-Allow-Origin"]
            assert told == {"Fn::Sub": f"'{origin}'"}, kind
        variables = properties(template, "ConnectionsFunction")["Environment"]["Variables"]
        assert variables["CONSOLE_ORIGIN"] == {"Fn::Sub": origin}
    for name in ("IngestFunction", "SyncFunction", "MonitorFunction"):
        assert "CONSOLE_ORIGIN" not in properties(console, name)["Environment"]["Variables"]


def test_a_policy_of_addresses_lets_browsers_ask(console: Template) -> None:
    """Where a resource policy stands, a call without a signature needs its word (Amazon API Gateway, "How API Gateway
    resource policies affect authorization workflow"). Other addresses are denied that, too.
    """
    allow, deny = properties(console, "Api")["Policy"]["Statement"]
    assert "execute-api:/*/OPTIONS/*" in allow["Resource"]
    assert "execute-api:/*/OPTIONS/*" not in deny["NotResource"]


def test_a_web_acl_lets_browsers_ask_and_its_refusals_can_be_read(console: Template) -> None:
    rules = {one["Name"]: one for one in properties(console, "WebAcl")["Rules"]}
    either = rules["with-authorization"]["Statement"]["NotStatement"]["Statement"]["OrStatement"]["Statements"]
    assert [next(iter(one)) for one in either] == ["SizeConstraintStatement", "ByteMatchStatement"]
    assert either[1]["ByteMatchStatement"]["SearchString"] == "OPTIONS"
    assert either[1]["ByteMatchStatement"]["FieldToMatch"] == {"Method": {}}
    (header,) = rules["per-address"]["Action"]["Block"]["CustomResponse"]["ResponseHeaders"]
    assert header == {"Name": "Access-Control-Allow-Origin", "Value": {"Fn::Sub": OF_CLOUDFRONT}}


def test_what_a_parameter_changes_of_the_api_is_deployed() -> None:
    """SAM's deployment is a new one when the text of the template is; the same text says another thing for Console."""
    assert source()["Resources"]["Api"]["Properties"]["AlwaysDeploy"] is True


def test_mutual_tls_and_a_console_exclude_each_other(expanded: Template) -> None:
    rule = expanded["Rules"]["ConsoleHasNoMutualTls"]
    assert rule["RuleCondition"] == {"Fn::Equals": [{"Ref": "Console"}, "cloudfront"]}
    (one,) = rule["Assertions"]
    assert one["Assert"] == {"Fn::Equals": [{"Ref": "TruststoreUri"}, ""]}
