"""Previews: what the delivery of events would do."""

from aws_lambda_powertools.event_handler.api_gateway import Router

from destination.api.previews import PreviewOut
from destination.composition.connections import previews
from destination.marketo.reasons import message_of
from functions.connections.parameters import ConnectionId, bounded

router = Router()


@router.post("/connections/<connection_id>/previews", summary="Preview events", operation_id="previewEvents")
def preview_events(connection_id: ConnectionId) -> PreviewOut:
    body = router.current_event.decoded_body or ""
    preview = previews()(connection_id, body.encode(errors="surrogatepass"))
    return bounded(PreviewOut.of(preview, message_of), "send fewer events")
