"""What CloudFormation asks of the console."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from destination.composition import aws
from destination.control.console import UnpackConsole
from destination.store.console import ConsoleBucket, ConsoleBuild

BUILD: Final = Path("/opt/console")
"""Where Lambda unpacks the layer that layers/console/Makefile makes."""


def unpack_console(bucket: str, has_time: Callable[[], bool]) -> UnpackConsole:
    return UnpackConsole(ConsoleBuild(BUILD), ConsoleBucket(aws.s3(), bucket), has_time)
