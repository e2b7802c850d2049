"""An ASGI application on a socket, in a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import TYPE_CHECKING, Any

import uvicorn

from dbt_activate.errors import ActivateError

if TYPE_CHECKING:
    from dbt_activate.webhook.intake import Intake

GRACE_SECONDS = 10
"""How long requests under way may take once the server is told to stop."""

MOST_AT_ONCE = 64
"""More connections are answered with 503."""


class Server:
    """Listens from when it is made until it is stopped."""

    def __init__(self, app: Intake, host: str, port: int) -> None:
        """Listen, and serve.

        Raises:
            ActivateError: The address cannot be had.
        """
        self._host = host
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._socket = socket.create_server((host, port), family=family)
        except OSError as error:
            raise ActivateError(
                f"Nobody can listen on {host}, port {port}: {error.strerror}. Choose another with --port."
            ) from None
        self._server = uvicorn.Server(_config(app))
        self._thread = threading.Thread(target=self._serve, name="webhook-server", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._socket.getsockname()[1]}"

    def stop(self) -> None:
        """Take no more requests, and end those under way."""
        self._server.should_exit = True
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        asyncio.run(self._server.serve(sockets=[self._socket]))


def _config(app: Any) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=MOST_AT_ONCE,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
