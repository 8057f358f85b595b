"""The key from which signing keys are made: there only if it is asked for, and for two functions alone."""

from typing import Any

import pytest

from testing.permissions import FUNCTIONS, granted
from testing.template import Template, settle

USERS = ("ingest", "connections")


@pytest.fixture(params=["true", "false"])
def settled(request: pytest.FixtureRequest, expanded: Template) -> tuple[bool, Template]:
    return request.param == "true", settle(expanded, SigningKeys=request.param, Console="cloudfront")


def variables(template: Template, name: str) -> Any:
    return template["Resources"][f"{name.title()}Function"]["Properties"]["Environment"]["Variables"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_those_who_make_signing_keys_know_it_and_may_do_nothing_else_with_it(
    settled: tuple[bool, Template], name: str
) -> None:
    is_there, template = settled
    is_user = is_there and name in USERS
    assert ("SIGNING_KEY" in variables(template, name)) == is_user
    assert granted(template, f"{name.title()}Role").get("SigningKey", []) == (["kms:GenerateMac"] if is_user else [])


def test_it_makes_codes_and_can_be_had_back_for_a_month(settled: tuple[bool, Template]) -> None:
    is_there, template = settled
    key = template["Resources"].get("SigningKey")
    assert (key is not None) == is_there
    if key is not None:
        properties = key["Properties"]
        assert (properties["KeySpec"], properties["KeyUsage"]) == ("HMAC_256", "GENERATE_VERIFY_MAC")
        assert properties["PendingWindowInDays"] == 30
