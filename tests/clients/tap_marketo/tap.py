"""tap-marketo against another address than Marketo's: `python tap.py URL OPTION…`, with the options of the tap."""

import sys

import tap_marketo
from tap_marketo.client import Client

if __name__ == "__main__":
    url = sys.argv.pop(1)
    Client.get_url = lambda _, path: f"{url}/{path}"
    tap_marketo.main()
