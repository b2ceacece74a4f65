"""Choose a TCP port: the usual one, or a free one when that is taken."""

import socket
from typing import NamedTuple


class PortChoice(NamedTuple):
    """A port, and whether it is another one than was asked for."""

    port: int
    is_substitute: bool


def choose_port(host: str, wanted: int) -> PortChoice:
    """Find a port that can be listened on.

    The port is free when this returns; a server that is slow to start may still
    lose it to somebody else, and then says so itself.

    Args:
        host: address to listen on.
        wanted: the usual port; 0 takes any free one and is never a substitute.
    """
    if wanted and _is_free(host, wanted):
        return PortChoice(wanted, is_substitute=False)
    with _open_socket(host) as probe:
        probe.bind((host, 0))
        return PortChoice(int(probe.getsockname()[1]), is_substitute=wanted != 0)


def _is_free(host: str, port: int) -> bool:
    with _open_socket(host) as probe:
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def _open_socket(host: str) -> socket.socket:
    opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    # Connections that are winding down do not count as taken; a listener does.
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return opened
