"""Selligent in the sandbox: keys, rights, shapes, limits, and its bad habits."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from dbt_activate.sandbox import Fault, Sandbox
from dbt_activate.sandbox.selligent import Account, Selligent, SelligentSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from requests import Response

KEY = "sandbox:sandbox-secret"
SEGMENTS = "/lists/CUSTOMERS/segments"
ROWS = "keyFields=MAIL&fields=MAIL"


class Portal:
    """The Portal API as plain requests, for one organization."""

    def __init__(self, session: requests.Session, url: str) -> None:
        self.session = session
        self.url = url

    def call(self, method: str, path: str, body: Any = None, organization: str = "ACME") -> Response:
        """Do a request; `path` follows the organization."""
        url = f"{self.url}/Portal/Api/organizations/{organization}{path}"
        return self.session.request(method, url, json=body)

    def load(self, *rows: Any, query: str = ROWS, segment: str = "vip") -> Response:
        """Load rows."""
        return self.call("POST", f"{SEGMENTS}/{segment}/data/load?{query}", list(rows))

    def remove(self, *rows: Any, query: str = ROWS) -> Response:
        """Remove rows, with a body in a DELETE."""
        return self.call("DELETE", f"{SEGMENTS}/vip/data?{query}", list(rows))

    def search(self, **body: Any) -> Response:
        """Read members."""
        return self.call("POST", f"{SEGMENTS}/vip/data/search", {"fields": ["MAIL"], **body})


@pytest.fixture
def vendor() -> Selligent:
    """Selligent as it comes."""
    return Selligent(SelligentSettings())


@pytest.fixture
def sandbox(vendor: Selligent) -> Iterator[Sandbox]:
    """A sandbox on a port of its own."""
    with Sandbox(vendor) as running:
        yield running


@pytest.fixture
def portal(sandbox: Sandbox) -> Iterator[Portal]:
    """A client with the sandbox's key."""
    with requests.Session() as session:
        session.headers["X-ApiKey"] = KEY
        yield Portal(session, f"{sandbox.url}/selligent")


@pytest.fixture
def vip(vendor: Selligent) -> str:
    """The id of an empty static segment."""
    return vendor.add_audience("vip")


def outcome(response: Response) -> tuple[int, str]:
    """Return the status and the result code."""
    return response.status_code, response.json()["result_code"]


def counted(response: Response) -> dict[str, int]:
    """Return the counters that are not zero, by their short names."""
    prefix, suffix = "number_of_", "_records"
    return {
        name.removeprefix(prefix).replace(suffix, "").replace("records_", ""): count
        for name, count in response.json().items()
        if name.startswith(prefix) and count
    }


@pytest.mark.parametrize(
    "key", [None, "", "sandbox", "sandbox:", "sandbox:wrong", "x:sandbox-secret", f"{KEY}:x"]
)
def test_a_key_and_a_secret(portal: Portal, key: str | None) -> None:
    """The header holds exactly one of each; anything else is a 401."""
    portal.session.headers["X-ApiKey"] = key  # type: ignore[assignment]
    assert portal.call("GET", "").status_code == 401


def test_rights_and_organizations(vendor: Selligent, portal: Portal) -> None:
    """What an account may not do, and an organization that it may not see, are a 401 too."""
    some = Account(secret="sandbox-secret", organizations=("ACME",), rights=("organization", "lists"))
    vendor.configure(accounts={"sandbox": some})
    assert portal.call("GET", "").status_code == 200
    assert portal.call("GET", "", organization="OTHER").status_code == 401
    assert portal.call("GET", "", organization="NOBODY").status_code == 404
    assert portal.call("GET", "/lists/CUSTOMERS/fields").status_code == 401


def test_both_addresses(sandbox: Sandbox, portal: Portal) -> None:
    """The portal answers behind the vendor's name, and right under the sandbox."""
    portal.url = sandbox.url
    assert portal.call("GET", "").json()["audiences"][0] == {"api_name": "CUSTOMERS"}
    assert portal.session.get(f"{sandbox.url}/Portal/Api/status").status_code == 200
    portal.url = f"{sandbox.url}/selligent/no"
    assert portal.call("GET", "").status_code == 404


@pytest.mark.parametrize("key", ["list", "lists"])
def test_lists_and_fields(vendor: Selligent, portal: Portal, key: str) -> None:
    """Lists by organization, type and page; fields with their types."""
    vendor.configure(lists_key=key)
    found = portal.call("GET", "/lists?filter=Userlist&skip=1&take=1").json()
    assert found == {key: [{"id": 124, "type": "Userlist", "api_name": "NEWSLETTER", "name": "Newsletter"}]}
    assert portal.call("GET", "/lists?filter=Datalist").json() == {key: []}
    assert portal.call("GET", "/lists/CUSTOMERS").json()["type"] == "Userlist"
    assert portal.call("GET", "/lists/NEWSLETTER", organization="OTHER").status_code == 404
    fields = portal.call("GET", "/lists/CUSTOMERS/fields").json()["fields"]
    assert [field["name"] for field in fields] == ["CUSTOMER_ID", "MAIL", "LOYALTY_NUMBER"]


def test_a_segment_from_its_making_to_its_end(portal: Portal) -> None:
    """Made, shown, listed, made once only, deleted."""
    wanted = {"api_name": "vip", "name": "VIP", "description": "Spenders", "tags": ["dbt"]}
    assert outcome(portal.call("POST", f"{SEGMENTS}/static", wanted)) == (200, "Succeeded")
    shown = portal.call("GET", f"{SEGMENTS}/vip").json()
    assert shown == {"type": "Static", "api_name": "vip", "name": "VIP", "description": "Spenders"}
    listed = portal.call("GET", f"{SEGMENTS}?search=vi&filter=Static").json()
    assert listed == {"segments": [{"segment_type": "Static", "api_name": "vip"}], "segment_count": 1}
    assert outcome(portal.call("POST", f"{SEGMENTS}/static", wanted)) == (400, "ValidationFailed")
    assert outcome(portal.call("DELETE", f"{SEGMENTS}/vip")) == (200, "Succeeded")
    assert portal.call("GET", f"{SEGMENTS}/vip").status_code == 404


@pytest.mark.parametrize(
    "body",
    [{"name": "x"}, {"api_name": "x"}, {"api_name": "1x", "name": "x"}, {"api_name": "a-b", "name": "x"}, []],
)
def test_a_segment_that_is_not_right(portal: Portal, body: Any) -> None:
    """Both names are needed, and the API name has a form."""
    assert outcome(portal.call("POST", f"{SEGMENTS}/static", body)) == (400, "ValidationFailed")


@pytest.mark.parametrize(("knob", "status"), [("status", 404), ("result", 200)])
def test_a_segment_that_is_missing(vendor: Selligent, portal: Portal, knob: str, status: int) -> None:
    """It is told by the status or by the result code."""
    vendor.configure(missing_segment=knob)
    for response in (portal.call("GET", f"{SEGMENTS}/vip"), portal.load(["a"]), portal.remove(["a"])):
        assert outcome(response) == (status, "NotFound")


def test_load_and_remove(vendor: Selligent, portal: Portal, vip: str) -> None:
    """Rows are counted by what became of them."""
    assert counted(portal.load(["a"], ["b"], ["a"])) == {"inserted": 2, "duplicate": 1}
    assert counted(portal.load(["b"], ["c"])) == {"inserted": 1, "updated": 1}
    assert counted(portal.remove(["a"], ["z"])) == {"deleted": 1, "not_found": 1}
    assert vendor.members(vip) == {"MAIL": {"b", "c"}}


def test_a_header_row(vendor: Selligent, portal: Portal, vip: str) -> None:
    """Without fields the first row names them; with fields it is data."""
    assert counted(portal.load(["MAIL"], ["a"], query="keyFields=MAIL")) == {"inserted": 1}
    portal.load(["MAIL"])
    assert vendor.members(vip) == {"MAIL": {"a", "MAIL"}}


def test_values_of_a_profile(vendor: Selligent, portal: Portal, vip: str) -> None:
    """Other fields than the key would change profiles: each is noted."""
    portal.load(["a", 1], query="keyFields=MAIL&fields=MAIL,LOYALTY_NUMBER")
    assert vendor.profile_writes == 1
    assert vendor.members(vip) == {"MAIL": {"a"}}


def test_known_profiles(vendor: Selligent, portal: Portal, vip: str) -> None:
    """Everybody is known until it is said who is; others are not found, and not made."""
    vendor.know("CUSTOMERS", ["a"])
    response = portal.load(["a"], ["b"])
    assert outcome(response) == (200, "PartiallySucceeded")
    assert counted(response) == {"inserted": 1, "not_found": 1}
    vendor.configure(unknown_counted_as="failed")
    assert counted(portal.load(["b"])) == {"failed": 1}
    vendor.know("CUSTOMERS", None)
    assert counted(portal.load(["b"])) == {"inserted": 1}


@pytest.mark.parametrize(
    ("knob", "some", "none"),
    [
        ("Succeeded", "Succeeded", "Succeeded"),
        ("PartiallySucceeded", "PartiallySucceeded", "PartiallySucceeded"),
        ("Failed", "PartiallySucceeded", "Failed"),
    ],
)
def test_the_result_where_nobody_is_known(
    vendor: Selligent, portal: Portal, vip: str, knob: str, some: str, none: str
) -> None:
    """Which it is, is not documented."""
    vendor.configure(unknown_result=knob)
    vendor.know("CUSTOMERS", ["a"])
    assert [outcome(portal.load(*rows))[1] for rows in ([["a"], ["b"]], [["b"]])] == [some, none]


@pytest.mark.parametrize("base", [0, 1])
def test_invalid_records(vendor: Selligent, portal: Portal, vip: str, base: int) -> None:
    """Each has an index, a field and a code; the others are in."""
    vendor.configure(first_index=base)
    response = portal.load(["a"], ["x" * 101], [], "b")
    assert outcome(response) == (200, "PartiallySucceeded")
    found = [(each["record_index"], each["validation_code"]) for each in response.json()["invalid_records"]]
    codes = ("MaxStringLengthExceeded", "InvalidFieldCount", "InvalidFieldCount")
    assert found == list(zip(range(base + 1, base + 4), codes, strict=True))
    typed = portal.load(["1"], [2], ["x"], query="keyFields=LOYALTY_NUMBER&fields=LOYALTY_NUMBER")
    assert typed.json()["invalid_records"][0]["validation_code"] == "InvalidType"
    assert vendor.members(vip) == {"MAIL": {"a"}, "LOYALTY_NUMBER": {"1", "2"}}


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("fields=MAIL", 400),
        ("keyFields=NAME&fields=NAME", 200),
        ("keyFields=MAIL&fields=CUSTOMER_ID", 200),
        (f"{ROWS}&mode=Fast", 200),
    ],
)
def test_a_failure_inside_a_success(portal: Portal, vip: str, query: str, status: int) -> None:
    """What is wrong with rows as a whole is told in a 200."""
    response = portal.load(["a"], query=query)
    assert outcome(response) == (status, "ValidationFailed")
    assert response.json()["errors"][0]["error_code"] == "ERR_VALIDATION"


def test_a_segment_that_is_not_static(vendor: Selligent, portal: Portal) -> None:
    """It takes no rows."""
    vendor.add_audience("vip", read_only=True)
    assert outcome(portal.load(["a"])) == (200, "ValidationFailed")
    assert outcome(portal.call("DELETE", f"{SEGMENTS}/vip/data/clear")) == (200, "ValidationFailed")


def test_clear_and_search(vendor: Selligent, portal: Portal, vip: str) -> None:
    """Members are read in order and by pages, and all taken out at once."""
    vendor.put_members(vip, "MAIL", ["a", "b", "c"])
    assert portal.search(skip=1, take=1).json()["data"] == [["b"]]
    assert portal.search(order_by_direction="DESC").json()["data"] == [["c"], ["b"], ["a"]]
    vendor.configure(rows_as="objects", max_take=1)
    assert portal.search(take=2).json()["data"] == [{"MAIL": "a"}]
    vendor.configure(large_take="refused")
    assert outcome(portal.search(take=2)) == (200, "ValidationFailed")
    assert outcome(portal.search(fields=["NAME"])) == (200, "ValidationFailed")
    assert outcome(portal.call("DELETE", f"{SEGMENTS}/vip/data/clear")) == (200, "Succeeded")
    assert vendor.members(vip) == {}


def test_one_bulk_call_for_each_list(vendor: Selligent, portal: Portal, vip: str) -> None:
    """While one is at work, another for any segment of its list is a 429 at once, and other calls pass."""
    vendor.configure(bulk_seconds=0.6)
    vendor.add_audience("other")
    vendor.add_audience("vip", list="PROSPECTS")
    running = threading.Thread(target=portal.load, args=(["a"],))
    running.start()
    while not vendor.is_busy("CUSTOMERS"):
        time.sleep(0.005)
    with requests.Session() as session:
        session.headers["X-ApiKey"] = KEY
        second = Portal(session, portal.url)
        busy = second.load(["a"], segment="other")
        assert (busy.status_code, "X-RateLimit-Limit" in busy.headers) == (429, False)
        assert second.call("GET", f"{SEGMENTS}/vip").status_code == 200
        assert running.is_alive()
        assert second.call("POST", f"/lists/PROSPECTS/segments/vip/data/load?{ROWS}", [["a"]]).ok
        running.join()
        assert second.load(["a"], segment="other").ok
    assert vendor.collisions == 1


def test_a_busy_list_that_shows_its_quota(vendor: Selligent, portal: Portal, vip: str) -> None:
    """Some quota is left, which tells it from the rate limit."""
    vendor.configure(busy_shows_quota=True)
    vendor.occupy("CUSTOMERS", 60)
    busy = portal.load(["a"])
    assert (busy.status_code, busy.headers["X-RateLimit-Remaining"]) == (429, "2499")


def test_the_rate_limit(vendor: Selligent, portal: Portal) -> None:
    """Every answer counts down; beyond the limit comes plain text, and the seconds to wait."""
    vendor.configure(rate_limit=2)
    first = portal.call("GET", "")
    assert first.headers["X-RateLimit-Limit"] == "2, 2;w=60"
    assert first.headers["X-RateLimit-Remaining"] == "1"
    portal.call("GET", "")
    refused = portal.call("GET", "")
    assert refused.status_code == 429
    assert refused.text == "API calls quota exceeded! The maximum allowed is 2 per minute"
    assert 58 <= int(refused.headers["X-RateLimit-Reset"]) <= 61


def test_limits_on_rows(vendor: Selligent, portal: Portal, vip: str) -> None:
    """Too many are refused; a slow call is carried out and times out; a guard wants an index."""
    vendor.configure(max_rows=2)
    assert portal.load(["a"], ["b"], ["c"]).status_code == 413
    vendor.configure(max_rows=None, slow_rows=2)
    assert portal.load(["a"], ["b"], ["c"]).status_code == 504
    assert vendor.members(vip) == {"MAIL": {"a", "b", "c"}}
    vendor.configure(slow_rows=None, index_rows=1)
    by_number = "keyFields=LOYALTY_NUMBER&fields=LOYALTY_NUMBER"
    assert outcome(portal.load(["1"], ["2"], query=by_number)) == (200, "ValidationFailed")
    assert portal.load(["1"], query=by_number).json()["result_code"] == "Succeeded"


@pytest.mark.parametrize(
    ("status", "seconds", "result"),
    [
        (200, None, "InternalServerError"),
        (400, None, "ValidationFailed"),
        (401, None, "Failed"),
        (404, None, "NotFound"),
        (429, None, "Failed"),
        (500, None, "InternalServerError"),
        (503, None, "ServiceUnavailable"),
        (429, 7.0, None),
    ],
)
def test_faults_in_its_own_words(
    sandbox: Sandbox, portal: Portal, status: int, seconds: float | None, result: str | None
) -> None:
    """A fault on order has the vendor's envelope; used-up quota is plain text with headers."""
    sandbox.faults.add(
        Fault(effect="error", status=status, operation="organization", reset_after_seconds=seconds)
    )
    response = portal.call("GET", "")
    assert response.status_code == status
    if result:
        assert response.json()["result_code"] == result
        assert "X-RateLimit-Reset" not in response.headers
    else:
        assert response.text.startswith("API calls quota exceeded!")
        assert (response.headers["X-RateLimit-Remaining"], response.headers["X-RateLimit-Reset"]) == (
            "0",
            "7",
        )


def test_what_each_request_is_for(sandbox: Sandbox, portal: Portal, vip: str) -> None:
    """Requests are recorded by what they do, with how many members."""
    portal.load(["a"], ["b"])
    portal.load(["MAIL"], ["a"], query="keyFields=MAIL")
    portal.remove(["a"])
    portal.search()
    portal.call("DELETE", f"{SEGMENTS}/vip/data/clear")
    portal.call("GET", f"{SEGMENTS}/vip")
    portal.call("DELETE", f"{SEGMENTS}/vip")
    portal.call("POST", f"{SEGMENTS}/static", {"api_name": "x", "name": "x"})
    portal.call("PUT", "/lists/CUSTOMERS/businesskey")
    seen = [(exchange.operation, exchange.count) for exchange in sandbox.traffic.exchanges()]
    assert seen == [
        ("add", 2),
        ("add", 1),
        ("remove", 1),
        ("read", 0),
        ("clear", 0),
        ("find", 0),
        ("delete", 0),
        ("create", 0),
        ("", 0),
    ]


@pytest.mark.parametrize("content", [b"", b"{", b"{}", b"[1]", b"[[]]", b'"a"'])
def test_bodies_that_cannot_be_read(portal: Portal, vip: str, content: bytes) -> None:
    """None of them breaks the sandbox or puts anybody in."""
    url = f"{portal.url}/Portal/Api/organizations/ACME{SEGMENTS}/vip/data/load?keyFields=MAIL"
    response = portal.session.post(url, data=content, headers={"Content-Type": "application/json"})
    assert outcome(response) == (200, "ValidationFailed")
    assert portal.session.post(url, data="[[]]").status_code == 415


def test_a_reset(vendor: Selligent, portal: Portal, vip: str) -> None:
    """Segments, busy lists and counts are forgotten."""
    vendor.occupy("CUSTOMERS", 60)
    portal.load(["a"])
    vendor.reset()
    assert (vendor.audiences(), vendor.collisions, vendor.is_busy("CUSTOMERS")) == ([], 0, False)
