"""A server on a real socket that answers by script: for what the sandbox has no reason to do."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, cast
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Reply:
    """One answer.

    Attributes:
        status: The HTTP status.
        body: Sent as JSON; bytes are sent as they are.
        headers: Added to the usual ones.
        fault: `reset` breaks the connection without an answer, `truncate` after half of it, and
            `silence` answers only when the server stops.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    fault: Literal["reset", "truncate", "silence"] | None = None

    @property
    def content(self) -> bytes:
        """The bytes of the body."""
        if isinstance(self.body, bytes):
            return self.body
        return b"" if self.body is None else json.dumps(self.body).encode()


@dataclass(frozen=True)
class Seen:
    """One request as it arrived."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    content: bytes
    connection: int

    @property
    def body(self) -> Any:
        """The JSON in it."""
        return json.loads(self.content)


class ScriptedServer(ThreadingHTTPServer):
    """Answers a path with its replies in turn, the last one for ever; keeps every request."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[Seen] = []
        self.arrived = threading.Event()
        self.stopped = threading.Event()
        self._replies: dict[str, deque[Reply]] = {}
        self._refused: dict[str, str] = {}
        self._lock = threading.Lock()

    def shutdown_request(self, request: Any) -> None:
        """Close without an orderly end, which would come before a reset."""
        self.close_request(request)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"

    def script(self, path: str, *replies: Reply) -> None:
        """Say how requests to a path are answered."""
        self._replies[path] = deque(replies)

    def refuse(self, path: str, authorization: str) -> None:
        """Answer 401 to requests to a path with this header."""
        self._refused[path] = authorization

    def calls(self, path: str) -> list[Seen]:
        """Return the requests to one path."""
        return [request for request in self.seen if request.path == path]

    def take(self, request: Seen) -> Reply:
        """Note a request, and return what to answer."""
        with self._lock:
            self.seen.append(request)
            self.arrived.set()
            if request.headers.get("Authorization") == self._refused.get(request.path, "nobody"):
                return Reply(401)
            replies = self._replies.get(request.path, deque([Reply(404, {"errors": []})]))
            return replies.popleft() if len(replies) > 1 else replies[0]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        try:
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def _handle(self) -> None:
        server = cast("ScriptedServer", self.server)
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        target = urlsplit(self.path)
        reply = server.take(
            Seen(self.command, target.path, target.query, dict(self.headers), content, self.client_address[1])
        )
        if reply.fault == "silence":
            server.stopped.wait(30)
        if reply.fault in ("silence", "reset"):
            return self._break()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.content)))
        self.end_headers()
        half = reply.content[: len(reply.content) // 2]
        self.wfile.write(half if reply.fault == "truncate" else reply.content)
        self.close_connection = reply.fault == "truncate"
        return None

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _handle  # noqa: N815  (http.server's names)

    def _break(self) -> None:
        # No lingering: the other side sees a reset and not an orderly end.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Say nothing."""
