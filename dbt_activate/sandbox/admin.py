"""The sandbox's own pages: look inside, turn knobs, order faults. JSON under ``/_sandbox``."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import HTMLResponse, JSONResponse, Response

from dbt_activate.sandbox.call import Call, Endpoint, find_endpoint
from dbt_activate.sandbox.contents import Contents
from dbt_activate.sandbox.faults import Fault, Order
from dbt_activate.sandbox.page import render_page
from dbt_activate.sandbox.traffic import Exchange
from dbt_activate.sandbox.vendor import HeldAudience, Vendor


class NewAudience(BaseModel):
    """An audience to make behind the user's back; see `Vendor.add_audience`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    name: str
    account: str | None = None
    description: str | None = None
    members: dict[str, set[str]] = Field(default_factory=dict)
    read_only: bool = False


class MemberChange(BaseModel):
    """Members to put in and to take out behind the user's back, by identifier type."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    add: dict[str, set[str]] = Field(default_factory=dict)
    remove: dict[str, set[str]] = Field(default_factory=dict)


class SettingsChange(BaseModel):
    """Knobs to turn: the one that belongs to no vendor, and those of the vendors, by name."""

    model_config = ConfigDict(extra="allow", hide_input_in_errors=True)
    __pydantic_extra__: dict[str, dict[str, Any]]

    latency_seconds: float | None = Field(default=None, ge=0)


class Admin:
    """Answers the requests that are for the sandbox itself."""

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._endpoints = (
            Endpoint("page", "GET", "/", self._page),
            Endpoint("audiences", "GET", "/_sandbox/audiences", self._audiences),
            Endpoint("add audience", "POST", "/_sandbox/audiences/{vendor}", self._add_audience),
            Endpoint("audience", "GET", "/_sandbox/audiences/{vendor}/{audience:any}", self._audience),
            Endpoint(
                "delete audience", "DELETE", "/_sandbox/audiences/{vendor}/{audience:any}", self._delete
            ),
            Endpoint("members", "POST", "/_sandbox/audiences/{vendor}/{audience:any}/members", self._members),
            Endpoint("requests", "GET", "/_sandbox/requests", self._requests),
            Endpoint("request", "GET", "/_sandbox/requests/{index}", self._request),
            Endpoint("forget requests", "DELETE", "/_sandbox/requests", self._forget_requests),
            Endpoint("faults", "GET", "/_sandbox/faults", self._faults),
            Endpoint("order fault", "POST", "/_sandbox/faults", self._order_fault),
            Endpoint("clear faults", "DELETE", "/_sandbox/faults", self._clear_faults),
            Endpoint("settings", "GET", "/_sandbox/settings", self._settings),
            Endpoint("configure", "PATCH", "/_sandbox/settings", self._configure),
            Endpoint("expire tokens", "DELETE", "/_sandbox/tokens", self._expire_tokens),
            Endpoint("reset", "POST", "/_sandbox/reset", self._reset),
        )

    def answer(self, call: Call) -> Response:
        """Answer a request; what is wrong with it stands under ``error``."""
        target = find_endpoint(self._endpoints, call.method, call.path)
        if target is None:
            pages = ", ".join(sorted({f"{e.method} {e.path}" for e in self._endpoints}))
            return _error(404, f"The sandbox has no {call.method} {call.path}. It has: {pages}.")
        endpoint, parameters = target
        try:
            return endpoint.handle(call, **parameters)
        except LookupError as error:
            return _error(404, str(error.args[0]))
        except ValueError as error:
            return _error(400, str(error))

    def _page(self, call: Call) -> Response:
        del call
        return HTMLResponse(render_page(self._contents))

    def _audiences(self, call: Call) -> Response:
        del call
        return JSONResponse(
            [
                _summary(name, held)
                for name, vendor in self._contents.vendors.items()
                for held in vendor.audiences()
            ]
        )

    def _add_audience(self, call: Call, vendor: str) -> Response:
        wanted = NewAudience.model_validate(call.json)
        audience_id = self._vendor(vendor).add_audience(**dict(wanted))
        return JSONResponse(self._whole(vendor, audience_id), 201)

    def _audience(self, call: Call, vendor: str, audience: str) -> Response:
        del call
        return JSONResponse(self._whole(vendor, audience))

    def _delete(self, call: Call, vendor: str, audience: str) -> Response:
        del call
        self._vendor(vendor).delete_audience(audience)
        return Response(status_code=204)

    def _members(self, call: Call, vendor: str, audience: str) -> Response:
        change = MemberChange.model_validate(call.json)
        for kind, identifiers in change.add.items():
            self._vendor(vendor).put_members(audience, kind, identifiers)
        for kind, identifiers in change.remove.items():
            self._vendor(vendor).take_members(audience, kind, identifiers)
        return JSONResponse(self._whole(vendor, audience))

    def _requests(self, call: Call) -> Response:
        exchanges = self._contents.traffic.exchanges(
            vendor=call.query.get("vendor"),
            operation=call.query.get("operation"),
            since=int(call.query.get("since", "0")),
        )
        return JSONResponse([_exchange(exchange) for exchange in exchanges])

    def _request(self, call: Call, index: str) -> Response:
        del call
        for exchange in self._contents.traffic.exchanges(since=int(index))[:1]:
            if exchange.index == int(index):
                body = None if exchange.body is None else exchange.body.decode("utf-8", "replace")
                return JSONResponse({**_exchange(exchange), "body": body})
        raise LookupError(f"No request {index} is on record.")

    def _forget_requests(self, call: Call) -> Response:
        del call
        self._contents.traffic.clear()
        return Response(status_code=204)

    def _faults(self, call: Call) -> Response:
        del call
        return JSONResponse([_order(order) for order in self._contents.faults.orders()])

    def _order_fault(self, call: Call) -> Response:
        return JSONResponse(_order(self._contents.faults.add(Fault.model_validate(call.json))), 201)

    def _clear_faults(self, call: Call) -> Response:
        del call
        self._contents.faults.clear()
        return Response(status_code=204)

    def _settings(self, call: Call) -> Response:
        del call
        vendors = self._contents.vendors.items()
        return JSONResponse(
            {
                "latency_seconds": self._contents.latency_seconds,
                **{name: vendor.settings.model_dump(mode="json") for name, vendor in vendors},
            }
        )

    def _configure(self, call: Call) -> Response:
        change = SettingsChange.model_validate(call.json)
        for name, knobs in change.__pydantic_extra__.items():
            self._vendor(name).configure(**knobs)
        if change.latency_seconds is not None:
            self._contents.latency_seconds = change.latency_seconds
        return self._settings(call)

    def _expire_tokens(self, call: Call) -> Response:
        del call
        self._contents.expire_tokens()
        return Response(status_code=204)

    def _reset(self, call: Call) -> Response:
        del call
        self._contents.reset()
        return Response(status_code=204)

    def _vendor(self, name: str) -> Vendor[Any, Any]:
        if name not in self._contents.vendors:
            names = ", ".join(self._contents.vendors)
            raise LookupError(f"The sandbox has no vendor {name!r}. It has: {names}.")
        return self._contents.vendors[name]

    def _whole(self, vendor_name: str, audience_id: str) -> dict[str, Any]:
        vendor = self._vendor(vendor_name)
        members = vendor.members(audience_id)
        lists = {kind: sorted(identifiers) for kind, identifiers in sorted(members.items())}
        return {**_summary(vendor_name, vendor.audience(audience_id)), "members": lists}


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": message}, status)


def _summary(vendor: str, held: HeldAudience) -> dict[str, Any]:
    return {
        "vendor": vendor,
        "account": held.account,
        "id": held.id,
        "name": held.name,
        "description": held.description,
        "counts": held.counts,
    }


def _exchange(exchange: Exchange) -> dict[str, Any]:
    return {
        "index": exchange.index,
        "at": exchange.at.isoformat(),
        "vendor": exchange.vendor,
        "method": exchange.method,
        "path": exchange.path,
        "operation": exchange.operation,
        "count": exchange.count,
        "size": exchange.size,
        "status": exchange.status,
        "fault": exchange.fault,
    }


def _order(order: Order) -> dict[str, Any]:
    return {**order.fault.model_dump(), "seen": order.seen, "hit": order.hit}
