"""Edge: what CloudFormation asks of a custom resource, and the answer that it waits for.

AWS CloudFormation, "Custom resource request objects" and "Custom resource response objects".
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final, Self

import urllib3
from urllib3.exceptions import HTTPError

_MAX_REASON_LENGTH: Final = 1_000
"""Characters; the whole answer may have 4,096 bytes."""

_TIMEOUT_SECONDS: Final = 5.0
_RETRIES: Final = urllib3.Retry(3, backoff_factor=0.2, allowed_methods=None, status_forcelist=[500, 502, 503, 504])


class RequestKind(StrEnum):
    CREATE = "Create"
    UPDATE = "Update"
    DELETE = "Delete"


class NotTakenError(Exception):
    """The address of the answer refused it, so that CloudFormation waits on."""


@dataclass(frozen=True, slots=True)
class ResourceRequest:
    """`physical_id`: what the resource was called by an answer of before; None: it is to be created.

    `answer_url` is signed: who knows it can answer. It is in no representation, and so in no log.
    """

    kind: RequestKind
    properties: Mapping[str, Any]
    physical_id: str | None
    identity: Mapping[str, str]
    _answer_url: str

    def __repr__(self) -> str:
        return f"ResourceRequest({self.kind}, {self.physical_id})"

    @classmethod
    def of(cls, event: Mapping[str, Any]) -> Self:
        """Raises KeyError and ValueError of an event that is none of CloudFormation's."""
        return cls(
            kind=RequestKind(event["RequestType"]),
            properties=event["ResourceProperties"],
            physical_id=event.get("PhysicalResourceId"),
            identity={name: event[name] for name in ("StackId", "RequestId", "LogicalResourceId")},
            _answer_url=event["ResponseURL"],
        )

    def answer(self, physical_id: str, failure: str | None = None) -> None:
        """Say that it is done, or why it is not. Raises NotTakenError, after some patience.

        `physical_id`: another than before has CloudFormation delete the one before.
        """
        body = {
            **self.identity,
            "PhysicalResourceId": physical_id,
            "Status": "SUCCESS" if failure is None else "FAILED",
            "Reason": (failure or "")[:_MAX_REASON_LENGTH],
        }
        # The signature is over an empty content type.
        try:
            taken = urllib3.request(
                "PUT",
                self._answer_url,
                body=json.dumps(body).encode(),
                headers={"Content-Type": ""},
                timeout=_TIMEOUT_SECONDS,
                retries=_RETRIES,
            )
        except HTTPError as error:  # its message has the address
            raise NotTakenError(f"CloudFormation's address cannot be reached: {type(error).__name__}") from None
        if taken.status != HTTPStatus.OK:
            raise NotTakenError(f"CloudFormation's address answers {taken.status}")
