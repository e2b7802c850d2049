"""An Acme for dbt-activate's sandbox: it answers as Acme does, and lets a test look inside."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.responses import JSONResponse, Response

from dbt_activate.sandbox.call import Call, Endpoint, find_endpoint
from dbt_activate.sandbox.vendor import Deed, HeldAudience, Vendor

CODES = {401: "bad_token", 404: "no_such_group", 413: "too_many_people", 429: "slow_down"}


class AcmeSettings(BaseModel):
    """The knobs.

    Attributes:
        token: The one token that is good.
        page_size: How many groups or people one answer lists at most.
        max_people: How many people one request may hold.
        unknown_people: Identifiers of people whom Acme does not know.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: str = "sandbox-token"  # noqa: S105  (a made-up one)
    page_size: int = 100
    max_people: int = 1_000
    unknown_people: frozenset[str] = frozenset()


@dataclass(slots=True, kw_only=True)
class Group(HeldAudience):
    """A group."""

    def as_json(self) -> dict[str, Any]:
        """Write it as the API does."""
        return {"id": self.id, "name": self.name, "note": self.description or "", "size": self.size}


class AcmeSandbox(Vendor[Group, AcmeSettings]):
    """The Acme API."""

    name = "acme"
    label = "Acme"
    settings_class = AcmeSettings

    def entry(self, url: str) -> dict[str, str]:
        """Return the keys of an entry that leads here."""
        return {"type": "acme", "base_url": url, "token": self.settings.token}

    def answer(self, call: Call) -> Response:
        """Answer a request that carries the token."""
        found = find_endpoint(_ENDPOINTS, call.method, call.path)
        if call.headers.get("x-acme-token") != self.settings.token:
            return _error(401)
        if found is None:
            return _error(404)
        endpoint, parameters = found
        if not {*parameters.values()} <= {group.id for group in self.audiences()}:
            return _error(404)
        return endpoint.handle(self, call, **parameters)

    def failure(self, call: Call, status: int, reset_after_seconds: float | None) -> Response:
        """Make the answer of a request that fails on order."""
        return _error(status)

    def deed(self, call: Call) -> Deed:
        """Say what a request asks for."""
        found = find_endpoint(_ENDPOINTS, call.method, call.path)
        return Deed(found[0].operation if found else "")

    def add_audience(
        self,
        name: str,
        account: str | None = None,
        *,
        description: str | None = None,
        members: Mapping[str, Iterable[str]] | None = None,
        read_only: bool = False,
    ) -> str:
        """Make a group behind the user's back."""
        with self.lock:
            group = Group(id=f"g{next(self.numbers)}", account="", name=name, description=description)
            return self.keep(group, members)

    def list_groups(self, call: Call) -> Response:
        """List the groups whose names begin as asked."""
        begins = call.query.get("name", "")
        groups = [group.as_json() for group in self.audiences() if group.name.startswith(begins)]
        return self._page(call, "groups", groups)

    def make_group(self, call: Call) -> Response:
        """Make a group; names need not be unique."""
        group_id = self.add_audience(call.json["name"], description=call.json["note"])
        return JSONResponse(self.audience(group_id).as_json(), 201)

    def show_group(self, call: Call, group: str) -> Response:
        """Show one group."""
        return JSONResponse(self.audience(group).as_json())

    def change_group(self, call: Call, group: str) -> Response:
        """Name and describe a group."""
        changed = self.audience(group)
        changed.name, changed.description = call.json["name"], call.json["note"]
        return self.show_group(call, group)

    def delete_group(self, call: Call, group: str) -> Response:
        """Delete a group."""
        self.delete_audience(group)
        return Response(status_code=204)

    def list_people(self, call: Call, group: str) -> Response:
        """List the people of one key."""
        return self._page(call, "people", sorted(self.audience(group).members.get(call.query["key"], ())))

    def change_people(self, call: Call, group: str) -> Response:
        """Take people in or out."""
        key, adding = call.json["key"], "add" in call.json
        people = call.json["add" if adding else "remove"]
        if len(people) > self.settings.max_people:
            return _error(413)
        unknown = self.settings.unknown_people if adding else frozenset()
        not_taken = [
            {"index": index, "code": "unknown_person"} for index, one in enumerate(people) if one in unknown
        ]
        change = self.audience(group).add if adding else self.audience(group).remove
        change(key, [one for one in people if one not in unknown])
        return JSONResponse({"not_taken": not_taken})

    def clear_people(self, call: Call, group: str) -> Response:
        """Take everybody out."""
        self.audience(group).clear()
        return Response(status_code=204)

    def _page(self, call: Call, what: str, items: list[Any]) -> Response:
        start = int(call.query.get("after") or 0)
        end = start + self.settings.page_size
        return JSONResponse({what: items[start:end], "next": str(end) if end < len(items) else None})


def _error(status: int) -> Response:
    code = CODES.get(status, "failed")
    return JSONResponse({"error": {"code": code, "message": f"Acme says {status}."}}, status)


_ENDPOINTS = (
    Endpoint("list", "GET", "/groups", AcmeSandbox.list_groups),
    Endpoint("create", "POST", "/groups", AcmeSandbox.make_group),
    Endpoint("show", "GET", "/groups/{group}", AcmeSandbox.show_group),
    Endpoint("update", "PATCH", "/groups/{group}", AcmeSandbox.change_group),
    Endpoint("delete", "DELETE", "/groups/{group}", AcmeSandbox.delete_group),
    Endpoint("members", "GET", "/groups/{group}/people", AcmeSandbox.list_people),
    Endpoint("change", "POST", "/groups/{group}/people", AcmeSandbox.change_people),
    Endpoint("clear", "DELETE", "/groups/{group}/people", AcmeSandbox.clear_people),
)
