"""Files on the deployed stack: an export of Adobe's in two parts, its increment, an upload, and mirrors."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from local.stack import STACK_NAME
from tests.e2e.system import DELIVERY_SECONDS, HTTP_SECONDS, Destination, System, wait_for

AUDIENCE = "Exported"
STATUS = "segmentMembership.seg_namespace.seg_id.status"
COLUMNS = ("personalEmail.address", "person.name.firstName", "person.name.lastName")


def rows(names: Sequence[str], **more: str) -> list[dict[str, str]]:
    cells = [(f"{name}@files.example", name.title(), "Lovelace") for name in names]
    return [dict(zip(COLUMNS, one, strict=True)) | more for one in cells]


def test_an_export_its_increment_an_upload_and_mirrors(system: System) -> None:
    instance = system.instance()
    destination = system.connect(instance, AUDIENCE)
    drop(system, destination, "20261121101112", rows(("ada", "bob"), **{STATUS: "Active"}))
    drop(system, destination, "20261121101112_2", rows(("grace",), **{STATUS: "Active"}))
    wait_for(lambda: len(members(destination)) == 3 or None, DELIVERY_SECONDS, "both parts arrived")

    drop(system, destination, "20261121131112", rows(("bob",), **{STATUS: "Expired"}))
    wait_for(lambda: members(destination) == ["ada", "grace"] or None, DELIVERY_SECONDS, "who expired left")

    file_id = upload(system, destination, "add", rows(("mary", "ada")))
    wait_for(lambda: members(destination) == ["ada", "grace", "mary"] or None, DELIVERY_SECONDS, "the upload arrived")

    file = reached(system, destination, file_id, "completed")
    assert (file["status"], file["rows"], sum(file["outcomes"].values())) == ("completed", 2, 2)
    told = system.call("GET", f"/connections/{destination.id}/files/{file['id']}/result")
    answer = system.http.get(told["url"], timeout=HTTP_SECONDS)
    assert answer.ok, answer.text
    lines = csv.DictReader(io.StringIO(answer.text))
    assert [(one["row"], one["created"]) for one in lines] == [("1", "true"), ("2", "")]

    file_id = upload(system, destination, "mirror", rows(("ada", "eve")))
    assert reached(system, destination, file_id, "held")["holds"] == ["FIRST"]
    assert members(destination) == ["ada", "grace", "mary"]
    system.call("POST", f"/connections/{destination.id}/files/{file_id}/approve")
    assert reached(system, destination, file_id, "completed")["left"] == 2
    assert members(destination) == ["ada", "eve"]

    file_id = upload(system, destination, "mirror", [])
    assert reached(system, destination, file_id, "held")["holds"] == ["NO_ROWS", "SMALLER"]
    cancelled = system.call("DELETE", f"/connections/{destination.id}/files/{file_id}")
    assert (cancelled["status"], members(destination)) == ("cancelled", ["ada", "eve"])


def upload(system: System, destination: Destination, mode: str, content: Sequence[dict[str, str]]) -> str:
    """Put a file of the audience at the address that is given for it; its id."""
    text = as_csv(COLUMNS, content)
    (activation,) = system.call("GET", f"/connections/{destination.id}/audiences")["audiences"]
    asked = {"name": "more.csv", "size": len(text), "mode": mode, "activation_id": activation["activation_id"]}
    made = system.call("POST", f"/connections/{destination.id}/files", asked)
    answer = system.http.put(made["upload"]["url"], data=text, timeout=HTTP_SECONDS)
    assert answer.ok, answer.text
    return str(made["file"]["id"])


def drop(system: System, destination: Destination, time: str, content: Sequence[dict[str, str]]) -> None:
    """Put a part of an export into the bucket."""
    (described,) = system.aws("cloudformation").describe_stacks(StackName=STACK_NAME)["Stacks"]
    (bucket,) = (one["OutputValue"] for one in described["Outputs"] if one["OutputKey"] == "BucketName")
    key = f"uploads/{destination.id}/incremental/S3_segment{AUDIENCE}_{time}.csv"
    system.aws("s3").put_object(Bucket=bucket, Key=key, Body=as_csv([*COLUMNS, STATUS], content))


def as_csv(columns: Sequence[str], content: Sequence[dict[str, str]]) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns)
    writer.writeheader()
    writer.writerows(content)
    return text.getvalue().encode()


def members(destination: Destination) -> list[str]:
    return [email.partition("@")[0] for email in destination.instance.members(AUDIENCE)]


def reached(system: System, destination: Destination, file_id: str, status: str) -> dict[str, Any]:
    """A file once it has come to a status, for which the function looks every few minutes, and is made to look now."""

    def looked() -> dict[str, Any] | None:
        system.aws("lambda").invoke(FunctionName=system.stack.functions["files"], Payload=b"{}")
        shown: dict[str, Any] = system.call("GET", f"/connections/{destination.id}/files/{file_id}")
        return shown if shown["status"] == status else None

    return wait_for(looked, DELIVERY_SECONDS, f"the file is {status}")
