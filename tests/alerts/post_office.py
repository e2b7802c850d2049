"""Real servers on loopback that take messages: a web server and a mail server."""

from __future__ import annotations

import base64
import contextlib
import email
import email.policy
import json
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Letterbox:
    """What a server was given.

    Attributes:
        port: Where it listens.
        letters: What it took: the JSON of requests, or mails.
        paths: The paths of the requests.
        headers: The headers of the requests.
        status: What it answers to requests; anything but 200 does not count as taken.
        password: What users of the mail server have to sign in with, if they do.
        refused: The addresses that the mail server takes nothing for.
        pause_seconds: How long the mail server takes to greet.
        hush: Cleared to let a request wait without an answer.
    """

    port: int = 0
    letters: list[Any] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    status: int = 200
    password: str = ""
    refused: set[str] = field(default_factory=set)
    pause_seconds: float = 0.0
    hush: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        """The address of the web server."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def texts(self) -> list[str]:
        """The texts that a webhook of Slack was given."""
        return [letter["text"] for letter in self.letters]


@contextmanager
def web_server(host: str = "127.0.0.1") -> Iterator[Letterbox]:
    """Run a web server that keeps what is posted to it."""
    box = Letterbox()
    box.hush.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            box.hush.wait(timeout=30)
            box.paths.append(self.path)
            box.headers.append(dict(self.headers))
            if box.status == 200:
                box.letters.append(json.loads(body))
            self.send_response(box.status)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            """Write nothing."""

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    server = type("Server", (ThreadingHTTPServer,), {"address_family": family})
    with _serving(server((host, 0), Handler), box):
        yield box


@contextmanager
def dripping_server() -> Iterator[int]:
    """Run a server that answers byte by byte without an end, and give its port."""
    over = threading.Event()

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with contextlib.suppress(OSError):  # the client has gone
                self.request.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while not over.wait(0.1):
                    self.request.sendall(b".")

    with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler), box := Letterbox()):
        try:
            yield box.port
        finally:
            over.set()


def has_ipv6() -> bool:
    """Tell whether this machine has a loopback address of IPv6."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


class MailHandler(socketserver.StreamRequestHandler):
    """Just enough of RFC 5321, with AUTH PLAIN."""

    box: Letterbox

    def handle(self) -> None:
        """Serve one connection."""
        time.sleep(self.box.pause_seconds)
        self._say("220 here")
        while line := self.rfile.readline().decode().strip():
            if not self._answer(line):
                return

    def _answer(self, line: str) -> bool:
        match line.upper().split()[0]:
            case "EHLO":
                self._say("250-here", "250 AUTH PLAIN")
            case "AUTH":
                given = base64.b64decode(line.split()[-1]).split(b"\0")[-1].decode()
                self._say("235 welcome" if given == self.box.password else "535 no")
            case "RCPT" if any(address in line for address in self.box.refused):
                self._say("550 no such user")
            case "DATA":
                self._say("354 go on")
                self.box.letters.append(self._mail())
                self._say("250 taken")
            case "QUIT":
                self._say("221 bye")
                return False
            case _:
                self._say("250 fine")
        return True

    def _mail(self) -> EmailMessage:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line)
        parsed = email.message_from_bytes(b"".join(lines), policy=email.policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


@contextmanager
def mail_server() -> Iterator[Letterbox]:
    """Run a mail server that keeps what is sent to it."""
    box = Letterbox()
    handler = type("Handler", (MailHandler,), {"box": box})
    with _serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler), box):
        yield box


@contextmanager
def _serving(server: socketserver.TCPServer, box: Letterbox) -> Iterator[None]:
    box.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        box.hush.set()
        server.shutdown()
        server.server_close()
        thread.join()
