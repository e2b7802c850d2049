"""Purchasely's Custom Audiences API in the sandbox, as plain requests see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from dbt_activate.sandbox import Fault, Sandbox
from dbt_activate.sandbox.purchasely import App, Purchasely

Answer = requests.Response


@pytest.fixture
def vendor() -> Purchasely:
    """The sandbox's Purchasely."""
    return Purchasely()


@pytest.fixture
def sandbox(vendor: Purchasely) -> Iterator[Sandbox]:
    """A sandbox on a port of its own, with a rate limit."""
    with Sandbox(vendor) as running:
        yield running


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[Api]:
    """A client with the key of the sandbox's first app."""
    with requests.Session() as session:
        yield Api(session, sandbox.url)


class Api:
    """The API as plain requests."""

    def __init__(self, session: requests.Session, url: str) -> None:
        self.session = session
        self.url = url
        self.app = "app_sandbox"
        session.headers["Authorization"] = "Bearer sandbox-key"

    def call(self, method: str, path: str = "", body: Any = None, **more: Any) -> Answer:
        """Do a request; the path follows ``custom_audiences``."""
        url = f"{self.url}/client/mobile_applications/{self.app}/custom_audiences{path}"
        return self.session.request(method, url, json=body, **more)

    def create(self, vendor_id: str = "vip", **more: Any) -> Answer:
        """Create an audience."""
        return self.call(
            "POST", "", {"custom_audience": {"vendor_id": vendor_id, "name": "VIP customers"} | more}
        )

    def read(self, vendor_id: str = "vip") -> dict[str, Any]:
        """Read an audience."""
        found: dict[str, Any] = self.call("GET", f"/{vendor_id}").json()["custom_audience"]
        return found

    def change(self, **lists: Any) -> Answer:
        """Add and remove, and read until that is done."""
        answer = self.call("POST", "/vip/users", lists)
        while answer.status_code == 202 and self.read()["status"] == "processing":
            pass
        return answer

    def users(self, query: str = "") -> Any:
        """List who is in."""
        return self.call("GET", f"/vip/users{query}").json()


def code(answer: Answer) -> tuple[int, str]:
    """Return the status and the code of an error, whose messages are a list."""
    error = answer.json()["error"]
    assert all(isinstance(message, str) for message in error["messages"])
    return answer.status_code, error["code"]


def test_keys_and_apps(api: Api, vendor: Purchasely) -> None:
    """A missing and a wrong key, another app's key, and a missing option are told apart."""
    assert api.call("GET").status_code == 200
    api.app = "app_other"
    assert code(api.call("GET")) == (403, "FORBIDDEN")
    for header in ("Bearer nonsense", "Basic sandbox-key", ""):
        api.session.headers["Authorization"] = header
        assert code(api.call("GET")) == (401, "UNAUTHORIZED")
    vendor.configure(apps={"app_other": App(key="sandbox-key", has_custom_audiences=False)})
    api.session.headers["Authorization"] = "Bearer sandbox-key"
    for answer in (api.call("GET"), api.create(), api.call("GET", "/vip")):
        assert code(answer) == (403, "FEATURE_NOT_ENABLED")


def test_both_addresses_lead_there(sandbox: Sandbox, api: Api) -> None:
    """Its paths are its own, and it also answers under its name."""
    api.url = sandbox.entry("purchasely")["base_url"]
    assert api.url.endswith("/purchasely")
    assert api.call("GET").json() == {"custom_audiences": []}


def test_an_audience_is_made_and_read(api: Api) -> None:
    """A new audience is ready and empty, and was never synchronised."""
    answer = api.create()
    made = answer.json()["custom_audience"]
    assert answer.status_code == 201
    assert made == api.read() == api.call("GET").json()["custom_audiences"][0]
    assert made.pop("created_at") == made.pop("updated_at")
    assert made == {
        "id": "caud_1001",
        "vendor_id": "vip",
        "name": "VIP customers",
        "identifier_type": "user_id",
        "user_count": 0,
        "status": "ready",
        "last_synced_at": None,
        "last_job_result": None,
    }


@pytest.mark.parametrize(
    "body",
    [
        None,
        [],
        {"vendor_id": "vip", "name": "VIP"},
        {"custom_audience": {"name": "VIP"}},
        {"custom_audience": {"vendor_id": "vip", "name": ""}},
        {"custom_audience": {"vendor_id": 7, "name": "VIP"}},
        {"custom_audience": {"vendor_id": "vip", "name": "VIP", "identifier_type": "email"}},
    ],
)
def test_an_audience_that_cannot_be_made(api: Api, body: Any) -> None:
    """Key and name are required texts, and there are two types."""
    assert code(api.call("POST", "", body)) == (422, "VALIDATION_FAILED")


@pytest.mark.parametrize("status", [409, 422])
def test_a_key_that_is_taken(api: Api, vendor: Purchasely, status: int) -> None:
    """A key is unique in an app, and another app may have it, too."""
    vendor.configure(clash_status=status)
    api.create()
    assert code(api.create(name="Other")) == (status, "VALIDATION_FAILED")
    api.app, api.session.headers["Authorization"] = "app_other", "Bearer other-key"
    assert api.create().status_code == 201
    assert [held.id for held in vendor.audiences()] == ["vip", "app_other:vip"]


def test_the_list_is_in_pages_of_25(api: Api, vendor: Purchasely) -> None:
    """Pages follow each other without a total, and end with one that is not full; other apps are left out."""
    vendor.add_audience("Theirs", "app_other")
    for number in range(52):
        vendor.add_audience(f"Audience {number}")
    pages = [api.call("GET", f"?page={page}").json() for page in (1, 2, 3, 4)]
    assert [len(page["custom_audiences"]) for page in pages] == [25, 25, 2, 0]
    assert {one["vendor_id"] for page in pages for one in page["custom_audiences"]} == {
        f"audience_{number}" for number in range(52)
    }


def test_what_is_not_there(api: Api) -> None:
    """An unknown audience has its own code, which an unknown path has not."""
    for method, path in [
        ("GET", "/vip"),
        ("DELETE", "/vip"),
        ("GET", "/vip/users"),
        ("POST", "/vip/users"),
        ("PUT", "/vip/users/replace"),
        ("DELETE", "/vip/users/clear"),
    ]:
        assert code(api.call(method, path, {"add": ["a"]})) == (404, "CUSTOM_AUDIENCE_NOT_FOUND")
    assert code(api.call("PATCH", "/vip")) == (404, "NOT_FOUND")
    assert code(api.call("GET", "/vip/statistics")) == (404, "NOT_FOUND")


def test_add_and_remove(api: Api, vendor: Purchasely) -> None:
    """Both in one request; doing it twice, or removing the absent, is harmless."""
    api.create()
    for _ in range(2):
        answer = api.change(add=["a", "b"], remove=["c"])
        assert answer.status_code == 202
        assert answer.json()["custom_audience"]["status"] == "processing"
    api.change(remove=["b", "z"])
    assert vendor.members("vip") == {"user_id": {"a"}}
    assert api.read()["user_count"] == 1


@pytest.mark.parametrize("reads", [0, 1, 3])
def test_a_job_takes_its_time(api: Api, vendor: Purchasely, reads: int) -> None:
    """So many reads show it; then the time of the last job has moved, and its counts are there."""
    vendor.configure(processing_reads=reads)
    api.create()
    moments = []
    for _ in range(3):
        api.call("POST", "/vip/users", {"add": ["a", "", "b"]})
        assert [api.read()["status"] for _ in range(reads)] == ["processing"] * reads
        done = api.read()
        assert done["status"] == "ready"
        assert done["last_job_result"] == {"processed_count": 2, "skipped_count": 1, "error_count": 0}
        moments.append(done["last_synced_at"])
    assert moments == sorted({*moments})
    assert all(len(moment) == len("2026-03-13T12:00:00.000Z") for moment in moments)


def test_one_job_at_a_time(api: Api, vendor: Purchasely) -> None:
    """While one is under way, others are refused, archiving too, and nobody is shown."""
    api.create()
    api.call("POST", "/vip/users", {"add": ["a"]})
    busy = (409, "MUTATION_IN_PROGRESS")
    assert code(api.call("POST", "/vip/users", {"add": ["b"]})) == busy
    assert code(api.call("PUT", "/vip/users/replace", {"users": ["b"]})) == busy
    assert code(api.call("DELETE", "/vip/users/clear")) == busy
    assert code(api.call("DELETE", "/vip")) == (409, "CANNOT_ARCHIVE_WHILE_PROCESSING")
    page = api.users()
    assert (page["users"], page["has_more"]) == ([], False)
    assert page["warning"] == "Custom audience is currently being updated"
    assert api.users() == {"users": ["a"], "next_cursor": None, "has_more": False, "warning": None}
    assert vendor.members("vip") == {"user_id": {"a"}}


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ({}, "EMPTY_PAYLOAD"),
        ({"add": [], "remove": []}, "EMPTY_PAYLOAD"),
        ({"users": ["a"]}, "EMPTY_PAYLOAD"),
        ({"add": [1]}, "INVALID_PAYLOAD"),
        ({"add": "a"}, "INVALID_PAYLOAD"),
        ({"remove": [None]}, "INVALID_PAYLOAD"),
        ({"add": ["a"], "remove": ["a"]}, "INVALID_PAYLOAD"),
    ],
)
def test_changes_that_are_refused(api: Api, lists: Any, expected: str) -> None:
    """At least one list, of texts only, with nobody in both."""
    api.create()
    assert code(api.change(**lists)) == (422, expected)
    assert code(api.call("POST", "/vip/users")) == (422, "INVALID_PAYLOAD")


def test_identifiers_that_are_skipped(api: Api, vendor: Purchasely) -> None:
    """Empty, too long, with a control character, or as ordered: they are counted, the others go through."""
    vendor.configure(max_identifier_length=4, skipped={"skip"})
    api.create()
    api.change(add=["", "12345", "a\tb", "a\x85", "skip", "1234", "ü b"])
    assert vendor.members("vip") == {"user_id": {"1234", "ü b"}}
    assert api.read()["last_job_result"] == {"processed_count": 2, "skipped_count": 5, "error_count": 0}


def test_a_job_that_leaves_no_trace(api: Api, vendor: Purchasely) -> None:
    """Where that is set, a change of which all is skipped moves neither the time nor the counts."""
    api.create()
    api.change(add=["a"])
    before = api.read()
    vendor.configure(silent_when_all_skipped=True)
    assert api.change(add=[""]).status_code == 202
    after = api.read()
    assert (after["status"], after["last_synced_at"]) == ("ready", before["last_synced_at"])
    assert after["last_job_result"] == before["last_job_result"]


@pytest.mark.parametrize(("share", "done"), [(0, set()), (0.5, {"a", "b"})])
def test_jobs_that_fail(api: Api, vendor: Purchasely, share: float, done: set[str]) -> None:
    """As many as ordered are taken and then fail, with nothing or a part of them done."""
    vendor.configure(failing_jobs=1, failed_share=share)
    api.create()
    assert api.change(add=["a", "b", "c", "d"]).status_code == 202
    failed = api.read()
    counts = {"processed_count": len(done), "skipped_count": 0, "error_count": 4 - len(done)}
    assert (failed["status"], failed["last_synced_at"], failed["last_job_result"]) == ("failed", None, counts)
    assert vendor.members("vip") == ({"user_id": done} if done else {})
    api.change(add=["a", "b", "c", "d"])
    assert api.read()["status"] == "ready"


def test_replace_once_in_twelve_hours(api: Api, vendor: Purchasely) -> None:
    """The second one is refused as too many requests, and everything else goes on."""
    vendor.configure(processing_reads=0)
    api.create()
    api.change(add=["a"])
    assert api.call("PUT", "/vip/users/replace", {"users": ["b"]}).status_code == 202
    assert vendor.members("vip") == {"user_id": {"b"}}
    assert api.call("PUT", "/vip/users/replace", {"users": ["c"]}).status_code == 429
    vendor.configure(replace_seconds=0)
    assert api.call("PUT", "/vip/users/replace", {"users": []}).status_code == 202
    assert vendor.members("vip") == {}


def test_clear(api: Api, vendor: Purchasely) -> None:
    """Everybody is taken out, whatever their ids are like, and counted."""
    vendor.add_audience("VIP", members={"anonymous_id": ["a", "b\t"]})
    assert api.call("DELETE", "/vip/users/clear").status_code == 202
    assert vendor.members("vip") == {}
    api.read()
    assert api.read()["last_job_result"]["processed_count"] == 2


def test_users_page_by_page(api: Api, vendor: Purchasely) -> None:
    """Pages are as long as asked for, up to 10,000, and 1,000 by default."""
    people = {f"p{number:05}" for number in range(2_500)}
    vendor.add_audience("VIP", members={"user_id": people})
    first = api.users()
    assert (len(first["users"]), first["next_cursor"], first["has_more"]) == (1000, "p00999", True)
    second = api.users("?limit=1500&cursor=p00999")
    assert (len(second["users"]), second["next_cursor"], second["has_more"]) == (1500, None, False)
    assert {*first["users"], *second["users"]} == people
    for limit in ("0", "10001", "x"):
        assert code(api.call("GET", f"/vip/users?limit={limit}")) == (422, "VALIDATION_FAILED")


@pytest.mark.parametrize(("keys", "again"), [("free", 201), ("taken", 422)])
@pytest.mark.parametrize(("reads", "status"), [("missing", 404), ("shown", 200)])
def test_archiving(api: Api, vendor: Purchasely, keys: str, again: int, reads: str, status: int) -> None:
    """An archived audience leaves the list; whether it is shown, and keeps its key, can be set."""
    vendor.configure(archived_keys=keys, archived_reads=reads)
    api.create()
    assert api.call("DELETE", "/vip").json()["custom_audience"]["vendor_id"] == "vip"
    assert api.call("GET").json() == {"custom_audiences": []}
    assert vendor.audiences() == []
    assert api.call("GET", "/vip").status_code == status
    assert api.call("DELETE", "/vip").status_code == 404
    assert api.call("POST", "/vip/users", {"add": ["a"]}).status_code == 404
    assert api.create().status_code == again


def test_largest_request(api: Api, vendor: Purchasely) -> None:
    """A body beyond the limit is refused as a whole."""
    vendor.configure(max_body_bytes=100)
    api.create()
    assert code(api.change(add=["a" * 100])) == (413, "PAYLOAD_TOO_LARGE")
    assert vendor.members("vip") == {}


@pytest.mark.parametrize(("says_when", "header"), [(False, None), (True, "60")])
def test_rate_limit(api: Api, vendor: Purchasely, says_when: bool, header: str | None) -> None:
    """60 requests a minute for each key, whatever they ask; the answer beyond is no JSON."""
    vendor.configure(says_when=says_when)
    assert {api.call("GET", "/nobody").status_code for _ in range(60)} == {404}
    refused = api.call("GET")
    assert (refused.status_code, refused.text) == (429, "Too Many Requests")
    assert refused.headers.get("Retry-After") in (header, header and "61")
    api.app, api.session.headers["Authorization"] = "app_other", "Bearer other-key"
    assert api.call("GET").status_code == 200


@pytest.mark.parametrize(
    ("status", "method", "path", "expected"),
    [
        (401, "GET", "", "UNAUTHORIZED"),
        (403, "GET", "", "FORBIDDEN"),
        (404, "GET", "/vip", "CUSTOM_AUDIENCE_NOT_FOUND"),
        (409, "POST", "/vip/users", "MUTATION_IN_PROGRESS"),
        (409, "DELETE", "/vip/users/clear", "MUTATION_IN_PROGRESS"),
        (409, "DELETE", "/vip", "CANNOT_ARCHIVE_WHILE_PROCESSING"),
        (413, "POST", "/vip/users", "PAYLOAD_TOO_LARGE"),
        (422, "POST", "", "VALIDATION_FAILED"),
        (500, "GET", "", "INTERNAL_ERROR"),
    ],
)
def test_faults_on_order(
    sandbox: Sandbox, api: Api, status: int, method: str, path: str, expected: str
) -> None:
    """Every status comes in the vendor's own shape."""
    sandbox.faults.add(Fault(effect="error", status=status))
    assert code(api.call(method, path)) == (status, expected)


def test_what_requests_are_called(sandbox: Sandbox, api: Api) -> None:
    """Faults and records go by short names, and a change of one kind by what it does."""
    api.create()
    api.change(add=["a", "b"])
    api.change(remove=["a"])
    api.change(add=["a"], remove=["b", "c"])
    api.call("POST", "/vip/users", ["nonsense"])
    api.users()
    api.call("PUT", "/vip/users/replace", {"users": []})
    api.call("DELETE", "/vip/users/clear")
    api.call("DELETE", "/vip")
    api.call("GET")
    done = [(one.operation, one.count) for one in sandbox.traffic.exchanges() if one.operation != "status"]
    assert done == [
        ("create", 0),
        ("add", 2),
        ("remove", 1),
        ("change", 3),
        ("change", 0),
        ("read", 0),
        ("replace", 0),
        ("clear", 0),
        ("delete", 0),
        ("search", 0),
    ]


def test_behind_the_users_back(vendor: Purchasely) -> None:
    """An audience of a key that is there is refused; all is forgotten on a reset."""
    assert vendor.add_audience("VIP customers", members={"anonymous_id": ["a"]}) == "vip_customers"
    assert vendor.audience("vip_customers").identifier_type == "anonymous_id"
    with pytest.raises(ValueError, match="vip_customers"):
        vendor.add_audience("VIP  customers")
    vendor.configure(failing_jobs=3)
    vendor.reset()
    assert (vendor.audiences(), vendor.settings.failing_jobs) == ([], 0)
