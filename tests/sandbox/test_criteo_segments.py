"""Criteo's segments in the sandbox: create, search, update, delete, sizes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dbt_activate.sandbox import Client, Sandbox

if TYPE_CHECKING:
    from conftest import CriteoClient
    from requests import Response


def codes(response: Response, where: str) -> list[str]:
    """Return the codes of the errors or of the warnings."""
    return [problem["code"] for problem in response.json()[where]]


def test_create(criteo: CriteoClient) -> None:
    """A created contact list comes back whole, with an id of digits."""
    [segment] = criteo.create("lapsed", description="Gone quiet").json()["data"]
    attributes = segment["attributes"]
    assert attributes.pop("createdAt") == attributes.pop("updatedAt")
    assert segment == {
        "type": "AudienceSegment",
        "id": "5678",
        "attributes": {
            "advertiserId": "73550",
            "name": "lapsed",
            "description": "Gone quiet",
            "type": "ContactList",
            "contactList": {"isReadOnly": False},
        },
    }


def test_name_is_taken(criteo: CriteoClient) -> None:
    """A name that its advertiser has already is a 400; another advertiser may have it."""
    criteo.create("lapsed")
    clash = criteo.create("lapsed")
    assert (clash.status_code, codes(clash, "errors")) == (400, ["name-must-be-unique"])
    assert len(criteo.create("lapsed", advertiser="99001").json()["data"]) == 1


def test_name_is_taken_within_a_success(sandbox: Sandbox, criteo: CriteoClient) -> None:
    """If so configured, the clash is a warning in an empty 200."""
    sandbox.criteo.configure(name_clash="warning")
    criteo.create("lapsed")
    clash = criteo.create("lapsed")
    assert (clash.status_code, clash.json()["data"]) == (200, [])
    assert codes(clash, "warnings") == ["name-must-be-unique"]


def test_part_of_a_bulk_request(criteo: CriteoClient) -> None:
    """What can be done is done, and the rest is named in the warnings."""
    answer = criteo.create("one", "one", "", "two")
    assert [item["attributes"]["name"] for item in answer.json()["data"]] == ["one", "two"]
    assert codes(answer, "warnings") == ["name-must-be-unique", "name-must-not-be-empty"]


@pytest.mark.parametrize(
    ("item", "code", "pointer"),
    [
        ({"name": "a", "contactList": {}}, "required-field", "/data/0/attributes/advertiserId"),
        (
            {"name": "a", "advertiserId": 73550, "contactList": {}},
            "invalid",
            "/data/0/attributes/advertiserId",
        ),
        ({"name": "a", "advertiserId": "73550"}, "invalid", None),
    ],
)
def test_malformed_create(
    criteo: CriteoClient, item: dict[str, object], code: str, pointer: str | None
) -> None:
    """A body that is not what the document describes is a 400 that says where."""
    answer = criteo.call("POST", "/create", [{"type": "AudienceSegment", "attributes": item}])
    assert (answer.status_code, codes(answer, "errors")) == (400, [code])
    assert answer.json()["errors"][0]["source"].get("pointer") == pointer


def test_search_pages(criteo: CriteoClient) -> None:
    """Pages hold 50 by default and at most 100, and say how many there are in all."""
    criteo.create(*[f"list {number}" for number in range(120)])
    first = criteo.search(advertiserIds=["73550"]).json()
    assert (len(first["data"]), first["meta"]) == (50, {"totalItems": 120, "limit": 50, "offset": 0})
    last = criteo.search("?limit=100&offset=100").json()
    assert [item["attributes"]["name"] for item in last["data"]] == [f"list {n}" for n in range(100, 120)]
    assert criteo.search("?limit=101").status_code == 400


def test_search_filters(sandbox: Sandbox, criteo: CriteoClient) -> None:
    """Filters hold together; no hit is an empty success."""
    criteo.create("a", "b")
    sandbox.criteo.add_audience("c", "99001", type="Retargeting")

    def names(**filters: list[str]) -> list[str]:
        return [item["attributes"]["name"] for item in criteo.search(**filters).json()["data"]]

    assert names() == ["a", "b", "c"]
    assert names(advertiserIds=["73550"], audienceSegmentIds=["5679", "5680"]) == ["b"]
    assert names(audienceSegmentTypes=["Retargeting"]) == ["c"]
    assert criteo.search(advertiserIds=["1"]).json()["meta"]["totalItems"] == 0


def test_update(criteo: CriteoClient) -> None:
    """A description is changed by an object; what is left out stays; null clears."""
    criteo.create("old", description="words")

    def update(**attributes: object) -> dict[str, object]:
        answer = criteo.call(
            "PATCH", "", [{"id": "5678", "type": "AudienceSegment", "attributes": attributes}]
        )
        found: dict[str, object] = answer.json()["data"][0]["attributes"]
        return {key: found[key] for key in ("name", "description")}

    assert update(name="new") == {"name": "new", "description": "words"}
    assert update(description={"value": "more"}) == {"name": "new", "description": "more"}
    assert update(description={"value": None}) == {"name": "new", "description": None}


def test_update_to_a_taken_name(criteo: CriteoClient) -> None:
    """A rename keeps to the rule for names; a segment's own name is not taken."""
    criteo.create("a", "b")
    clash = criteo.call("PATCH", "", [{"id": "5679", "attributes": {"name": "a"}}])
    assert codes(clash, "errors") == ["name-must-be-unique"]
    same = criteo.call("PATCH", "", [{"id": "5679", "attributes": {"name": "b"}}])
    assert len(same.json()["data"]) == 1


def test_update_of_a_missing_segment(criteo: CriteoClient) -> None:
    """An unknown id is a warning in a 200."""
    answer = criteo.call("PATCH", "", [{"id": "1", "attributes": {"name": "a"}}])
    assert (answer.status_code, answer.json()["data"]) == (200, [])
    assert codes(answer, "warnings") == ["segment-not-found"]


def test_delete(sandbox: Sandbox, criteo: CriteoClient) -> None:
    """A deleted segment is gone, and its name is free."""
    criteo.create("a", "b")
    answer = criteo.call("POST", "/delete", [{"id": "5678", "type": "AudienceSegment"}])
    assert [item["id"] for item in answer.json()["data"]] == ["5678"]
    assert [segment.name for segment in sandbox.criteo.audiences()] == ["b"]
    assert criteo.create("a").json()["data"][0]["id"] == "5680"


def test_sizes(sandbox: Sandbox, criteo: CriteoClient) -> None:
    """The size of a contact list is how many Criteo is set to recognise."""
    sandbox.criteo.configure(match_rate=0.5)
    audience = sandbox.criteo.add_audience("a", members={"email": ["a@b.co", "b@b.co"]})
    answer = criteo.call("POST", "/compute-sizes", [{"id": audience, "type": "AudienceSegment"}])
    assert answer.json()["data"][0]["attributes"] == {"size": 1}


def test_without_consent_bulk_calls_are_empty_successes(sandbox: Sandbox, criteo: CriteoClient) -> None:
    """An advertiser that gave no consent seems to have nothing, and nothing is changed there."""
    audience = sandbox.criteo.add_audience("theirs", "73550")
    sandbox.criteo.configure(clients={"sandbox": Client(secret="sandbox-secret", advertisers=("99001",))})
    answers = [
        criteo.search(advertiserIds=["73550"]),
        criteo.create("mine", advertiser="73550"),
        criteo.call("PATCH", "", [{"id": audience, "attributes": {"name": "mine"}}]),
        criteo.call("POST", "/delete", [{"id": audience}]),
    ]
    assert [(a.status_code, a.json()["data"], a.json()["warnings"]) for a in answers] == [(200, [], [])] * 4
    assert [segment.name for segment in sandbox.criteo.audiences()] == ["theirs"]
