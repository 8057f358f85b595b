"""Lists that were deleted in Marketo, created again; a verification fills them."""

from collections.abc import Callable

from destination.domain.audience import Activation, WhenListMissing
from destination.domain.connection import ActiveConnection
from destination.marketo.instance import Marketo
from destination.marketo.lists import StaticList


def make_missing_lists(
    target: ActiveConnection, marketo: Marketo, rebind: Callable[[Activation, StaticList], bool]
) -> bool:
    """Make the lists that Marketo no longer has, of the audiences that want it so; whether any was made.

    It is not bound where it is that of another audience. One that is bound again is filled with those whose lead the
    ledger knows; the others wait for their next event.

    Raises MarketoError, OutOfTimeError.
    """
    made_any = False
    for activation in target.activations.values():
        if activation.when_list_missing is not WhenListMissing.CREATE or activation.list_id is None:
            continue
        if marketo.lists.get(activation.list_id) is None:
            made = marketo.lists.ensure(activation.list_name or activation.name, target.connection.workspace)
            made_any = rebind(activation, made) or made_any
    return made_any
