"""Criteo Retail Media in the sandbox: accounts, retailers, segments, contact lists."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from dbt_activate.sandbox import Sandbox
from dbt_activate.sandbox.criteo_retail_media import Account, CriteoRetailMedia, RetailMediaClient

ACCOUNT, OTHER = "342345123523334144", "342345123523334145"
FIRST = "568708742535471104"


class RetailClient:
    """Retail Media's API as plain requests."""

    def __init__(self, session: requests.Session, url: str) -> None:
        self.session = session
        self.url = f"{url}/criteo_retail_media"
        form = {"grant_type": "client_credentials", "client_id": "sandbox", "client_secret": "sandbox-secret"}
        token = session.post(f"{self.url}/oauth2/token", data=form).json()["access_token"]
        session.headers["Authorization"] = f"Bearer {token}"

    def call(self, method: str, path: str, data: Any = None) -> requests.Response:
        """Do a request; `data` is what goes under ``data``."""
        body = None if data is None else {"data": data}
        return self.session.request(method, f"{self.url}/2026-07/retail-media{path}", json=body)

    def segments(self, method: str, path: str, data: Any, account: str = ACCOUNT) -> requests.Response:
        """Do a request on an account's segments."""
        return self.call(method, f"/accounts/{account}/audience-segments{path}", data)

    def create(self, *names: str, account: str = ACCOUNT, **attributes: Any) -> requests.Response:
        """Create lists of customer ids of these names."""
        fixed = {"retailerId": "1234", "contactList": {"identifierType": "CustomerId"}, **attributes}
        items = [{"attributes": {**fixed, "name": name}} for name in names]
        return self.segments("POST", "/create", items, account)

    def search(self, query: str = "", **filters: Any) -> requests.Response:
        """Search segments; `query` is the query string, with its question mark."""
        return self.segments("POST", f"/search{query}", {"attributes": filters})

    def amend(self, number: str, operation: str, who: list[str], kind: str | None) -> requests.Response:
        """Add or remove identifiers."""
        facts = {"operation": operation, "identifiers": who} | ({"identifierType": kind} if kind else {})
        data = {"type": "AddRemoveContactlist", "attributes": facts}
        return self.call("POST", f"/audience-segments/{number}/contact-list/add-remove", data)


@pytest.fixture
def vendor() -> CriteoRetailMedia:
    """Criteo Retail Media, to look into."""
    return CriteoRetailMedia()


@pytest.fixture
def sandbox(vendor: CriteoRetailMedia) -> Iterator[Sandbox]:
    """A sandbox of one's own."""
    with Sandbox(vendor) as running:
        yield running


@pytest.fixture
def retail(sandbox: Sandbox) -> Iterator[RetailClient]:
    """A client of the default application, with a token."""
    with requests.Session() as session:
        yield RetailClient(session, sandbox.url)


def codes(response: requests.Response, where: str = "errors") -> tuple[int, list[str]]:
    """Return the status, and the codes of the errors or of the warnings."""
    return response.status_code, [problem["code"] for problem in response.json()[where]]


def test_entry_leads_to_it(sandbox: Sandbox) -> None:
    """The entry names the first account and its first retailer."""
    assert sandbox.entry("criteo_retail_media") == {
        "type": "criteo_retail_media",
        "base_url": f"{sandbox.url}/criteo_retail_media",
        "client_id": "sandbox",
        "client_secret": "sandbox-secret",
        "account_id": ACCOUNT,
        "retailer_id": "1234",
    }


def test_gateway_is_criteos(sandbox: Sandbox, vendor: CriteoRetailMedia, retail: RetailClient) -> None:
    """Tokens, versions, media types and the rate limit are those of all of Criteo's products."""
    assert retail.call("GET", "/accounts").headers["x-ratelimit-limit"] == "250"
    vendor.configure(rate_limit=2)
    assert codes(retail.call("GET", "/audiences")) == (404, ["not-found"])
    assert codes(retail.call("GET", "/accounts")) == (429, ["rate-limit-exceeded"])
    vendor.configure(rate_limit=None, max_body_bytes=10)
    assert codes(retail.create("gold"))[0] == 413
    old = retail.session.get(f"{retail.url}/2025-10/retail-media/accounts")
    assert codes(old) == (410, ["endpoint-deprecated"])
    text = retail.session.post(
        f"{retail.url}/2026-07/retail-media/accounts/{ACCOUNT}/audience-segments/search"
    )
    assert codes(text) == (415, ["unsupported-media-type"])
    sandbox.expire_tokens()
    assert codes(retail.call("GET", "/accounts")) == (401, ["authorization-token-expired"])


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("GET", "/accounts", "accounts"),
        ("POST", f"/accounts/{ACCOUNT}/retailers/search", "campaigns"),
        ("POST", f"/accounts/{ACCOUNT}/audience-segments/search", "read"),
        ("GET", f"/accounts/{ACCOUNT}/audience-segments/{FIRST}/contact-list", "read"),
        ("POST", f"/accounts/{ACCOUNT}/audience-segments/delete", "manage"),
        ("POST", f"/audience-segments/{FIRST}/contact-list/clear", "manage"),
    ],
)
def test_permissions(
    vendor: CriteoRetailMedia, retail: RetailClient, method: str, path: str, needed: str
) -> None:
    """Each call takes its own permission, and no other."""
    others = tuple({"accounts", "campaigns", "read", "manage"} - {needed})
    for permissions, is_refused in (((needed,), False), (others, True)):
        client = RetailMediaClient(secret="sandbox-secret", accounts=(ACCOUNT,), permissions=permissions)
        vendor.configure(clients={"sandbox": client})
        answer = retail.call(method, path, {} if method == "POST" else None)
        assert (answer.status_code == 403) is is_refused


def test_accounts_come_in_pages(retail: RetailClient) -> None:
    """By number of page, with how many there are."""
    first = retail.call("GET", "/accounts?pageSize=1").json()
    assert [item["id"] for item in first["data"]] == [ACCOUNT]
    assert first["data"][0]["attributes"]["type"] == "supply"
    assert first["metadata"]["totalItemsAcrossAllPages"] == first["metadata"]["totalPages"] == 2
    second = retail.call("GET", "/accounts?pageSize=1&pageIndex=1").json()["data"]
    assert [(item["id"], item["attributes"]["type"]) for item in second] == [(OTHER, "demand")]


def test_retailers_come_by_tens(vendor: CriteoRetailMedia, retail: RetailClient) -> None:
    """Five by default and ten at most; filtered if so asked; of accounts with consent only."""
    retailers = {str(number): f"Shop {number}" for number in range(12)}
    vendor.configure(accounts={ACCOUNT: Account(name="Grocer", retailers=retailers)})

    def search(query: str = "", account: str = ACCOUNT, wanted: Any = None) -> requests.Response:
        data = {"type": "RetailerSearchRequest", "attributes": {"retailerIdFilter": wanted}}
        return retail.call("POST", f"/accounts/{account}/retailers/search{query}", data)

    assert len(search().json()["data"]) == 5
    assert [item["id"] for item in search("?limit=10&offset=10").json()["data"]] == ["10", "11"]
    assert search(wanted=["3"]).json()["data"][0]["attributes"] == {"name": "Shop 3"}
    assert codes(search("?limit=11")) == codes(search("?limit=0")) == (400, ["invalid-range"])
    assert codes(search(account=OTHER)) == (403, ["insufficient-advertiser-permissions"])


def test_create(retail: RetailClient) -> None:
    """A created list comes back whole, with its type, and an id beyond 2**53 as text."""
    [segment] = retail.create("gold", description="The best").json()["data"]
    facts = segment["attributes"]
    assert (segment["type"], segment["id"]) == ("RetailMediaAudienceSegment", FIRST)
    assert facts["contactList"] == {
        "identifierType": "CustomerId",
        "isReadOnly": False,
        "sharingStatus": "NotShared",
    }
    assert {key: facts[key] for key in ("accountId", "retailerId", "name", "description", "type")} == {
        "accountId": ACCOUNT,
        "retailerId": "1234",
        "name": "gold",
        "description": "The best",
        "type": "ContactList",
    }


@pytest.mark.parametrize(
    ("attributes", "code"),
    [
        ({"retailerId": None}, "invalid"),
        ({"contactList": None}, "invalid"),
        ({"events": {}}, "invalid"),
        ({"contactList": {"identifierType": "customerId"}}, "invalid"),
        ({"contactList": {"identifierType": "Gum"}}, "invalid"),
    ],
)
def test_malformed_create(retail: RetailClient, attributes: dict[str, Any], code: str) -> None:
    """A retailer, one kind of segment and a type in Criteo's casing are needed."""
    assert codes(retail.create("gold", **attributes)) == (400, [code])


@pytest.mark.parametrize("failures", ["warnings", "errors"])
def test_part_of_a_bulk_request(vendor: CriteoRetailMedia, retail: RetailClient, failures: str) -> None:
    """What can be done is done, and the rest is named inside the success."""
    vendor.configure(failures=failures)
    answer = retail.create("one", "one", "", "two")
    assert [item["attributes"]["name"] for item in answer.json()["data"]] == ["one", "two"]
    assert codes(answer, failures) == (200, ["name-must-be-unique", "name-must-not-be-empty"])
    missing = [{"id": "1", "attributes": {"name": "a"}}]
    assert codes(retail.segments("PATCH", "", missing), failures) == (200, ["segment-not-found"])
    assert codes(retail.segments("POST", "/delete", missing), failures) == (200, ["segment-not-found"])
    assert codes(retail.create("a", retailerId="9"), failures) == (200, ["invalid"])


def test_failures_by_status(vendor: CriteoRetailMedia, retail: RetailClient) -> None:
    """If so configured, a request of which nothing could be done is a 400."""
    vendor.configure(failures="status")
    assert retail.create("one", "one").status_code == 200
    assert codes(retail.create("one")) == (400, ["name-must-be-unique"])


def test_where_names_are_unique(vendor: CriteoRetailMedia, retail: RetailClient) -> None:
    """In an account, or if so configured with a retailer; other accounts do not matter."""
    retail.create("gold")
    assert codes(retail.create("gold", retailerId="3239"), "warnings")[1] == ["name-must-be-unique"]
    vendor.configure(name_scope="retailer")
    assert len(retail.create("gold", retailerId="3239").json()["data"]) == 1
    assert len(retail.create("gold", account=OTHER).json()["data"]) == 1


def test_search(vendor: CriteoRetailMedia, retail: RetailClient) -> None:
    """Filters hold together, within one account; fifty by default and 500 at most."""
    retail.create(*[f"list {number}" for number in range(60)])
    vendor.add_audience("theirs", retailer="3239", type="Events")
    vendor.add_audience("elsewhere", OTHER)
    assert retail.search("?limit=2&offset=59").json()["meta"] == {"totalItems": 61, "limit": 2, "offset": 59}
    assert len(retail.search().json()["data"]) == 50
    assert [s["attributes"]["name"] for s in retail.search(retailerIds=["3239"]).json()["data"]] == ["theirs"]
    assert len(retail.search("?limit=500", audienceSegmentTypes=["ContactList"]).json()["data"]) == 60
    assert [s["id"] for s in retail.search(audienceSegmentIds=[FIRST]).json()["data"]] == [FIRST]
    assert retail.search(retailerIds=["1"], audienceSegmentIds=[FIRST]).json()["data"] == []
    assert codes(retail.search("?limit=501")) == (400, ["invalid-range"])


def test_update_and_delete(vendor: CriteoRetailMedia, retail: RetailClient) -> None:
    """Renamed, described by an object, and deleted by a POST; the answer to that has the id alone."""
    retail.create("gold", description="words")
    change = {"name": "Gold", "description": {"value": None}}
    [changed] = retail.segments("PATCH", "", [{"id": FIRST, "attributes": change}]).json()["data"]
    assert (changed["attributes"]["name"], changed["attributes"]["description"]) == ("Gold", None)
    foreign = retail.segments("POST", "/delete", [{"id": FIRST}], OTHER)
    assert codes(foreign, "warnings") == (200, ["segment-not-found"])
    answer = retail.segments("POST", "/delete", [{"id": FIRST, "type": "RetailMediaAudienceSegment"}])
    assert [(item["id"], item["attributes"]) for item in answer.json()["data"]] == [(FIRST, {})]
    assert vendor.audiences() == []


def test_without_consent(vendor: CriteoRetailMedia, retail: RetailClient) -> None:
    """An account that gave no consent is refused, or if so configured seems to have nothing."""
    audience = vendor.add_audience("gold")
    client = RetailMediaClient(secret="sandbox-secret", accounts=(OTHER,))
    vendor.configure(clients={"sandbox": client})
    refused = (403, ["insufficient-advertiser-permissions"])
    assert codes(retail.search()) == codes(retail.create("silver")) == refused
    assert codes(retail.amend(audience, "add", ["1"], "CustomerId")) == refused
    vendor.configure(without_consent="empty")
    bulk = [retail.search(), retail.create("a"), retail.segments("POST", "/delete", [{"id": audience}])]
    assert [(answer.status_code, answer.json()["data"]) for answer in bulk] == [(200, [])] * 3
    assert len(vendor.audiences()) == 1


def test_add_and_remove(sandbox: Sandbox, vendor: CriteoRetailMedia, retail: RetailClient) -> None:
    """Members go in and out, twice without harm; the numbers stand right under data."""
    retail.create("gold")
    for _ in range(2):
        answer = retail.amend(FIRST, "add", ["8436881", "17", " "], "CustomerId").json()
        retail.amend(FIRST, "remove", ["17", "99"], "CustomerId")
    assert vendor.members(FIRST) == {"CustomerId": {"8436881"}}
    assert answer["data"].pop("requestDate").endswith("Z")
    assert answer == {
        "type": "AddRemoveContactlistResult",
        "data": {
            "contactListId": int(FIRST),
            "operation": "add",
            "identifierType": "CustomerId",
            "nbValidIdentifiers": 2,
            "nbInvalidIdentifiers": 1,
            "sampleInvalidIdentifiers": [" "],
        },
        "errors": [],
        "warnings": [],
    }
    deeds = [(each.operation, each.count) for each in sandbox.traffic.exchanges()[2:]]
    assert deeds == [("add", 3), ("remove", 2)] * 2


@pytest.mark.parametrize(
    ("operation", "who", "kind"),
    [
        ("add", ["a@b.co"], "Email"),
        ("add", ["g"], "Gum"),
        ("add", ["1"], "customerId"),
        ("Add", ["1"], "CustomerId"),
        ("add", [], "CustomerId"),
    ],
)
def test_malformed_amendment(retail: RetailClient, operation: str, who: list[str], kind: str) -> None:
    """Another type than the list's own, another casing and nobody at all are refused."""
    retail.create("gold")
    assert codes(retail.amend(FIRST, operation, who, kind)) == (400, ["invalid"])


def test_most_identifiers_of_a_request(vendor: CriteoRetailMedia, retail: RetailClient) -> None:
    """One beyond the limit is refused as configured, and changes nothing."""
    retail.create("gold")
    vendor.configure(max_identifiers=2)
    assert retail.amend(FIRST, "add", ["1", "2", "3"], None).status_code == 413
    vendor.configure(too_many_identifiers_status=400)
    assert retail.amend(FIRST, "add", ["1", "2", "3"], None).status_code == 400
    assert vendor.members(FIRST) == {}
    assert retail.amend(FIRST, "add", ["1", "2"], None).status_code == 200


def test_clear_and_statistics(vendor: CriteoRetailMedia, retail: RetailClient) -> None:
    """Statistics count; clearing is answered with a 204 that has no body."""
    vendor.configure(match_rate=0.5)
    audience = vendor.add_audience("a", members={"Email": ["a@b.co", "b@b.co"]})
    counted = retail.segments("GET", f"/{audience}/contact-list", None).json()["data"]
    assert counted["attributes"] == {"numberOfIdentifiers": 2, "numberOfMatches": 1, "matchRate": 0.5}
    answer = retail.call("POST", f"/audience-segments/{audience}/contact-list/clear")
    assert (answer.status_code, answer.content) == (204, b"")
    assert vendor.members(audience) == {}
    assert retail.segments("GET", f"/{audience}/contact-list", None, OTHER).status_code == 404


def test_lists_that_cannot_be_changed(vendor: CriteoRetailMedia, retail: RetailClient) -> None:
    """Read-only lists, other kinds of segment and malformed ids are refused."""
    read_only = vendor.add_audience("a", members={"Email": ["a@b.co"]}, read_only=True)
    events = vendor.add_audience("b", type="Events")
    refused = (403, ["audience-invalid"])
    assert codes(retail.amend(read_only, "remove", ["a@b.co"], "Email")) == refused
    assert codes(retail.call("POST", f"/audience-segments/{read_only}/contact-list/clear")) == refused
    assert codes(retail.amend(events, "add", ["a@b.co"], "Email")) == refused
    assert codes(retail.amend(str(2**63), "add", ["1"], None)) == (400, ["invalid"])
    assert vendor.members(read_only) == {"Email": {"a@b.co"}}


@pytest.mark.parametrize(
    ("missing", "status", "where"),
    [("status", 404, "errors"), ("errors", 200, "errors"), ("warnings", 200, "warnings")],
)
def test_a_list_that_does_not_exist(
    vendor: CriteoRetailMedia, retail: RetailClient, missing: str, status: int, where: str
) -> None:
    """Each way in which Criteo might say so, with the code that is set."""
    vendor.configure(missing_list=missing, missing_list_code="list-unknown")
    answers = [
        retail.amend("1", "add", ["1"], None),
        retail.call("POST", "/audience-segments/1/contact-list/clear"),
        retail.segments("GET", "/1/contact-list", None),
    ]
    assert [codes(answer, where) for answer in answers] == [(status, ["list-unknown"])] * 3


def test_operations_have_names(sandbox: Sandbox, retail: RetailClient) -> None:
    """What is recorded, and what faults go by."""
    retail.create("a")
    retail.search()
    retail.segments("PATCH", "", [])
    retail.segments("GET", f"/{FIRST}/contact-list", None)
    retail.call("POST", f"/audience-segments/{FIRST}/contact-list/clear")
    retail.segments("POST", "/delete", [])
    retail.call("GET", "/accounts")
    retail.call("POST", f"/accounts/{ACCOUNT}/retailers/search", {})
    retail.call("GET", "/nothing")
    names = ["token", "create", "search", "rename", "count", "clear", "delete", "accounts", "retailers", ""]
    assert [each.operation for each in sandbox.traffic.exchanges()] == names
