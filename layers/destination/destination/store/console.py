"""Edge: the console as it was built, in a folder, and the bucket that it is served from."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from destination.domain.console import PAGE, ConsoleFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

_AT_ONCE: Final = 1_000
"""DeleteObjects takes so many (Amazon S3, "DeleteObjects")."""


class NotBuiltError(Exception):
    """The stack was built without the console."""


class NotDeletedError(Exception):
    """S3 kept objects that it was told to delete; the codes are its own."""


class ConsoleBuild:
    """What `npm run build` made: the layer's copy of console/dist."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def files(self) -> Iterator[ConsoleFile]:
        """All files, by path. Raises NotBuiltError before the first."""
        if not (self._folder / PAGE).is_file():
            raise NotBuiltError(
                "the stack was built without the console: make build CONSOLE=cloudfront, and deploy again; or deploy "
                "with Console=none"
            )
        for path in sorted(self._folder.rglob("*")):
            if path.is_file():
                yield ConsoleFile(path.relative_to(self._folder).as_posix(), path.read_bytes())


class ConsoleBucket:
    """Every method raises ClientError where S3 refuses."""

    def __init__(self, client: "S3Client", name: str) -> None:
        self._client = client
        self._name = name

    def put(self, file: ConsoleFile) -> None:
        self._client.put_object(
            Bucket=self._name,
            Key=file.path,
            Body=file.content,
            ContentType=file.content_type,
            CacheControl=file.cache_control,
        )

    def delete_page(self) -> int:
        """Delete up to 1,000 objects; how many they were. A bucket that is gone has none. Raises NotDeletedError."""
        try:
            listed = self._client.list_objects_v2(Bucket=self._name, MaxKeys=_AT_ONCE).get("Contents", [])
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchBucket":
                return 0
            raise
        if listed:
            objects: list[ObjectIdentifierTypeDef] = [{"Key": one["Key"]} for one in listed]
            answer = self._client.delete_objects(Bucket=self._name, Delete={"Objects": objects, "Quiet": True})
            if kept := answer.get("Errors"):
                raise NotDeletedError(f"{self._name} keeps objects: {', '.join(sorted({one['Code'] for one in kept}))}")
        return len(listed)
