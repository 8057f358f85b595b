"""Which activation a command means: by the audience's id as its source writes it, or by its own."""

from typing import Any

import pytest

from destination.domain.audience import ANY_NAMESPACE, AudienceKey, activation_id
from destination_client.activations import activation_meant
from destination_client.errors import CommandError

LISTED = [("ups", "a / b"), ("crm", "a / b"), ("crm", "0123456789ab")]


class Plane:
    """A control plane with some audiences."""

    def get(self, path: str) -> dict[str, Any]:
        assert path == "/connections/c-1/audiences"
        keys = [AudienceKey(*one) for one in LISTED]
        names = [f"Audience {one.id} of {one.namespace}" for one in keys]
        return {
            "audiences": [
                {"activation_id": activation_id(one), "name": name, **one._asdict()}
                for one, name in zip(keys, names, strict=True)
            ]
        }


def meant(audience: str | None, namespace: str | None = None) -> str | None:
    return activation_meant(Plane(), "c-1", audience, namespace)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("audience", "namespace", "key"),
    [
        ("a / b", "crm", ("crm", "a / b")),
        (activation_id(AudienceKey("ups", "a / b")), None, ("ups", "a / b")),
        ("0123456789ab", None, ("crm", "0123456789ab")),
        ("gone", "crm", ("crm", "gone")),
        ("gone", None, (ANY_NAMESPACE, "gone")),
        ("a / b", "CRM", ("crm", "a / b")),
        ("audience a / B of crm", None, ("crm", "a / b")),
    ],
)
def test_an_audience_is_meant_by_either_id_though_it_is_deactivated(
    audience: str, namespace: str | None, key: tuple[str, str]
) -> None:
    assert meant(audience, namespace) == activation_id(AudienceKey(*key))


def test_the_id_of_an_activation_that_is_gone_is_taken_as_it_is() -> None:
    assert meant("fedcba987654") == "fedcba987654"
    assert meant(None) is None


def test_of_several_one_has_to_be_chosen() -> None:
    with pytest.raises(CommandError, match="2 audiences are called a / b") as refused:
        meant("a / b")
    assert all(activation_id(AudienceKey(*one)) in str(refused.value.detail) for one in LISTED[:2])
    with pytest.raises(CommandError, match="needs --audience"):
        meant(None, "crm")
