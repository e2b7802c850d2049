"""An ASGI application on a socket, in a thread of its own."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import uvicorn

from dbt_activate.listener import Listener, quiet

if TYPE_CHECKING:
    from dbt_activate.webhook.intake import Intake

GRACE_SECONDS = 10
"""How long requests under way may take once the server is told to stop."""

MOST_AT_ONCE = 64
"""More connections are answered with 503."""


class Server:
    """Listens from when it is made until it is stopped.

    Attributes:
        url: Where it listens.
    """

    def __init__(self, app: Intake, host: str, port: int) -> None:
        """Listen, and serve.

        Raises:
            ActivateError: The address cannot be had.
        """
        listener = Listener(host, port, "Choose another with --port.")
        self.url = listener.url
        config = quiet(app, grace_seconds=GRACE_SECONDS, http="h11", limit_concurrency=MOST_AT_ONCE)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=listener.serve, args=(self._server,), name="webhook-server", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Take no more requests, and end those under way."""
        self._server.should_exit = True
        self._thread.join()
