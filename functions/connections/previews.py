"""Previews: what the delivery of events would do."""

from aws_lambda_powertools.event_handler.api_gateway import Router

from destination.api.previews import PreviewOut
from destination.composition.connections import preview_events
from destination.marketo.reasons import message_of
from functions.connections.parameters import ConnectionId, bounded, reads_any_body

router = Router()


def show_preview(connection_id: ConnectionId) -> PreviewOut:
    body = router.current_event.decoded_body or ""
    preview = preview_events()(connection_id, body.encode(errors="surrogatepass"))
    return bounded(PreviewOut.of(preview, message_of), "send fewer events")


reads_any_body.add(show_preview)
router.post("/connections/<connection_id>/previews", summary="Preview events", operation_id="previewEvents")(
    show_preview
)
