"""Previews: what the delivery of events would do."""

from typing import Final

from aws_lambda_powertools.event_handler.api_gateway import Router

from destination.api.previews import PreviewOut
from destination.preview import TooLargeError
from destination.reasons import message_of
from functions.connections.parameters import ConnectionId
from functions.connections.wiring import previews

MAX_ANSWER_BYTES: Final = 5_000_000
"""Lambda returns 6 MB and no more, and the text is encoded once more on its way."""

router = Router()


@router.post("/connections/<connection_id>/previews", summary="Preview events", operation_id="previewEvents")
def preview_events(connection_id: ConnectionId) -> PreviewOut:
    body = router.current_event.decoded_body or ""
    preview = PreviewOut.of(previews()(connection_id, body.encode(errors="surrogatepass")), message_of)
    if len(preview.model_dump_json()) > MAX_ANSWER_BYTES:
        raise TooLargeError("The answer would be too large; send fewer events.")
    return preview
