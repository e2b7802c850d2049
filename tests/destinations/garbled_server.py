"""A server whose encryption breaks after it has read a request: it answers in clear, which is no TLS."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CERTIFICATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgAr6AIv2o9/PK9I6h
A/XhhIMuncNTl4oLmnkbe/WEcbWhRANCAAQwhxVF1IHkbQFVYqDIQ2moxVqNdtaA
rekn5OHfQVDlD5VIsOyZDF/irtvA+MGZ0tSgs9j8hNftx2qPVvlXgl9C
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBjzCCATagAwIBAgIUS55rvVW7uCA35dQm0Z67H/cobZ4wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyMjA1NTExOFoYDzIxMjYxMDI5
MDU1MTE4WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQwhxVF1IHkbQFVYqDIQ2moxVqNdtaArekn5OHfQVDlD5VIsOyZDF/i
rtvA+MGZ0tSgs9j8hNftx2qPVvlXgl9Co2QwYjAdBgNVHQ4EFgQU29RDJtWeFeDd
JXHKDAuI5mygavswHwYDVR0jBBgwFoAU29RDJtWeFeDdJXHKDAuI5mygavswDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0cAMEQC
IGRUAjwQJYD+Fi12yh4ahFwadO6QrJm9rgcBhYtvhstuAiB1HXSCRmeCB9onzteR
xGnDM6iPHP7MYeOFp3WjnHNclg==
-----END CERTIFICATE-----
"""
"""Signed by its own key, for 127.0.0.1, and good for nothing else."""


@contextmanager
def garbled_server(certificate: Path) -> Iterator[tuple[str, list[bytes]]]:
    """Serve until the end of the context; yield the URL, and what was read of each request.

    Args:
        certificate: Where to write the certificate and its key.
    """
    certificate.write_text(CERTIFICATE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    read: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_serve, args=(listening, context, read))
        thread.start()
        yield f"https://127.0.0.1:{listening.getsockname()[1]}", read
        listening.shutdown(socket.SHUT_RDWR)  # ends the wait for the next connection
        thread.join()


def _serve(listening: socket.socket, context: ssl.SSLContext, read: list[bytes]) -> None:
    with suppress(OSError):  # the end
        while True:
            connection, _ = listening.accept()
            # A client that does not trust the certificate hangs up.
            with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as secure:
                read.append(_read_request(secure))
                os.write(secure.fileno(), b"HTTP/1.1 200 OK\r\n\r\n")
                secure.recv(1)  # until the client has had enough


def _read_request(secure: ssl.SSLSocket) -> bytes:
    """Read until the end of a body that is a JSON array: unread bytes would make the end a reset."""
    content = b""
    while not content.endswith(b"]") and (more := secure.recv(65_536)):
        content += more
    return content
