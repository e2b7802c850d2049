"""Every request that the vendors got, so that a test can prove what was sent and what was not."""

from __future__ import annotations

import re
import threading
from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, datetime

from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.vendor import Deed

KEPT_BODY_BYTES = 256 * 1024 * 1024
"""256 MB: some seventy requests of 50,000 hashed identifiers."""

_SECRET = re.compile(rb"(client_secret=)[^&]*")


@dataclass(slots=True)
class Exchange:
    """One request, and how it was answered.

    Attributes:
        index: Counts the requests from 0; goes on counting when the record is cleared.
        at: When it came.
        vendor: Whose it was; None where no vendor has such a path.
        method: In capitals.
        path: As the vendor sees it, without the query.
        operation: What it asked for: ``token``, ``create``, ``add``; empty where nothing is known of it.
        count: How many members it would add or remove.
        size: Bytes of its body.
        body: As it came, but for a client secret in a form; None where it was let go to save memory.
        status: The HTTP status sent; None while there is none, or where the connection was cut instead.
        fault: The effect of the fault that it met, or None.
    """

    index: int
    at: datetime
    vendor: str | None
    method: str
    path: str
    operation: str
    count: int
    size: int
    body: bytes | None = field(repr=False)
    status: int | None = None
    fault: str | None = None


class Traffic:
    """The record of requests, in the order in which they came.

    Args:
        kept_body_bytes: How much of the bodies is kept; beyond it the oldest are let go.
    """

    def __init__(self, kept_body_bytes: int = KEPT_BODY_BYTES) -> None:
        self._kept_body_bytes = kept_body_bytes
        self._lock = threading.Lock()
        self._exchanges: list[Exchange] = []
        self._with_body: deque[Exchange] = deque()
        self._body_bytes = 0
        self._next_index = 0

    def record(self, call: Call, vendor: str | None, deed: Deed) -> Exchange:
        """Note that a request has come; its status is filled in once it is answered."""
        body = _SECRET.sub(rb"\1***", call.body) if "form" in call.media_type else call.body
        with self._lock:
            exchange = Exchange(
                index=self._next_index,
                at=datetime.now(UTC),
                vendor=vendor,
                method=call.method,
                path=call.path,
                operation=deed.operation,
                count=deed.count,
                size=len(call.body),
                body=body,
            )
            self._next_index += 1
            self._exchanges.append(exchange)
            self._keep_body(exchange)
        return exchange

    def exchanges(
        self, *, vendor: str | None = None, operation: str | None = None, since: int = 0
    ) -> list[Exchange]:
        """Return the requests, the oldest first.

        Args:
            vendor: Only this vendor's.
            operation: Only those that asked for this.
            since: Only those of this index and later.
        """
        with self._lock:
            return [
                exchange
                for exchange in self._exchanges
                if exchange.index >= since
                and vendor in (None, exchange.vendor)
                and operation in (None, exchange.operation)
            ]

    def clear(self) -> None:
        """Forget the requests so far."""
        with self._lock:
            self._exchanges.clear()
            self._with_body.clear()
            self._body_bytes = 0

    def _keep_body(self, exchange: Exchange) -> None:
        self._with_body.append(exchange)
        self._body_bytes += exchange.size
        while self._body_bytes > self._kept_body_bytes:
            oldest = self._with_body.popleft()
            oldest.body = None
            self._body_bytes -= oldest.size
