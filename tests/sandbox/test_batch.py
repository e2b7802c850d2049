"""Batch in the sandbox: keys, versions, rate limit, audiences, tokens, and its bad habits."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from dbt_activate.sandbox import Fault, Sandbox
from dbt_activate.sandbox.batch import Batch, BatchSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "sandbox-rest-key"
SHOP, OUTLET = BatchSettings().projects


class BatchClient:
    """Batch's API as plain requests."""

    def __init__(self, session: requests.Session, url: str) -> None:
        self.session = session
        self.url = url
        self.version = "2.11"
        session.headers.update({"Authorization": f"Bearer {KEY}", "X-Batch-Project": SHOP})

    def post(self, call: str, name: str = "vip", **body: Any) -> requests.Response:
        """Change something."""
        url = f"{self.url}/batch/{self.version}/audiences/{call}"
        return self.session.post(url, json={"name": name, **body})

    def get(self, call: str, **query: Any) -> requests.Response:
        """Ask something."""
        return self.session.get(f"{self.url}/batch/{self.version}/audiences/{call}", params=query)

    def create(self, name: str = "vip", **more: Any) -> requests.Response:
        """Make an audience of custom user ids."""
        return self.post("create", name, **({"type": "custom_ids"} | more))

    def update(self, *ids: tuple[str, str], name: str = "vip") -> requests.Response:
        """Add and remove, in this order."""
        return self.post("update", name, ids=[{"action": action, "id": one} for action, one in ids])

    def view(self, name: str = "vip", **more: str) -> requests.Response:
        """Look at an audience."""
        return self.get("view", name=name, **more)

    def state(self, answer: requests.Response) -> str:
        """Return how far the change is that was answered so."""
        state: str = self.view(indexing_token=answer.json()["indexing_token"]).json()["indexing_state"]
        return state


@pytest.fixture
def batch() -> Batch:
    """A vendor without a rate limit."""
    return Batch(BatchSettings(rate_limit=None))


@pytest.fixture
def sandbox(batch: Batch) -> Iterator[Sandbox]:
    """A sandbox with that vendor."""
    with Sandbox(batch) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[BatchClient]:
    """A client with the sandbox's keys."""
    with requests.Session() as session:
        yield BatchClient(session, sandbox.url)


def test_an_audience_is_made_and_shown(client: BatchClient) -> None:
    """A change is a 202 with a token of 32 hex digits; the type is read back in other letters."""
    answer = client.create(display_name="VIP customers")
    assert answer.status_code == 202
    assert re.fullmatch("[0-9a-f]{32}", answer.json()["indexing_token"])
    shown = client.view().json()
    assert re.fullmatch(r"20..-..-..T..:..:..Z", shown.pop("created"))
    assert shown.pop("updated")
    assert shown == {
        "name": "vip",
        "display_name": "VIP customers",
        "type": "CUSTOM_ID",
        "nb_ids": 0,
        "indexing_state": "IN_PROGRESS",
    }


@pytest.mark.parametrize(
    ("written", "read"), [("custom_ids", "CUSTOM_ID"), ("emails", "EMAIL"), ("install_ids", "INSTALL_ID")]
)
def test_types(client: BatchClient, written: str, read: str) -> None:
    """Each type is written one way and read another; a display name need not be given."""
    client.create(type=written)
    shown = client.view().json()
    assert (shown["type"], "display_name" in shown) == (read, False)


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("vip customers", {}),
        ("é", {}),
        ("", {}),
        ("a" * 256, {}),
        ("vip", {"type": "CUSTOM_ID"}),
        ("vip", {"type": None}),
        ("vip", {"display_name": 7}),
    ],
)
def test_malformed_creations(client: BatchClient, name: str, more: dict[str, Any]) -> None:
    """Names hold few characters and at most 255; the type is one of three."""
    assert client.create(name, **more).status_code == 400


def test_names_are_case_sensitive(batch: Batch, client: BatchClient) -> None:
    """Two names that differ in case are two audiences."""
    assert [client.create(name).status_code for name in ("vip", "VIP", "a" * 255)] == [202] * 3
    assert [held.api_name for held in batch.audiences()] == ["vip", "VIP", "a" * 255]


@pytest.mark.parametrize("status", [202, 400, 409])
def test_a_name_that_is_taken(batch: Batch, client: BatchClient, status: int) -> None:
    """However it is answered, the audience stays as it was."""
    batch.configure(taken_name_status=status)
    batch.add_audience("VIP", api_name="vip", members={"customer_id": ["c1"]})
    assert client.create(display_name="Other").status_code == status
    assert (batch.audience("vip").name, batch.members("vip")) == ("VIP", {"customer_id": {"c1"}})


def test_adding_and_removing_share_a_request(batch: Batch, client: BatchClient) -> None:
    """Doing it twice is harmless, removing the absent too, and of one id twice the last action counts."""
    client.create()
    for _ in range(2):
        client.update(("add", "c1"), ("add", "c2"), ("remove", "c9"), ("remove", "c2"))
    client.update(("remove", "c1"), ("add", "c1"))
    assert batch.members("vip") == {"customer_id": {"c1"}}


@pytest.mark.parametrize(
    "item",
    [
        {"id": "c1"},
        {"action": "ADD", "id": "c1"},
        {"action": "add", "id": {"custom_id": "c1"}},
        {"action": "add", "id": ""},
        {"action": "add", "id": "c" * 513},
        {"action": "remove", "id": "c1", "attributes": {}},
    ],
)
def test_malformed_ids(batch: Batch, client: BatchClient, item: dict[str, Any]) -> None:
    """An id is a text with an action beside it, in small letters; one wrong id refuses the request."""
    client.create()
    answer = client.post("update", ids=[{"action": "add", "id": "good", "attributes": {"n": 1}}, item])
    assert (answer.status_code, batch.members("vip")) == (400, {})


def test_most_ids_of_a_request(batch: Batch, client: BatchClient) -> None:
    """10,000 go through; one more is refused as configured, and so is a body that is too large."""
    client.create()
    people = [("add", f"c{number}") for number in range(10_001)]
    assert client.update(*people).status_code == 400
    batch.configure(too_many_ids_status=413)
    assert client.update(*people).status_code == 413
    assert client.update(*people[:-1]).status_code == 202
    assert batch.audience("vip").size == 10_000
    batch.configure(max_body_bytes=100)
    assert client.update(*people[:10]).status_code == 413


def test_replacing_everybody(batch: Batch, client: BatchClient) -> None:
    """Who was in is out, and earlier changes are told to be replaced."""
    client.create()
    earlier = client.update(("add", "c1"))
    later = client.post("replace", ids=[{"id": "c2"}, {"id": "c3"}])
    assert batch.members("vip") == {"customer_id": {"c2", "c3"}}
    assert [client.state(earlier), client.state(later), client.state(later)] == [
        "REPLACED",
        "IN_PROGRESS",
        "APPLIED",
    ]


@pytest.mark.parametrize(
    ("habit", "status", "left"), [("clears", 202, 0), ("refused", 400, 1), ("ignored", 202, 1)]
)
def test_replacing_by_nobody(batch: Batch, client: BatchClient, habit: str, status: int, left: int) -> None:
    """What Batch does is not documented; it can be each."""
    batch.configure(empty_replace=habit)
    batch.add_audience("vip", members={"customer_id": ["c1"]})
    assert client.post("replace", ids=[]).status_code == status
    assert client.view().json()["nb_ids"] == left


def test_deleting(batch: Batch, client: BatchClient) -> None:
    """It takes the whole audience; for a while it may be shown still, and keep its name."""
    batch.configure(lingering_views=2)
    client.create()
    assert client.post("remove").status_code == 202
    assert batch.audiences() == []
    statuses = [client.view().status_code, client.create().status_code, client.view().status_code]
    assert statuses == [200, 400, 200]
    assert [client.view().status_code, client.create().status_code] == [404, 202]


@pytest.mark.parametrize("status", [400, 404])
def test_an_audience_that_is_not_there(batch: Batch, client: BatchClient, status: int) -> None:
    """A look is a 404; a change is refused as configured."""
    batch.configure(unknown_audience_status=status)
    assert client.view().status_code == 404
    changes = [client.update(("add", "c1")), client.post("replace", ids=[]), client.post("remove")]
    assert [answer.status_code for answer in changes] == [status] * 3


def test_an_audience_that_is_not_shown_yet(batch: Batch, client: BatchClient) -> None:
    """Just after its making, an audience may not be known for a while."""
    batch.configure(hidden_views=2)
    client.create()
    assert [client.update(("add", "c1")).status_code, client.view().status_code] == [400, 404]
    assert client.view().status_code == 200


@pytest.mark.parametrize("word", ["IN_PROGRESS", "IN_PROCESS"])
def test_a_change_takes_its_time(batch: Batch, client: BatchClient, word: str) -> None:
    """A token is in progress for so many looks, or for ever; without one, the last change counts."""
    batch.configure(indexing_polls=2, indexing_state=word)
    client.create()
    change = client.update(("add", "c1"))
    assert [client.state(change) for _ in range(3)] == [word, word, "APPLIED"]
    assert client.view().json()["indexing_state"] == "APPLIED"
    batch.configure(indexing_polls=None)
    change = client.update(("add", "c2"))
    assert {client.state(change) for _ in range(9)} == {word}
    assert client.view(indexing_token="0" * 32).status_code == 404


def test_members_that_change_late(batch: Batch, client: BatchClient) -> None:
    """If told so, changes wait for their token to be found applied, and are carried out in order."""
    batch.configure(applies_late=True, indexing_polls=1)
    client.create()
    client.update(("add", "c1"), ("add", "c2"))
    last = client.update(("remove", "c1"))
    assert [client.state(last), batch.members("vip")] == ["IN_PROGRESS", {}]
    assert [client.state(last), batch.members("vip")] == ["APPLIED", {"customer_id": {"c2"}}]


def test_listing(batch: Batch, client: BatchClient) -> None:
    """Pages are followed by a text that shows no position, and only the first page counts."""
    for number in range(12):
        batch.add_audience(f"a{number}")
    batch.add_audience("elsewhere", OUTLET)
    first = client.get("list").json()
    second = client.get("list", **{"from": first["next_from"], "limit": 100}).json()
    assert [one["name"] for one in first["audiences"] + second["audiences"]] == [f"a{n}" for n in range(12)]
    assert (first["count"], first["has_more"]) == (12, True)
    assert second.keys() == {"audiences", "has_more"}
    wrong = [client.get("list", **query) for query in ({"limit": 0}, {"limit": 101}, {"from": "10"})]
    assert [answer.status_code for answer in wrong] == [400] * 3


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer wrong"},
        {"Authorization": KEY},
        {"Authorization": None, "X-Authorization": KEY},
        {"X-Batch-Project": None},
        {"X-Batch-Project": "project_of_somebody_else"},
    ],
)
def test_both_keys_are_needed(
    batch: Batch, client: BatchClient, headers: dict[str, str | None], status: int
) -> None:
    """A wrong key, the older API's header and another company's project are refused alike."""
    batch.configure(refused_keys_status=status)
    url = f"{client.url}/batch/2.11/audiences/list"
    assert client.session.get(url, headers=headers).status_code == status


def test_projects_are_apart(batch: Batch, client: BatchClient) -> None:
    """The key opens all projects of the company; a name is unique within one."""
    client.create()
    client.session.headers["X-Batch-Project"] = OUTLET
    assert client.view().status_code == 404
    assert client.create().status_code == 202
    assert [(held.id, held.account) for held in batch.audiences()] == [
        ("vip", SHOP),
        (f"{OUTLET}:vip", OUTLET),
    ]


@pytest.mark.parametrize(
    ("shape", "keys"), [("prefixed", {"error_code", "error_message"}), ("plain", {"code", "message"})]
)
def test_shapes_of_errors(batch: Batch, client: BatchClient, shape: str, keys: set[str]) -> None:
    """The fields of an error are not documented; each shape that was seen can be had."""
    batch.configure(error_shape=shape)
    assert client.view().json().keys() == keys
    batch.configure(error_shape="text")
    assert client.view().text == "There is no audience named vip."


@pytest.mark.parametrize(("version", "status"), [("2.4", 200), ("2.13", 200), ("1.1", 404), ("9.0", 404)])
def test_versions(client: BatchClient, version: str, status: int) -> None:
    """The versions that Batch has documented are served."""
    client.version = version
    assert client.get("list").status_code == status


def test_wrong_ways_to_call(client: BatchClient) -> None:
    """Looks are GET, changes are POST, bodies are JSON, and members are not removed by ``remove``."""
    client.create()
    assert client.post("view").status_code == 404
    assert client.get("update").status_code == 404
    url = f"{client.url}/batch/2.11/audiences/create"
    assert client.session.post(url, data="{}", headers={"Content-Type": "text/plain"}).status_code == 400
    assert client.session.post(url, data="{", headers={"Content-Type": "application/json"}).status_code == 400


def test_one_request_a_second(batch: Batch, client: BatchClient) -> None:
    """The limit is the project's, and a 429 says how long only if told so."""
    batch.configure(rate_limit=1, rate_window_seconds=60)
    answers = [client.get("list"), client.get("list")]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert "Retry-After" not in answers[1].headers
    client.session.headers["X-Batch-Project"] = OUTLET
    assert client.get("list").status_code == 200
    batch.configure(retry_after=True)
    assert client.get("list").headers["Retry-After"] == "60"


def test_the_second_ends(batch: Batch, client: BatchClient) -> None:
    """Once the window is over, requests pass again."""
    batch.configure(rate_limit=1, rate_window_seconds=0.2)
    assert client.get("list").status_code == 200
    deadline = time.monotonic() + 10
    while client.get("list").status_code == 429:
        assert time.monotonic() < deadline


def test_the_limit_by_default() -> None:
    """One request a second and project, and an entry that leads there."""
    batch = Batch()
    assert (batch.settings.rate_limit, batch.settings.rate_window_seconds) == (1, 1.0)
    assert batch.entry("http://x") == {
        "type": "batch",
        "base_url": "http://x",
        "rest_api_key": KEY,
        "project_key": SHOP,
    }


def test_what_requests_ask_for(sandbox: Sandbox, client: BatchClient) -> None:
    """Every request has a name, and tells how many members it is about."""
    client.create()
    client.update(("add", "c1"), ("add", "c2"))
    client.update(("remove", "c1"))
    change = client.update(("add", "c1"), ("remove", "c2"))
    client.state(change)
    client.view()
    client.get("list")
    client.post("replace", ids=[{"id": "c3"}])
    client.post("replace", ids=[])
    client.post("remove")
    client.post("update", ids=7)
    client.get("nonsense")
    deeds = [(one.operation, one.count) for one in sandbox.traffic.exchanges(vendor="batch")]
    assert deeds == [
        ("create", 0),
        ("add", 2),
        ("remove", 1),
        ("change", 2),
        ("status", 0),
        ("find", 0),
        ("search", 0),
        ("replace", 1),
        ("clear", 0),
        ("delete", 0),
        ("update", 0),
        ("", 0),
    ]


def test_failures_on_order(sandbox: Sandbox, client: BatchClient) -> None:
    """Any status can be had, in Batch's own shape, with the usual headers of a limit."""
    sandbox.faults.add(Fault(effect="error", status=503, operation="search", reset_after_seconds=5))
    answer = client.get("list")
    assert (answer.status_code, answer.json()["error_code"]) == (503, "MAINTENANCE_ERROR")
    assert answer.headers["x-ratelimit-remaining"] == "0"


def test_partial_errors(batch: Batch, client: BatchClient) -> None:
    """A 202 can name ids that were not taken, as that of Batch's profiles does."""
    batch.configure(partial_errors=1)
    client.create()
    body = client.update(("add", "c1")).json()
    assert (body["code"], len(body["errors"])) == ("SUCCESS_WITH_PARTIAL_ERRORS", 1)
    assert body["indexing_token"]


def test_a_fresh_start(batch: Batch, client: BatchClient) -> None:
    """A reset forgets audiences, those that linger, and knobs."""
    batch.configure(lingering_views=9)
    client.create("a")
    client.create("b")
    client.post("remove", "a")
    batch.reset()
    assert [client.view(name).status_code for name in ("a", "b")] == [404, 404]
    assert batch.settings.lingering_views == 0
