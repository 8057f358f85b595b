"""Clients of the emulated services."""

import os
from typing import Any

import botocore.session
from botocore.config import Config

from local import places


def client(service: str, endpoint: str) -> Any:
    """An SDK client of the emulator, whatever profile, account or proxy the caller's environment names."""
    session = botocore.session.Session(
        {"profile": (None, [], None, None), "config_file": (None, None, os.devnull, None)}
    )
    return session.create_client(
        service,
        region_name=places.REGION,
        endpoint_url=endpoint,
        config=Config(proxies={}, retries={"max_attempts": 1}),
        aws_access_key_id=places.CREDENTIAL,
        aws_secret_access_key=places.CREDENTIAL,
    )
