"""Faults on order: which request is to go wrong, and how."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from dbt_activate.sandbox.call import Call

Effect = Literal["error", "delay", "reset", "truncate", "garbage"]


def _compilable(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return pattern


class Fault(BaseModel):
    """A fault on order. What is left out matches everything.

    Attributes:
        effect: What goes wrong. ``error``: the vendor's own error answer of `status`. ``delay``: the
            answer comes `delay_seconds` late. ``reset``: the connection is cut without an answer.
            ``truncate``: the request is carried out and its answer breaks off in the middle.
            ``garbage``: a 200 whose body is not JSON.
        applied: Whether the request is carried out all the same, before it goes wrong. A delay that
            is not applied carries the request out after waiting, unless the client has gone by then.
        vendor: The vendor's name.
        method: The HTTP method.
        path: A regular expression to be found in the path; a piece of a path will do.
        operation: What the request asks for: ``token``, ``create``, ``add``, ``remove``, and so on.
        nth: The first matching request to go wrong, counted from 1 since the fault was ordered.
        times: How many matching requests go wrong, from there on; None for all of them.
        status: The status of an ``error``; 200 is an error inside a success, where the vendor does that.
        retry_after: The ``Retry-After`` header of an ``error``, in seconds; None for no header.
        reset_after_seconds: The vendor's own rate limit headers on an ``error`` say that nothing is left
            until so many seconds from now; None for no such headers.
        delay_seconds: How late a ``delay`` is.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    effect: Effect
    applied: bool = False
    vendor: str | None = None
    method: str | None = None
    path: Annotated[str, AfterValidator(_compilable)] | None = None
    operation: str | None = None
    nth: int = Field(default=1, ge=1)
    times: int | None = Field(default=1, ge=1)
    status: int = Field(default=500, ge=200, le=599)
    retry_after: int | None = Field(default=None, ge=0)
    reset_after_seconds: float | None = Field(default=None, ge=0)
    delay_seconds: float = Field(default=1.0, ge=0)

    @property
    def applies(self) -> bool:
        """Whether the request is carried out before it goes wrong."""
        return self.applied or self.effect == "truncate"

    def matches(self, call: Call, vendor: str, operation: str) -> bool:
        """Tell whether a request is one of those meant."""
        return (
            self.vendor in (None, vendor)
            and self.operation in (None, operation)
            and (self.method is None or self.method.upper() == call.method)
            and (self.path is None or re.search(self.path, call.path) is not None)
        )


@dataclass(slots=True)
class Order:
    """A fault that was ordered, and what has become of it.

    Attributes:
        fault: What was ordered.
        seen: How many requests have matched.
        hit: How many of them went wrong.
    """

    fault: Fault
    seen: int = 0
    hit: int = 0

    @property
    def is_due(self) -> bool:
        """Whether a request that matches now is to go wrong."""
        fault = self.fault
        return self.seen >= fault.nth and (fault.times is None or self.hit < fault.times)


class Faults:
    """The faults on order. A request meets the first that is due; the others still count it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: list[Order] = []

    def add(self, fault: Fault) -> Order:
        """Order a fault; the result tells later how often it struck."""
        order = Order(fault)
        with self._lock:
            self._orders.append(order)
        return order

    def orders(self) -> list[Order]:
        """Return the orders, the oldest first, also those that are used up."""
        with self._lock:
            return list(self._orders)

    def clear(self) -> None:
        """Take all orders back."""
        with self._lock:
            self._orders.clear()

    def strike(self, call: Call, vendor: str, operation: str) -> Fault | None:
        """Count a request, and return the fault that it meets, if any."""
        with self._lock:
            matching = [order for order in self._orders if order.fault.matches(call, vendor, operation)]
            for order in matching:
                order.seen += 1
            due = next((order for order in matching if order.is_due), None)
            if due is None:
                return None
            due.hit += 1
            return due.fault
