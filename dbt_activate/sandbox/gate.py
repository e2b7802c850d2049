"""The way of every request: recorded, delayed, failed on order, or handed to its vendor."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from starlette.datastructures import Headers, QueryParams
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.connection import Connection
from dbt_activate.sandbox.contents import Contents
from dbt_activate.sandbox.faults import Fault
from dbt_activate.sandbox.traffic import Exchange
from dbt_activate.sandbox.vendor import Deed, Vendor

logger = logging.getLogger("dbt_activate.sandbox")

GARBAGE = "<html><body>This is not what you asked for.</body></html>"


class Gate:
    """The ASGI application that stands before the vendors.

    A request for ``/{vendor}/...`` goes to that vendor, one for a path that only one vendor has goes
    to it as well, and ``/`` and ``/_sandbox/...`` go to `own_pages`.
    """

    def __init__(self, contents: Contents, own_pages: Callable[[Call], Response]) -> None:
        self._contents = contents
        self._own_pages = own_pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request. What a vendor's own mistake raises is logged, and answered with a 500."""
        connection = Connection(scope, receive, send)
        try:
            await self._serve(scope, connection)
        except Exception:
            logger.exception("The sandbox broke while it answered a request.")
            raise

    async def _serve(self, scope: Scope, connection: Connection) -> None:
        body = await connection.read()
        if body is None:
            return
        call = _call(scope, body)
        if call.path == "/" or call.path.startswith("/_sandbox"):
            await connection.send(self._own_pages(call))
        else:
            await self._pass_on(call, connection)

    async def _pass_on(self, call: Call, connection: Connection) -> None:
        vendor, call = self._addressee(call)
        deed = vendor.deed(call) if vendor else Deed("")
        exchange = self._contents.traffic.record(call, vendor.name if vendor else None, deed)
        if vendor is None:
            await _answer(connection, exchange, self._nobody(call))
            return
        fault = self._contents.faults.strike(call, vendor.name, deed.operation)
        await asyncio.sleep(self._contents.latency_seconds)
        if fault is None:
            await _answer(connection, exchange, vendor.serve(call))
        else:
            exchange.fault = fault.effect
            await _go_wrong(fault, vendor, call, connection, exchange)

    def _addressee(self, call: Call) -> tuple[Vendor[Any, Any] | None, Call]:
        first, _, rest = call.path[1:].partition("/")
        if first in self._contents.vendors:
            return self._contents.vendors[first], Call(
                call.method, f"/{rest}", call.query, call.headers, call.body
            )
        for vendor in self._contents.vendors.values():
            if vendor.root_paths and vendor.root_paths.match(call.path):
                return vendor, call
        return None, call

    def _nobody(self, call: Call) -> Response:
        vendors = ", ".join(f"/{name}" for name in self._contents.vendors)
        message = f"No vendor in the sandbox has the path {call.path}. Vendors answer under {vendors}."
        return JSONResponse({"error": message}, 404)


def _call(scope: Scope, body: bytes) -> Call:
    return Call(
        method=scope["method"],
        path=scope["path"],
        query=QueryParams(scope["query_string"]),
        headers=Headers(scope=scope),
        body=body,
    )


async def _answer(connection: Connection, exchange: Exchange, response: Response) -> None:
    exchange.status = response.status_code
    await connection.send(response)


async def _go_wrong(
    fault: Fault, vendor: Vendor[Any, Any], call: Call, connection: Connection, exchange: Exchange
) -> None:
    if fault.effect == "delay":
        await _answer_late(fault, vendor, call, connection, exchange)
        return
    answer = vendor.serve(call) if fault.applies else None
    if fault.effect == "reset":
        await connection.reset()
    elif answer and fault.effect == "truncate":
        exchange.status = answer.status_code
        await connection.send_half(answer)
    elif fault.effect == "garbage":
        await _answer(connection, exchange, Response(GARBAGE, media_type="application/json"))
    else:
        await _answer(connection, exchange, _failure(fault, vendor, call))


async def _answer_late(
    fault: Fault, vendor: Vendor[Any, Any], call: Call, connection: Connection, exchange: Exchange
) -> None:
    answer = vendor.serve(call) if fault.applied else None
    if not await connection.client_leaves_within(fault.delay_seconds):
        await _answer(connection, exchange, answer or vendor.serve(call))


def _failure(fault: Fault, vendor: Vendor[Any, Any], call: Call) -> Response:
    response = vendor.failure(call, fault.status, fault.reset_after_seconds)
    if fault.retry_after is not None:
        response.headers["Retry-After"] = str(fault.retry_after)
    return response
