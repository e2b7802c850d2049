"""The sandbox on a real socket: in a thread beside a test, or in the foreground."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import uvicorn

from dbt_activate.listener import Listener, quiet
from dbt_activate.sandbox.admin import Admin
from dbt_activate.sandbox.connection import CuttableProtocol
from dbt_activate.sandbox.contents import Contents
from dbt_activate.sandbox.gate import Gate
from dbt_activate.sandbox.vendor import Vendor

STOP_POLL_SECONDS = 0.02
GRACE_SECONDS = 1
"""How long requests under way may go on once the sandbox is told to stop."""


class _Server(uvicorn.Server):
    """uvicorn's server, quicker to stop."""

    async def main_loop(self) -> None:
        """Run until told to stop."""
        while not await self.on_tick(0):
            await asyncio.sleep(STOP_POLL_SECONDS)


class Sandbox(Contents):
    """A local HTTP server that behaves as the vendors' APIs do.

    Use it as a context manager (``with Sandbox() as sandbox: ...``), or call `start` and `stop`, or
    `serve` to stay in the foreground. Vendors answer under ``{url}/{vendor}``; Criteo, whose paths are
    its own, also right under ``url``.

    Attributes:
        host: Where it listens.
        port: Where it listens; 0 lets the system choose when it starts.
    """

    def __init__(
        self,
        *vendors: Vendor[Any, Any],
        host: str = "127.0.0.1",
        port: int = 0,
        latency_seconds: float = 0.0,
        rate_limits: bool = True,
    ) -> None:
        super().__init__(*vendors, latency_seconds=latency_seconds, rate_limits=rate_limits)
        self.host = host
        self.port = port
        self._listener: Listener | None = None
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def entry(self, vendor: str) -> dict[str, str]:
        """Return the keys of an entry in ``destinations.yml`` that leads to a vendor here."""
        return self.vendors[vendor].entry(f"{self.url}/{vendor}")

    @property
    def url(self) -> str:
        """The address to use as ``base_url``, without a slash at the end.

        Raises:
            RuntimeError: The sandbox has not been started.
        """
        if self._listener is None:
            raise RuntimeError("The sandbox has no address until it is started. Call start() first.")
        return self._listener.url

    def start(self) -> Self:
        """Listen, and serve in a thread of its own, until `stop`.

        Raises:
            ActivateError: The address cannot be had.
        """
        server = self._listen()
        self._thread = threading.Thread(target=self._run, args=(server,), name="sandbox", daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Stop listening, and wait until the thread has ended. What the sandbox holds stays."""
        if self._server is not None:
            self._server.should_exit = True
        if self._thread is not None:
            self._thread.join()
        self._listener = self._server = self._thread = None

    def serve(self, announce: Callable[[str], None]) -> None:
        """Listen and serve until interrupted (Ctrl-C).

        Args:
            announce: Called with `url`, once requests are taken.

        Raises:
            ActivateError: The address cannot be had.
        """
        server = self._listen()
        announce(self.url)
        with contextlib.suppress(KeyboardInterrupt):
            self._run(server)
        self._listener = self._server = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _listen(self) -> _Server:
        if self._listener is not None:
            raise RuntimeError(f"The sandbox is running already, at {self.url}.")
        self._listener = Listener(self.host, self.port, "Choose another port, or 0 to let the system choose.")
        gate = Gate(self, Admin(self).answer)
        config = quiet(gate, grace_seconds=GRACE_SECONDS, http=CuttableProtocol, timeout_keep_alive=75)
        self._server = _Server(config)
        return self._server

    def _run(self, server: _Server) -> None:
        if self._listener is not None:
            self._listener.serve(server)
