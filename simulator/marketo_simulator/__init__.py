"""A Marketo Engage stand-in: the REST API's behaviour, limits and faults, in process or on a port."""

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
