"""A socket to take requests on, and a uvicorn that serves an application there without a word of its own."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import uvicorn

from dbt_activate.errors import ActivateError

BACKLOG = 2048
"""How many connections may wait to be taken, as uvicorn has it."""


class Listener:
    """A socket on which connections are taken from when it is made, until it has been served.

    Attributes:
        url: Its address, without a slash at the end.
    """

    def __init__(self, host: str, port: int, advice: str) -> None:
        """Listen.

        Args:
            host: A name, or an address of IPv4 or IPv6.
            port: 0 lets the system choose.
            advice: What to do where it cannot be had, as a sentence.

        Raises:
            ActivateError: The address cannot be had.
        """
        is_ipv6 = ":" in host
        family = socket.AF_INET6 if is_ipv6 else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family, backlog=BACKLOG)
        except OSError as error:
            message = f"Nobody can listen on {host}, port {port}: {error.strerror}. {advice}"
            raise ActivateError(message) from None
        self.url = f"http://{f'[{host}]' if is_ipv6 else host}:{self._socket.getsockname()[1]}"

    def serve(self, server: uvicorn.Server) -> None:
        """Serve until the server is told to stop, then close the socket."""
        with self._socket:
            asyncio.run(server.serve(sockets=[self._socket]))


def quiet(app: Any, *, grace_seconds: int, **more: Any) -> uvicorn.Config:
    """Set uvicorn up for an ASGI application: no log, no web sockets, nothing of its own in answers.

    Args:
        app: The application.
        grace_seconds: How long requests under way may go on once the server is told to stop.
        more: Further settings of uvicorn's.
    """
    return uvicorn.Config(
        app,
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=grace_seconds,
        **more,
    )
