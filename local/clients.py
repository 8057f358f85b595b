"""Clients of the emulated services."""

import os
from typing import Any

from local import places


def client(service: str, endpoint: str) -> Any:
    """An SDK client of the emulator, whatever profile, account or proxy the caller's environment names."""
    # Whoever tells of the stack or ends it needs none: that takes no more than the machine's Python.
    import botocore.session  # noqa: PLC0415
    from botocore.config import Config  # noqa: PLC0415

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
