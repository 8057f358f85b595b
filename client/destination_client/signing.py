"""Requests signed for API Gateway's IAM authorisation (Amazon API Gateway, "Control access to a REST API with IAM")."""

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from requests import PreparedRequest
from requests.auth import AuthBase

SERVICE = "execute-api"
_UNSIGNED = frozenset({"accept", "accept-encoding", "connection", "content-length", "user-agent"})
"""What requests or a proxy on the way may still change."""


class Signed(AuthBase):
    """Signs with SigV4 as the caller's AWS identity, with credentials that are renewed as they run out."""

    def __init__(self, credentials: Credentials, region: str) -> None:
        self._credentials = credentials
        self._region = region

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _UNSIGNED}
        signed = AWSRequest(request.method, request.url, headers, request.body)
        SigV4Auth(self._credentials.get_frozen_credentials(), SERVICE, self._region).add_auth(signed)
        request.headers.update(dict(signed.headers.items()))
        return request


class Bearer(AuthBase):
    """The webhook's ingest token. Said so to requests, which would let a .netrc file overrule a header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request
