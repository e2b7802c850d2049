"""Whatever stands in a body, a vendor answers: a request that is not as it should be is refused, no more."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.datastructures import Headers, QueryParams

from dbt_activate.sandbox.batch import BatchSettings
from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.contents import Contents

SHOP = BatchSettings().projects[0]
SEGMENTS = "/2026-07/marketing-solutions/audience-segments"
RETAIL = "/2026-07/retail-media"
ACCOUNT = f"{RETAIL}/accounts/342345123523334144"
LISTS = "/api/v3/contactlist"
APP = "/client/mobile_applications/app_sandbox/custom_audiences"
PORTAL = "/Portal/Api/organizations/ACME/lists/CUSTOMERS/segments"
ROWS = "?keyFields=MAIL&fields=MAIL"
PEOPLE = ["a@b.co", "c@d.co"]
AMENDED = {"operation": "add", "identifierType": "email", "identifiers": PEOPLE}
AMENDMENT = {"type": "ContactlistAmendment", "attributes": AMENDED}
RETAIL_AMENDMENT = {"attributes": {**AMENDED, "identifierType": "Email"}}

REQUESTS: list[tuple[str, str, str, Any]] = [
    ("criteo", "POST", f"{SEGMENTS}/search", {"data": {"attributes": {"audienceSegmentIds": ["1"]}}}),
    (
        "criteo",
        "POST",
        f"{SEGMENTS}/create",
        {"data": [{"attributes": {"advertiserId": "73550", "name": "a", "contactList": {}}}]},
    ),
    ("criteo", "PATCH", SEGMENTS, {"data": [{"id": "{id}", "attributes": {"description": {"value": "x"}}}]}),
    ("criteo", "POST", f"{SEGMENTS}/delete", {"data": [{"id": "{id}"}]}),
    ("criteo", "POST", f"{SEGMENTS}/compute-sizes", {"data": [{"id": "{id}"}]}),
    ("criteo", "PATCH", f"{SEGMENTS}/{{id}}/contact-list", {"data": AMENDMENT}),
    ("criteo_retail_media", "POST", f"{ACCOUNT}/audience-segments/search", {"data": {"attributes": {}}}),
    (
        "criteo_retail_media",
        "POST",
        f"{ACCOUNT}/audience-segments/create",
        {"data": [{"attributes": {"retailerId": "1234", "name": "a", "contactList": {}}}]},
    ),
    (
        "criteo_retail_media",
        "POST",
        f"{RETAIL}/audience-segments/{{id}}/contact-list/add-remove",
        {"data": RETAIL_AMENDMENT},
    ),
    ("emarsys", "POST", "/api/v3/contact/checkids", {"key_id": 3, "external_ids": PEOPLE}),
    ("emarsys", "POST", "/api/v3/contact/getdata", {"keyId": 3, "keyValues": PEOPLE, "fields": [3]}),
    ("emarsys", "POST", LISTS, {"name": "a", "key_id": 3, "external_ids": PEOPLE}),
    ("emarsys", "POST", f"{LISTS}/{{id}}/rename", {"name": "b"}),
    ("emarsys", "POST", f"{LISTS}/{{id}}/add", {"key_id": 3, "external_ids": PEOPLE}),
    ("emarsys", "POST", f"{LISTS}/{{id}}/delete", {"key_id": 3, "external_ids": PEOPLE}),
    ("emarsys", "POST", f"{LISTS}/{{id}}/replace", {"key_id": 3, "external_ids": PEOPLE}),
    ("batch", "POST", "/2.11/audiences/create", {"name": "a", "type": "custom_ids", "display_name": "A"}),
    ("batch", "POST", "/2.11/audiences/update", {"name": "{id}", "ids": [{"action": "add", "id": "a"}]}),
    ("batch", "POST", "/2.11/audiences/replace", {"name": "{id}", "ids": [{"id": "a"}]}),
    ("batch", "POST", "/2.11/audiences/remove", {"name": "{id}"}),
    ("purchasely", "POST", APP, {"custom_audience": {"vendor_id": "a", "name": "A"}}),
    ("purchasely", "POST", f"{APP}/{{id}}/users", {"add": PEOPLE, "remove": ["x"]}),
    ("purchasely", "PUT", f"{APP}/{{id}}/users/replace", {"users": PEOPLE}),
    ("selligent", "POST", f"{PORTAL}/static", {"name": "a", "api_name": "a", "description": "A"}),
    ("selligent", "POST", f"{PORTAL}/vip/data/load{ROWS}", [["a@b.co"], ["c@d.co"]]),
    ("selligent", "POST", f"{PORTAL}/vip/data/load?keyFields=MAIL", [["MAIL"], ["a@b.co"]]),
    ("selligent", "DELETE", f"{PORTAL}/vip/data{ROWS}", [["a@b.co"]]),
    ("selligent", "POST", f"{PORTAL}/vip/data/search", {"fields": ["MAIL"], "skip": 0, "take": 10}),
    ("http", "POST", "/lists", {"name": "a", "description": "A"}),
    ("http", "PATCH", "/lists/{id}", {"name": "b", "description": "B"}),
    ("http", "POST", "/lists/{id}/members", {"type": "email", "members": PEOPLE}),
    ("http", "POST", "/lists/{id}/members/remove", {"type": "email", "members": PEOPLE}),
]
"""Requests that are as they should be; ``{id}`` stands for that of an audience."""

ODD: tuple[Any, ...] = (None, True, -1, 5, 1e400, "", "x", [], {}, [5], [None], [[]], [{}], {"x": [1]})


def variants(body: Any) -> Iterator[Any]:
    """Put each odd value in each place of a body."""
    yield from (copy.deepcopy(value) for value in ODD)
    for place in body if isinstance(body, dict) else range(len(body)) if isinstance(body, list) else ():
        for inside in variants(body[place]):
            changed = copy.copy(body)
            changed[place] = inside
            yield changed


def headers(contents: Contents, vendor: str) -> dict[str, str]:
    """Prove who is asking, in all ways that one vendor or another wants."""
    token = {"batch": "sandbox-rest-key", "purchasely": "sandbox-key", "http": "sandbox-token"}.get(vendor)
    if token is None:
        granted = contents.vendors[vendor].tokens.grant("sandbox", 900)
        token = json.loads(bytes(granted.body))["access_token"]
    proofs = {"x-batch-project": SHOP, "x-apikey": "sandbox:sandbox-secret"}
    return {"authorization": f"Bearer {token}", "content-type": "application/json", **proofs}


def send(vendor: str, method: str, target: str, body: Any) -> int:
    """Ask a vendor of a fresh sandbox with an audience; return the status."""
    contents = Contents(rate_limits=False)
    asked = contents.vendors[vendor]
    audience = asked.add_audience("vip")
    path, _, query = target.replace("{id}", audience).partition("?")
    written = json.dumps(body).replace("{id}", audience).encode()
    proof = Headers(headers(contents, vendor))
    call = Call(method, path, QueryParams(query), proof, written)
    asked.deed(call)
    return asked.serve(call).status_code


@pytest.mark.parametrize(("vendor", "method", "target", "body"), REQUESTS)
def test_no_body_breaks_a_vendor(vendor: str, method: str, target: str, body: Any) -> None:
    """What is right is carried out; what is wrong in a body, wherever, never ends in a server error."""
    assert send(vendor, method, target, body) in (200, 201, 202)
    for odd in variants(body):
        assert send(vendor, method, target, odd) < 500, odd
