"""The client's connection, and the ways in which it can go wrong."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

_NO_LINGER = struct.pack("ii", 1, 0)
"""Makes closing a socket send a reset rather than an orderly end."""


class CuttableProtocol(H11Protocol):
    """HTTP/1.1 as uvicorn speaks it, with each request knowing the connection that it came by."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, {**app_state, "protocol": self}, _loop)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's
        """Send each piece of an answer at once, rather than wait 40 ms for the client's acknowledgement."""
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)


class Connection:
    """One request's side of the client's connection."""

    def __init__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send

    async def read(self) -> bytes | None:
        """Read the request's body; None if the client goes away before it is whole."""
        chunks = []
        while (message := await self._receive())["type"] == "http.request":
            chunks.append(message["body"])
            if not message["more_body"]:
                return b"".join(chunks)
        return None

    async def send(self, response: Response) -> None:
        """Answer."""
        await response(self._scope, self._receive, self._send)

    async def reset(self) -> None:
        """Cut the connection with a TCP reset, without an answer."""
        transport = self._transport
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()
        await self._gone()

    async def send_half(self, response: Response) -> None:
        """Send the head of an answer and half of its body, then close the connection."""
        start = {
            "type": "http.response.start",
            "status": response.status_code,
            "headers": response.raw_headers,
        }
        half = bytes(response.body[: len(response.body) // 2])
        await self._send(start)
        await self._send({"type": "http.response.body", "body": half, "more_body": True})
        self._transport.close()
        await self._gone()

    async def client_leaves_within(self, seconds: float) -> bool:
        """Wait, and tell whether the client gave up meanwhile. The body must have been read."""
        try:
            await asyncio.wait_for(self._gone(), seconds)
        except TimeoutError:
            return False
        return True

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    @property
    def _transport(self) -> asyncio.Transport:
        protocol: CuttableProtocol = self._scope["state"]["protocol"]
        return protocol.transport
