"""A Marketo Engage stand-in: the REST API's behaviour, limits and faults, in process or on a port.

Its modules stand in a line, row by row from the left: each imports only from those before it.

    message, errors, clock, decode, fields    what everything is made of
    tables                                    the rows of files
    names, masking                            what a call names, and what of it is not shown
    journal, field_notes                      what is remembered of leads and said of fields
    settings, standard_fields, state          what an instance holds: leads, partitions, lists, folders
    identity, limits, calls, faults           what an instance keeps beside it: users, counts, log, script
    imports, exports                          the jobs of bulk import and bulk extract
    context                                   one call, with all of the above that it may see
    consent, sync, import_rows, bulk          what writes leads
    leads, lists, assets, usage               further endpoints
    merging, moving, schema                   and those that change leads and fields
    activities, extracts                      and those that read what happened, and files
    unsimulated, routes                       which endpoint a path means, and what there is none for
    seed, instance, changes                   one instance, what it begins with and what an administrator changes
    explanations, pages, control              how it is looked into and steered
    simulator                                 all instances
    access, connection, server                a port: who may steer, one connection, all of them
    adapter, transport, pytest_plugin         the ways in without one: `requests`, `httpx`, a test
    tls, snapshot, persistence, __main__      the command, its certificate, and the file that its state is kept in
"""

from marketo_simulator.decode import DecodeError
from marketo_simulator.faults import Condition, Fault
from marketo_simulator.message import AnswerTooSlow, ConnectionDropped, Request, Response
from marketo_simulator.settings import Settings
from marketo_simulator.simulator import Simulator

__all__ = [
    "AnswerTooSlow",
    "Condition",
    "ConnectionDropped",
    "DecodeError",
    "Fault",
    "Request",
    "Response",
    "Settings",
    "Simulator",
]
