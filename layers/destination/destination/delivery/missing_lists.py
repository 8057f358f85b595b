"""Lists that were deleted in Marketo, created again and filled with those who were on them."""

from collections.abc import Callable, Iterable

from destination.domain.audience import Activation, AudienceKey, WhenListMissing
from destination.domain.connection import ActiveConnection
from destination.marketo.instance import Marketo
from destination.marketo.leads import chunks


def make_missing_lists(
    target: ActiveConnection,
    marketo: Marketo,
    members: Callable[[AudienceKey], Iterable[int]],
    rebind: Callable[[Activation, int, str], bool],
) -> bool:
    """Make the lists that Marketo no longer has, of the audiences that want it so; whether any was made.

    A list is filled before it is bound to its audience: if the time does not suffice it is found, and filled, the next
    time. It is not bound where it is that of another audience. Leads that are gone, and people whose ledger row has
    expired, are left out.

    Raises MarketoError, OutOfTimeError.
    """
    made_any = False
    for activation in target.activations.values():
        if activation.when_list_missing is not WhenListMissing.CREATE or activation.list_id is None:
            continue
        if marketo.lists.get(activation.list_id) is None:
            made = marketo.lists.ensure(activation.list_name or activation.name, target.connection.workspace)
            for chunk in chunks(list(dict.fromkeys(members(activation.audience)))):
                marketo.lists.add(made.id, chunk)
            made_any = rebind(activation, made.id, made.name) or made_any
    return made_any
