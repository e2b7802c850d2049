"""Criteo's contact lists in the sandbox: add, remove, clear, statistics."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from dbt_activate.sandbox import Client, Sandbox

if TYPE_CHECKING:
    from conftest import CriteoClient
    from requests import Response

SHA256 = "375320dd9ae7ed408002f3768e16cb5f28c861062fd50dff9a3bff62e9dce4ef"
MD5 = "e13743a7f1db7f4246badd6fd6ff54ff"
MADID = "38400000-8cf0-11bd-b23e-10b96e40000d"


def code(response: Response) -> tuple[int, str]:
    """Return the status and the code of the one error."""
    return response.status_code, response.json()["errors"][0]["code"]


@pytest.fixture
def audience(sandbox: Sandbox) -> str:
    """The id of an empty contact list."""
    return sandbox.criteo.add_audience("list")


def test_add_and_remove(sandbox: Sandbox, criteo: CriteoClient, audience: str) -> None:
    """Members go in and out; doing it twice, or removing the absent, is harmless."""
    for _ in range(2):
        criteo.amend(audience, "add", ["a@b.co", "c@d.co"])
        criteo.amend(audience, "remove", ["c@d.co", "never@b.co"])
    assert sandbox.criteo.members(audience) == {"email": {"a@b.co"}}


def test_answer_counts_by_syntax(criteo: CriteoClient, audience: str) -> None:
    """The answer counts the valid and the invalid, and shows some of these."""
    answer = criteo.amend(audience, "add", ["a@b.co", SHA256, "nonsense", "no one@b.co"]).json()
    attributes = answer["data"]["attributes"]
    assert attributes.pop("requestDate").endswith("Z")
    assert (answer["data"]["type"], answer["errors"], answer["warnings"]) == ("ContactlistAmendment", [], [])
    assert attributes == {
        "contactListId": int(audience),
        "operation": "add",
        "identifierType": "email",
        "nbValidIdentifiers": 2,
        "nbInvalidIdentifiers": 2,
        "sampleInvalidIdentifiers": ["nonsense", "no one@b.co"],
    }


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        (
            "email",
            ["ada@example.com", SHA256, MD5],
            ["ada", "a@b", "a b@c.de", SHA256.upper(), SHA256[1:], ""],
        ),
        ("madid", [MADID, MADID.upper()], [MADID[1:], MADID.replace("-", "")]),
        ("identityLink", ["Xi1234abcd"], ["", "with space"]),
        ("phoneNumber", ["+33612345678", SHA256], ["abc", "06 12"]),
    ],
)
def test_identifier_forms(
    sandbox: Sandbox, criteo: CriteoClient, audience: str, kind: str, good: list[str], bad: list[str]
) -> None:
    """The valid forms of each type are held as they were sent; the others are not."""
    counts = criteo.amend(audience, "add", good + bad, kind).json()["data"]["attributes"]
    assert (counts["nbValidIdentifiers"], counts["nbInvalidIdentifiers"]) == (len(good), len(bad))
    assert sandbox.criteo.members(audience) == {kind: set(good)}


def test_types_are_held_apart(sandbox: Sandbox, criteo: CriteoClient, audience: str) -> None:
    """One list may hold several types, and removing one leaves the others."""
    criteo.amend(audience, "add", [SHA256], "email")
    criteo.amend(audience, "add", [SHA256], "phoneNumber")
    criteo.amend(audience, "remove", [SHA256], "email")
    assert sandbox.criteo.members(audience) == {"phoneNumber": {SHA256}}


def test_gum_needs_a_caller_id(sandbox: Sandbox, criteo: CriteoClient, audience: str) -> None:
    """Without the caller id, identifiers of type gum are refused."""
    assert code(criteo.amend(audience, "add", ["g1"], "gum")) == (400, "required-field")
    assert criteo.amend(audience, "add", ["g1"], "gum", gumCallerId=7).status_code == 200
    assert sandbox.criteo.members(audience) == {"gum": {"g1"}}


@pytest.mark.parametrize(
    ("operation", "identifiers", "kind"),
    [("add", [], "email"), ("replace", ["a@b.co"], "email"), ("add", ["a@b.co"], "customerid")],
)
def test_malformed_amendment(
    criteo: CriteoClient, audience: str, operation: str, identifiers: list[str], kind: str
) -> None:
    """No identifiers, an unknown operation and an unknown type are refused."""
    assert code(criteo.amend(audience, operation, identifiers, kind)) == (400, "invalid")


def test_most_identifiers_of_a_request(sandbox: Sandbox, criteo: CriteoClient, audience: str) -> None:
    """50,000 go through; one more is refused as configured, and changes nothing."""
    identifiers = [f"{number:064x}" for number in range(50_001)]
    assert criteo.amend(audience, "add", identifiers).status_code == 413
    sandbox.criteo.configure(too_many_identifiers_status=400)
    assert criteo.amend(audience, "add", identifiers).status_code == 400
    assert sandbox.criteo.members(audience) == {}
    assert criteo.amend(audience, "add", identifiers[:50_000]).status_code == 200
    assert len(sandbox.criteo.members(audience)["email"]) == 50_000


def test_largest_request(sandbox: Sandbox, criteo: CriteoClient, audience: str) -> None:
    """A body beyond the limit is a 413, however few identifiers it has."""
    sandbox.criteo.configure(max_body_bytes=1000)
    assert criteo.amend(audience, "add", ["a@b.co"]).status_code == 200
    assert code(criteo.amend(audience, "add", ["a" * 1000 + "@b.co"])) == (413, "request-too-large")


def test_lists_that_cannot_be_amended(sandbox: Sandbox, criteo: CriteoClient) -> None:
    """Read-only lists, other kinds of segment, unknown ids and malformed ones are refused."""
    read_only = sandbox.criteo.add_audience("a", members={"email": ["a@b.co"]}, read_only=True)
    other_kind = sandbox.criteo.add_audience("b", type="Lookalike")
    assert code(criteo.amend(read_only, "remove", ["a@b.co"])) == (403, "audience-invalid")
    assert code(criteo.call("DELETE", f"/{read_only}/contact-list")) == (403, "audience-invalid")
    assert code(criteo.amend(other_kind, "add", ["a@b.co"])) == (403, "audience-invalid")
    assert code(criteo.amend("1", "add", ["a@b.co"])) == (404, "audience-invalid")
    assert code(criteo.amend("3000000000", "add", ["a@b.co"])) == (400, "invalid")
    assert sandbox.criteo.members(read_only) == {"email": {"a@b.co"}}


def test_list_of_an_advertiser_without_consent(sandbox: Sandbox, criteo: CriteoClient, audience: str) -> None:
    """A list of an advertiser that gave no consent can be neither changed nor counted."""
    sandbox.criteo.configure(clients={"sandbox": Client(secret="sandbox-secret", advertisers=("99001",))})
    refused = (403, "insufficient-advertiser-permissions")
    assert code(criteo.amend(audience, "add", ["a@b.co"])) == refused
    assert code(criteo.call("DELETE", f"/{audience}/contact-list")) == refused
    assert code(criteo.call("GET", f"/{audience}/contact-list/statistics")) == refused


def test_clear(sandbox: Sandbox, criteo: CriteoClient) -> None:
    """Clearing takes out everybody, of every type."""
    audience = sandbox.criteo.add_audience("a", members={"email": ["a@b.co"], "madid": [MADID]})
    answer = criteo.call("DELETE", f"/{audience}/contact-list")
    assert answer.json()["data"] == {"id": audience, "type": "AudienceContactlist"}
    assert sandbox.criteo.members(audience) == {}


def test_statistics(sandbox: Sandbox, criteo: CriteoClient) -> None:
    """Statistics count the identifiers of all types, and the matches by the configured rate."""
    sandbox.criteo.configure(match_rate=0.5)
    audience = sandbox.criteo.add_audience("a", members={"email": ["a@b.co"], "madid": [MADID]})
    attributes = criteo.call("GET", f"/{audience}/contact-list/statistics").json()["data"]["attributes"]
    assert attributes == {"numberOfIdentifiers": 2, "numberOfMatches": 1, "matchRate": 0.5}
