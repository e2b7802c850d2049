"""The record of requests."""

from __future__ import annotations

from starlette.datastructures import Headers, QueryParams

from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.traffic import Traffic
from dbt_activate.sandbox.vendor import Deed


def test_old_bodies_are_let_go() -> None:
    """Beyond the bytes to keep, the oldest bodies go; what the requests were stays."""
    traffic = Traffic(kept_body_bytes=25)
    for number in range(4):
        call = Call("POST", "/x", QueryParams(), Headers(), b"0123456789")
        traffic.record(call, "criteo", Deed("add", number))
    kept = [(exchange.count, exchange.size, exchange.body is not None) for exchange in traffic.exchanges()]
    assert kept == [(0, 10, False), (1, 10, False), (2, 10, True), (3, 10, True)]


def test_index_goes_on_after_clearing() -> None:
    """A request after the record was cleared has an index of its own."""
    traffic = Traffic()
    call = Call("GET", "/x", QueryParams(), Headers(), b"")
    traffic.record(call, None, Deed(""))
    traffic.clear()
    traffic.record(call, None, Deed(""))
    assert [exchange.index for exchange in traffic.exchanges()] == [1]
