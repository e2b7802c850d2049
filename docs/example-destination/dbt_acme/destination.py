"""Acme: an audience is a group of people. API: https://developers.acme.example/groups."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar

from dbt_activate.delivery import Audience, Delivery, Receipt, Rejection
from dbt_activate.destination import BaseUrl, CheckResult, Destination, DestinationSettings, SecretStr, Wanted
from dbt_activate.errors import AudienceGoneError
from dbt_activate.http.answer import (
    Answer,
    Fault,
    RefusedAnswerError,
    Request,
    judge_status,
)
from dbt_activate.http.client import Client, NoCredentials
from dbt_activate.http.making import make_audience
from dbt_activate.identifiers import CUSTOMER_ID, EMAIL, IdentifierType

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from dbt_activate.throttle import Throttles

REASONS = {"unknown_person": "Acme knows nobody of this identifier"}
"""What Acme's codes for people that it does not take mean."""


class Acme(Destination):
    """The groups of one Acme account."""

    type_name = "acme"
    label = "Acme"
    identifier_types: ClassVar[Mapping[str, IdentifierType]] = {"email": EMAIL, "customer_id": CUSTOMER_ID}
    delivery_size = 1_000
    names_rejections = True
    reads_members = True
    counts_members = True
    clears = True
    deletes = True

    class Settings(DestinationSettings):
        """The keys of an Acme entry in ``destinations.yml``.

        Attributes:
            token: From Settings > API in Acme, with the scope ``groups``.
            base_url: Where the API is.
        """

        token: SecretStr
        base_url: BaseUrl = "https://api.acme.example"

    def __init__(self, settings: Settings, throttles: Throttles) -> None:
        self._client = Client(
            self.label,
            settings.base_url,
            throttle=throttles.get(("acme", settings.base_url), 600),  # requests a minute
            retry=throttles.retry,
            timeout_seconds=settings.timeout_seconds,
            credentials=_Token(settings.token),
            judge=_judge,
        )

    def check(self) -> CheckResult:
        """List the groups, which needs the scope that everything else needs."""
        count = sum(1 for _ in self._pages("/groups", "groups"))
        return CheckResult(passed=True, lines=(f"The token is good, and sees {count} pages of groups.",))

    def find(self, wanted: Wanted, remote_id: str | None) -> Audience | None:
        """Find a group by id, or by its exact name: Acme itself looks for names that begin so."""
        if remote_id is None:
            found = self._pages("/groups", "groups", name=wanted.name)
            return next(
                (_audience(one) for page in found for one in page if one["name"] == wanted.name), None
            )
        try:
            return _audience(self._call("GET", f"/groups/{remote_id}"))
        except AudienceGoneError:
            return None

    def create(self, wanted: Wanted) -> Audience:
        """Make a group unless one of that name is there: Acme would make a second one."""
        return self.find(wanted, None) or make_audience(
            create=lambda: _audience(self._call("POST", "/groups", _names(wanted), idempotent=False)),
            find=lambda: self.find(wanted, None),
        )

    def update(self, audience: Audience, wanted: Wanted) -> Audience:
        """Name and describe a group."""
        return _audience(self._call("PATCH", f"/groups/{audience.remote_id}", _names(wanted)))

    def push(self, audience: Audience, delivery: Delivery) -> Receipt:
        """Add or remove people, in one request."""
        people = {"key": delivery.identifier_type, delivery.operation.value: list(delivery.identifiers)}
        done = self._call("POST", f"/groups/{audience.remote_id}/people", people, personal=True)
        return Receipt(tuple(_rejection(one) for one in done["not_taken"]))

    def members(self, audience: Audience, identifier_type: str) -> Iterator[Sequence[str]]:
        """Yield the people of a group, a page at a time."""
        return self._pages(f"/groups/{audience.remote_id}/people", "people", key=identifier_type)

    def size(self, audience: Audience) -> int | None:
        """Return how many people are in a group."""
        return int(self._call("GET", f"/groups/{audience.remote_id}")["size"])

    def clear(self, audience: Audience) -> None:
        """Take everybody out of a group."""
        self._call("DELETE", f"/groups/{audience.remote_id}/people")

    def delete(self, audience: Audience) -> None:
        """Delete a group."""
        try:
            self._call("DELETE", f"/groups/{audience.remote_id}")
        except AudienceGoneError:
            return

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _pages(self, path: str, what: str, **params: str) -> Iterator[Any]:
        after: str | None = ""
        while after is not None:
            page = self._call("GET", path, params={**params, "after": after})
            yield page[what]
            after = page["next"]

    def _call(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        try:
            return self._client.send(Request(method, path, body, **more)).body
        except RefusedAnswerError as refused:
            if refused.code != "no_such_group":
                raise
            message = "The group is no longer there at Acme. Run dbt-activate sync again to make it anew."
            raise AudienceGoneError(message, reference=refused.reference) from None


class _Token(NoCredentials):
    def __init__(self, token: SecretStr) -> None:
        self._token = token

    def headers(self) -> Mapping[str, str]:
        return {"X-Acme-Token": self._token.get_secret_value()}


def _judge(answer: Answer) -> Fault | None:
    """Read what Acme says is wrong."""
    fault = judge_status(answer)
    error = answer.body.get("error") if isinstance(answer.body, dict) else None
    if fault is None or not isinstance(error, dict):
        return fault
    return replace(fault, code=str(error.get("code")), detail=str(error.get("message")))


def _names(wanted: Wanted) -> dict[str, str]:
    return {"name": wanted.name, "note": wanted.description}


def _audience(group: Mapping[str, Any]) -> Audience:
    return Audience(group["id"], group["name"], group["note"] or None)


def _rejection(one: Mapping[str, Any]) -> Rejection:
    return Rejection(one["index"], one["code"], REASONS.get(one["code"], "Acme does not say why"))
