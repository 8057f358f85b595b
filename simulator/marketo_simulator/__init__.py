"""A Marketo Engage stand-in: the REST API's behaviour, limits and faults, in process or on a port.

Its modules stand in a line, row by row from the left: each imports only from those before it.

    message, errors, clock, decode, fields    what everything is made of
    settings, standard_fields, state          what an instance holds: leads, partitions, lists, folders
    identity, limits, calls, faults, imports  what an instance keeps beside it: users, counts, log, script, import jobs
    context                                   one call, with all of the above that it may see
    leads, lists, assets, usage, sync, bulk   the endpoints
    routes                                    which endpoint a path means
    seed, instance, control                   one instance, what it begins with and how it is steered
    simulator                                 all instances
    server, adapter, __main__                 the ways in: a port, `requests`, a command
"""

from marketo_simulator.decode import DecodeError
from marketo_simulator.faults import Fault
from marketo_simulator.message import AnswerTooSlow, ConnectionDropped, Request, Response
from marketo_simulator.settings import Settings
from marketo_simulator.simulator import Simulator

__all__ = [
    "AnswerTooSlow",
    "ConnectionDropped",
    "DecodeError",
    "Fault",
    "Request",
    "Response",
    "Settings",
    "Simulator",
]
