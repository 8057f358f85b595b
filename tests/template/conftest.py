import pytest

from testing.template import Template, expand, settle

KEY = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="session")
def expanded() -> Template:
    """The expanded template with its conditions."""
    return expand()


@pytest.fixture(scope="session")
def template(expanded: Template) -> Template:
    """The expanded template as deployed with the default parameters."""
    return settle(expanded)


@pytest.fixture(scope="session")
def template_with_key(expanded: Template) -> Template:
    """The expanded template as deployed with a customer-managed key."""
    return settle(expanded, KmsKeyArn=KEY)
