"""What became of a person, asked with one value of it."""

from aws_lambda_powertools.event_handler.api_gateway import Router

from destination.api.people import LookedUpPersonOut, LookupIn
from destination.composition.connections import look_up_people
from destination.control.people import AskedFor
from destination.marketo.reasons import message_of
from functions.connections.parameters import ConnectionId, one_object

router = Router()


@router.post(
    "/connections/<connection_id>/people/lookups",
    summary="Tell what became of a person",
    operation_id="lookUpPerson",
    middlewares=[one_object],
)
def look_up_person(connection_id: ConnectionId, body: LookupIn) -> LookedUpPersonOut:
    return _told(connection_id, body, with_values=False)


@router.post(
    "/connections/<connection_id>/people/profiles",
    summary="Tell what became of a person, with what Marketo has in the mapped fields",
    operation_id="viewProfile",
    middlewares=[one_object],
)
def view_profile(connection_id: ConnectionId, body: LookupIn) -> LookedUpPersonOut:
    return _told(connection_id, body, with_values=True)


def _told(connection_id: str, body: LookupIn, *, with_values: bool) -> LookedUpPersonOut:
    asked = AskedFor(body.value, body.source)
    return LookedUpPersonOut.told(look_up_people()(connection_id, asked, with_values=with_values), message_of)
