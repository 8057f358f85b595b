"""Files of a connection: where to upload one, and what became of its rows."""

from typing import Annotated

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.event_handler.api_gateway import Router
from aws_lambda_powertools.event_handler.openapi.params import Path

from destination.api.files import FileIn, FileList, FileOut, FileResult, RequestedFile, UploadOut
from destination.composition.connections import manage_files
from destination.control.files import ShownFile, WantedFile
from functions.connections.parameters import JSON, MAX_ID_LENGTH, ConnectionId, one_object

FileId = Annotated[str, Path(max_length=MAX_ID_LENGTH, description="The file's id.")]

router = Router()


@router.post(
    "/connections/<connection_id>/files",
    summary="Ask for an address to upload a file to",
    operation_id="requestUpload",
    status_code=201,
    middlewares=[one_object],
)
def request_upload(connection_id: ConnectionId, body: FileIn) -> Response[RequestedFile]:
    wanted = WantedFile(body.name, body.size, body.mode, body.activation_id, body.form)
    made = manage_files().request(connection_id, wanted)
    shown = manage_files().get(connection_id, made.file.id)
    upload = UploadOut(method="PUT", url=made.url, expires_at=made.expires_at)
    return Response(201, JSON, RequestedFile(file=_out(shown), upload=upload))


@router.get("/connections/<connection_id>/files", summary="List files", operation_id="listFiles")
def list_files(connection_id: ConnectionId) -> FileList:
    return FileList.of([(one.file, one.progress, one.preview) for one in manage_files().newest(connection_id)])


@router.get("/connections/<connection_id>/files/<file_id>", summary="Show a file", operation_id="getFile")
def get_file(connection_id: ConnectionId, file_id: FileId) -> FileOut:
    return _out(manage_files().get(connection_id, file_id))


@router.delete("/connections/<connection_id>/files/<file_id>", summary="Cancel a file", operation_id="cancelFile")
def cancel_file(connection_id: ConnectionId, file_id: FileId) -> FileOut:
    return _out(manage_files().cancel(connection_id, file_id))


@router.post(
    "/connections/<connection_id>/files/<file_id>/approve",
    summary="Have a file carried on that is held",
    operation_id="approveFile",
)
def approve_file(connection_id: ConnectionId, file_id: FileId) -> FileOut:
    return _out(manage_files().approve(connection_id, file_id))


@router.get(
    "/connections/<connection_id>/files/<file_id>/result",
    summary="Tell where the result of a file is",
    operation_id="getFileResult",
)
def get_file_result(connection_id: ConnectionId, file_id: FileId) -> FileResult:
    url, expires_at = manage_files().result_address(connection_id, file_id)
    return FileResult(url=url, expires_at=expires_at)


def _out(shown: ShownFile) -> FileOut:
    return FileOut.of(shown.file, shown.progress, shown.preview)
