"""Whether a Dask scheduler answers, asked before an export is sorted for it."""

from __future__ import annotations

import re
import socket

from distributed import Client

from cds_service.errors import StartRefused

ADDRESS = re.compile(r"(?:(?:tcp|tls)://)?(?P<host>[^:/\[\]]+|\[[^\]]+\]):(?P<port>\d{1,5})\Z")
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 2.0


def refuse_unreachable(scheduler: str) -> None:
    """Refuse the replay if this address is none, or no Dask scheduler answers there; in 4 s."""
    if not scheduler:
        return
    address = ADDRESS.match(scheduler)
    if address is None:
        raise StartRefused([f"--scheduler: {scheduler} is no address such as tcp://10.0.0.1:8786"])
    place = (address["host"].strip("[]"), int(address["port"]))
    try:
        socket.create_connection(place, CONNECT_SECONDS).close()
        # A server that is none answers with bytes that are read as the sizes of frames.
        Client(scheduler, timeout=ANSWER_SECONDS).close()
    except (OSError, ValueError, MemoryError, OverflowError) as fault:
        told = f"no Dask scheduler answers at {scheduler} ({type(fault).__name__})"
        raise StartRefused([f"--scheduler: {told}"]) from fault
