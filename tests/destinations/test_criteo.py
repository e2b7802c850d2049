"""What the Criteo adapter makes of every answer, and exactly what it sends."""

from __future__ import annotations

import logging
import uuid
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from dbt_activate.delivery import Audience, Delivery, Operation, Receipt
from dbt_activate.destinations.criteo import GUM, IDENTITY_LINK, Criteo
from dbt_activate.errors import (
    AccessError,
    AudienceGoneError,
    AuthenticationError,
    DestinationError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.http.answer import RefusedAnswerError
from dbt_activate.identifiers import MADID, PHONE_NUMBER, hashed
from tests.destinations.scripted_server import Reply, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dbt_activate.throttle import Throttles

SEGMENTS = "/2026-07/marketing-solutions/audience-segments"
MEMBERS = f"{SEGMENTS}/5678/contact-list"
STATISTICS = f"{MEMBERS}/statistics"
AUDIENCE = Audience("5678", "VIP customers", "Spenders")
WANTED = Criteo.AudienceSettings(name="VIP customers", description="Spenders")
ADD = Delivery(1, Operation.ADD, "email", (hashed("ada@example.com"), hashed("bob@example.com")))
TOKEN = Reply(200, {"access_token": "t1", "expires_in": 900})


def settings(**more: Any) -> Any:
    """Make the settings of a destination."""
    needed = {"type": "criteo", "targets": ("prod",), "client_id": "app", "client_secret": "s3cr3t"}
    return Criteo.Settings(**(needed | {"advertiser_id": "73550"} | more))


@pytest.fixture
def criteo(server: ScriptedServer, throttles: Throttles) -> Iterator[Criteo]:
    """The adapter, talking to the scripted server."""
    server.script("/oauth2/token", TOKEN)
    made = Criteo(settings(base_url=server.url, requests_per_minute=None, gum_caller_id=42), throttles)
    yield made
    made.close()


def failure(code: str, kind: str = "validation", **more: Any) -> dict[str, Any]:
    """Write one of Criteo's errors."""
    return {
        "traceId": "56ed4096",
        "type": kind,
        "code": code,
        "title": "A title",
        "detail": "A detail",
    } | more


def errors(*found: dict[str, Any], data: Any = None) -> dict[str, Any]:
    """Write a body with errors in it."""
    return {"data": data, "errors": list(found), "warnings": []}


def segment(number: str = "5678", name: str = "VIP customers", **more: Any) -> dict[str, Any]:
    """Write a segment."""
    facts = {
        "name": name,
        "description": "Spenders",
        "type": "ContactList",
        "contactList": {"isReadOnly": False},
    }
    return {"type": "AudienceSegment", "id": number, "attributes": facts | more}


def found(*segments: dict[str, Any], total: int | None = None) -> Reply:
    """Answer a search; a negative total is left out."""
    meta = {"totalItems": len(segments) if total is None else total} if (total or 0) >= 0 else {}
    return Reply(200, {"meta": meta, "data": list(segments), "errors": [], "warnings": []})


def amended(invalid: int = 0, sample: tuple[str, ...] = ()) -> Reply:
    """Answer an amendment."""
    facts = {
        "nbValidIdentifiers": 2,
        "nbInvalidIdentifiers": invalid,
        "sampleInvalidIdentifiers": list(sample),
    }
    return Reply(200, {"data": {"attributes": facts}, "errors": [], "warnings": []})


FINAL: list[tuple[int, Any, type[DestinationError], str]] = [
    (200, errors(failure("invalid")), RefusedAnswerError, r"200: invalid: A title\. \(reference 56ed4096\)"),
    (200, errors(failure("no-consent", "access_control")), AccessError, "Audiences = Manage"),
    (400, errors(failure("required-field")), RefusedAnswerError, "required-field: A title"),
    (400, errors({"code": None, "title": None}), RefusedAnswerError, r"with 400\."),
    (400, errors({"code": "A detail", "title": None}), RefusedAnswerError, r"with 400\."),
    (400, {"errors": None}, RefusedAnswerError, r"with 400\."),
    (400, b"Bad Request", RefusedAnswerError, r"with 400\."),
    (401, errors(failure("authorization-token-expired")), AuthenticationError, "authorization-token-expired"),
    (403, errors(failure("insufficient-advertiser-permissions")), AccessError, "open the app's consent link"),
    (403, errors(failure("audience-invalid")), AccessError, "MarketingSolutions_Audience_Manage"),
    (404, errors(failure("audience-invalid")), AudienceGoneError, r"'VIP customers' \(5678\) is no longer"),
    (404, b"<html>Not Found</html>", RefusedAnswerError, "check base_url and api_version"),
    (410, None, RefusedAnswerError, "2026-07 of its API is switched off: set a newer api_version"),
    (415, None, RefusedAnswerError, "report it"),
]
PASSING: list[tuple[int, Any]] = [
    (200, errors(failure("internal-error", "availability"))),
    (200, errors(failure("too-many", "quota"))),
    (200, {}),
    (200, b"<html>please log in</html>"),
    (429, errors(failure("quota", "quota"))),
    (429, b"Too Many Requests"),
    (500, errors(failure("internal-error", "availability"))),
    (502, b"<html>"),
    (503, None),
    (504, None),
]


@pytest.mark.parametrize(("status", "body", "error", "message"), FINAL)
def test_an_answer_that_is_final(
    server: ScriptedServer, criteo: Criteo, status: int, body: Any, error: type[Exception], message: str
) -> None:
    """Each failure that will not pass is its own error, and is not sent again (a 401: once)."""
    server.script(MEMBERS, Reply(status, body))
    with pytest.raises(error, match=message) as caught:
        criteo.push(AUDIENCE, ADD)
    assert "A detail" not in str(caught.value)
    assert len(server.calls(MEMBERS)) == (2 if status == 401 else 1)


@pytest.mark.parametrize(("status", "body"), PASSING)
def test_an_answer_that_may_pass(server: ScriptedServer, criteo: Criteo, status: int, body: Any) -> None:
    """Each failure that may pass is tried again, and ends as "run again later" with Criteo's trace id."""
    server.script(MEMBERS, Reply(status, body), Reply(status, body), amended())
    assert criteo.push(AUDIENCE, ADD) == Receipt()
    server.script(MEMBERS, Reply(status, body))
    with pytest.raises(UnavailableError, match="Tried 4 times") as caught:
        criteo.push(AUDIENCE, ADD)
    assert caught.value.reference == ("56ed4096" if isinstance(body, dict) and body else None)


def test_a_token_that_died(server: ScriptedServer, criteo: Criteo) -> None:
    """A 401 costs one new token and one more try."""
    server.script(MEMBERS, Reply(401, errors(failure("authorization-token-expired"))), amended())
    criteo.push(AUDIENCE, ADD)
    assert (len(server.calls("/oauth2/token")), len(server.calls(MEMBERS))) == (2, 2)


@pytest.mark.parametrize(
    ("identifier_type", "spelling", "more"),
    [
        ("email", "email", {}),
        ("madid", "madid", {}),
        ("identity_link", "identityLink", {}),
        ("gum", "gum", {"gumCallerId": 42}),
        ("phone_number", "phoneNumber", {}),
    ],
)
def test_the_request_of_a_delivery(
    server: ScriptedServer, criteo: Criteo, identifier_type: str, spelling: str, more: dict[str, Any]
) -> None:
    """A delivery is one request, spelt as Criteo spells it."""
    server.script(MEMBERS, amended())
    criteo.push(AUDIENCE, Delivery(1, Operation.REMOVE, identifier_type, ("a", "b")))
    (sent,) = server.calls(MEMBERS)
    facts = {"operation": "remove", "identifierType": spelling, "identifiers": ["a", "b"], **more}
    assert (sent.method, sent.body) == (
        "PATCH",
        {"data": {"type": "ContactlistAmendment", "attributes": facts}},
    )
    assert (sent.headers["Authorization"], sent.headers["Accept"]) == ("Bearer t1", "application/json")


def test_what_criteo_did_not_take(server: ScriptedServer, criteo: Criteo) -> None:
    """Identifiers that Criteo finds wrong are counted, and a few are shown masked."""
    server.script(MEMBERS, amended(7, tuple(f"ada{n}@example.com" for n in range(7))))
    receipt = criteo.push(AUDIENCE, ADD)
    assert receipt.unnamed_rejections == 7
    assert receipt.sample == ("a…@e… (16 characters)",) * 5


def test_a_request_that_is_too_large(server: ScriptedServer, criteo: Criteo) -> None:
    """It is halved until it fits; later ones start at the size that fitted; what fitted is summed up."""
    delivery = Delivery(1, Operation.ADD, "email", [hashed(str(n)) for n in range(10)])
    server.script(MEMBERS, Reply(413), Reply(413), *[amended(1)] * 10)
    assert criteo.push(AUDIENCE, delivery).unnamed_rejections == 5
    criteo.push(AUDIENCE, delivery)
    sizes = [len(sent.body["data"]["attributes"]["identifiers"]) for sent in server.calls(MEMBERS)]
    assert sizes == [10, 5, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]


def test_one_identifier_that_is_too_large(server: ScriptedServer, criteo: Criteo) -> None:
    """Halving ends at one."""
    server.script(MEMBERS, Reply(413))
    with pytest.raises(RefusedError, match="413"):
        criteo.push(AUDIENCE, ADD)
    assert len(server.calls(MEMBERS)) == 2


def test_the_request_that_makes_an_audience(server: ScriptedServer, criteo: Criteo) -> None:
    """An empty contactList is what makes a segment a contact list."""
    server.script(f"{SEGMENTS}/create", Reply(200, {"data": [segment()], "errors": [], "warnings": []}))
    assert criteo.create(WANTED) == AUDIENCE
    facts = {"advertiserId": "73550", "name": "VIP customers", "description": "Spenders", "contactList": {}}
    assert server.seen[-1].body == {"data": [{"type": "AudienceSegment", "attributes": facts}]}


CLASH = failure("name-must-be-unique")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(400, errors(CLASH)),
        Reply(200, errors(CLASH, data=[])),
        Reply(200, {"data": [], "errors": [], "warnings": [CLASH]}),
        Reply(500, errors(failure("internal-error", "availability"))),
        Reply(200, errors(failure("internal-error", "availability"))),
        Reply(fault="reset"),
        Reply(200, {"data": [segment()]}, fault="truncate"),
    ],
    ids=repr,
)
def test_the_audience_that_turns_out_to_be_there(
    server: ScriptedServer, criteo: Criteo, reply: Reply
) -> None:
    """A name that somebody just took, or a lost answer: what is there now is returned, made once."""
    server.script(f"{SEGMENTS}/create", reply)
    server.script(f"{SEGMENTS}/search", found(segment()))
    assert criteo.create(WANTED) == AUDIENCE
    assert len(server.calls(f"{SEGMENTS}/create")) == 1


def test_a_lost_creation_that_did_not_happen(server: ScriptedServer, criteo: Criteo) -> None:
    """Where the search finds nothing after a lost answer, the audience is made again, a few times."""
    created = Reply(200, {"data": [segment()], "errors": [], "warnings": []})
    server.script(f"{SEGMENTS}/search", found())
    server.script(f"{SEGMENTS}/create", Reply(500), Reply(fault="reset"), created)
    assert criteo.create(WANTED) == AUDIENCE
    server.script(f"{SEGMENTS}/create", Reply(500))
    with pytest.raises(UnavailableError):
        criteo.create(WANTED)
    assert len(server.calls(f"{SEGMENTS}/create")) == 6


@pytest.mark.parametrize(
    ("reply", "error", "message"),
    [
        (Reply(400, errors(failure("invalid"))), RefusedError, "invalid: A title: A detail"),
        (Reply(200, {"data": [], "errors": [], "warnings": []}), AccessError, "a permission is missing"),
        (Reply(403, errors(failure("x"))), AccessError, "Audiences = Manage"),
        (Reply(400, errors(CLASH)), DestinationError, "shows no such segment. Choose another name"),
    ],
)
def test_an_audience_that_cannot_be_made(
    server: ScriptedServer, criteo: Criteo, reply: Reply, error: type[Exception], message: str
) -> None:
    """The message says why, with Criteo's own words where no person is in them."""
    server.script(f"{SEGMENTS}/create", reply)
    server.script(f"{SEGMENTS}/search", found())
    with pytest.raises(error, match=message):
        criteo.create(WANTED)


def test_only_what_changed_is_sent(server: ScriptedServer, criteo: Criteo) -> None:
    """A rename leaves the description alone; an emptied description is cleared; no change is no request."""
    server.script(SEGMENTS, Reply(200, {"data": [segment()], "errors": [], "warnings": []}))
    renamed = criteo.update(AUDIENCE, WANTED.model_copy(update={"name": "VIPs"}))
    cleared = criteo.update(AUDIENCE, WANTED.model_copy(update={"description": ""}))
    assert criteo.update(AUDIENCE, WANTED) is AUDIENCE
    sent = [seen.body["data"][0]["attributes"] for seen in server.calls(SEGMENTS)]
    assert sent == [{"name": "VIPs"}, {"description": {"value": None}}]
    assert (renamed, cleared) == (
        Audience("5678", "VIPs", "Spenders"),
        Audience("5678", "VIP customers", None),
    )


def test_all_pages_are_searched(server: ScriptedServer, criteo: Criteo) -> None:
    """The name is looked for on every page, and compared exactly."""
    server.script(
        f"{SEGMENTS}/search",
        found(*[segment(str(n), f"vip customers{n}") for n in range(100)], total=102),
        found(segment("100", "vip customers"), segment("101"), total=102),
    )
    assert criteo.find(WANTED, None) == Audience("101", "VIP customers", "Spenders")
    first, second = server.calls(f"{SEGMENTS}/search")
    assert (first.query, second.query) == ("limit=100&offset=0", "limit=100&offset=100")
    assert second.body == {"data": {"type": "AudienceSegment", "attributes": {"advertiserIds": ["73550"]}}}


@pytest.mark.parametrize("total", [9, -1])
def test_a_search_that_does_not_say_how_many_there_are(
    server: ScriptedServer, criteo: Criteo, total: int
) -> None:
    """Whatever the total claims, an empty page ends a search, and nothing but it or the total does."""
    server.script(f"{SEGMENTS}/search", found(segment("1", "x"), total=total), found(total=total))
    assert criteo.find(WANTED, None) is None
    assert len(server.calls(f"{SEGMENTS}/search")) == 2


def test_an_id_that_search_does_not_show(server: ScriptedServer, criteo: Criteo) -> None:
    """Gone is only what the statistics call gone: nothing found may also be a missing permission."""
    server.script(f"{SEGMENTS}/search", found())
    server.script(STATISTICS, Reply(404, errors(failure("audience-invalid"))))
    assert criteo.find(WANTED, "5678") is None
    server.script(STATISTICS, Reply(404, b"<html>no such page</html>"))
    with pytest.raises(RefusedAnswerError, match="check base_url"):
        criteo.find(WANTED, "5678")
    server.script(STATISTICS, Reply(403, errors(failure("insufficient-advertiser-permissions"))))
    with pytest.raises(AccessError):
        criteo.find(WANTED, "5678")
    server.script(STATISTICS, Reply(200, {"data": {"attributes": {}}, "errors": []}))
    with pytest.raises(AccessError, match="Check remote_id and advertiser_id"):
        criteo.find(WANTED, "5678")


@pytest.mark.parametrize(("count", "size"), [(10_000, 10_000), (0, 0), (None, None)])
def test_the_size(server: ScriptedServer, criteo: Criteo, count: int | None, size: int | None) -> None:
    """Criteo's count, or None where it keeps it to itself."""
    server.script(
        STATISTICS, Reply(200, {"data": {"attributes": {"numberOfIdentifiers": count}}, "errors": []})
    )
    assert criteo.size(AUDIENCE) == size


@pytest.mark.parametrize(
    ("told", "share"),
    [
        ({"matchRate": 0.62, "numberOfMatches": 6200, "numberOfIdentifiers": 10_000}, 0.62),
        ({"matchRate": 62, "numberOfMatches": 6200, "numberOfIdentifiers": 10_000}, 0.62),
        ({"matchRate": 0.8, "numberOfMatches": 9, "numberOfIdentifiers": 1_000}, 0.008),
        ({"matchRate": 62.5}, 0.625),
        ({"matchRate": 0.625}, 0.625),
        ({"matchRate": 0, "numberOfMatches": 0, "numberOfIdentifiers": 0}, 0.0),
        ({"matchRate": None, "numberOfMatches": 1, "numberOfIdentifiers": 4}, 0.25),
        ({"matchRate": None, "numberOfMatches": None, "numberOfIdentifiers": None}, None),
        ({}, None),
    ],
)
def test_the_match_rate(
    server: ScriptedServer, criteo: Criteo, told: dict[str, Any], share: float | None
) -> None:
    """A share, whether Criteo writes a share or a percentage; None where it keeps it to itself."""
    server.script(STATISTICS, Reply(200, {"data": {"attributes": told}, "errors": []}))
    assert criteo.match_rate(AUDIENCE) == (None if share is None else pytest.approx(share))


DELETED = [{"id": "5678", "type": "AudienceSegment"}]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {"data": DELETED, "errors": [], "warnings": []}),
        Reply(200, {"data": [], "errors": [], "warnings": [failure("segment-not-found")]}),
        Reply(200, errors(failure("segment-not-found"), data=[])),
        Reply(404, errors(failure("audience-invalid"))),
    ],
)
def test_deleting(server: ScriptedServer, criteo: Criteo, reply: Reply) -> None:
    """A POST with the id in its body; a segment that is gone already is fine."""
    server.script(f"{SEGMENTS}/delete", reply)
    criteo.delete(AUDIENCE)
    (sent,) = server.calls(f"{SEGMENTS}/delete")
    assert (sent.method, sent.body) == ("POST", {"data": DELETED})


def test_a_segment_that_cannot_be_deleted(server: ScriptedServer, criteo: Criteo) -> None:
    """Nothing done is not taken for done, and a refusal is shown."""
    nothing: dict[str, Any] = {"data": [], "errors": [], "warnings": []}
    server.script(f"{SEGMENTS}/delete", Reply(200, nothing))
    with pytest.raises(AccessError, match="a permission is missing"):
        criteo.delete(AUDIENCE)
    server.script(f"{SEGMENTS}/delete", Reply(200, nothing | {"warnings": [failure("segment-in-use")]}))
    with pytest.raises(RefusedAnswerError, match="segment-in-use: A title: A detail"):
        criteo.delete(AUDIENCE)


@pytest.mark.parametrize(
    ("warned", "error"),
    [
        ([failure("segment-not-found")], AudienceGoneError),
        ([failure("x")], RefusedError),
        ([], AccessError),
        ([failure("sunset", "deprecation"), failure("segment-not-found")], AudienceGoneError),
        ([failure("sunset", "deprecation")], AccessError),
    ],
)
def test_a_success_that_did_nothing(
    server: ScriptedServer, criteo: Criteo, warned: list[dict[str, Any]], error: type[Exception]
) -> None:
    """Only what comes back under data proves that members were changed, counted or taken out."""
    for path in (MEMBERS, STATISTICS):
        server.script(path, Reply(200, {"data": None, "errors": [], "warnings": warned}))
    calls = (
        lambda: criteo.push(AUDIENCE, ADD),
        lambda: criteo.size(AUDIENCE),
        lambda: criteo.clear(AUDIENCE),
    )
    for call in calls:
        with pytest.raises(error) as caught:
            call()
        assert "A detail" not in str(caught.value) or call is not calls[0]


def test_warnings_are_told_once(
    server: ScriptedServer, criteo: Criteo, caplog: pytest.LogCaptureFixture
) -> None:
    """A warning in a success is one line in the log, without its free text."""
    body = {"data": {"attributes": {}}, "errors": [], "warnings": [failure("sunset", "deprecation")]}
    server.script(MEMBERS, Reply(200, body))
    criteo.push(AUDIENCE, ADD)
    criteo.push(AUDIENCE, ADD)
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert told == ["Criteo warns: sunset: A title"]


def test_a_deprecation_among_the_errors(
    server: ScriptedServer, criteo: Criteo, caplog: pytest.LogCaptureFixture
) -> None:
    """It is no failure: what was asked for was done, and a line in the log tells of it."""
    facts = {"nbValidIdentifiers": 1, "nbInvalidIdentifiers": 1}
    server.script(MEMBERS, Reply(200, errors(failure("sunset", "deprecation"), data={"attributes": facts})))
    assert criteo.push(AUDIENCE, ADD) == Receipt(unnamed_rejections=1)
    assert "Criteo warns: sunset: A title" in caplog.text


def test_the_mapping_is_checked() -> None:
    """What needs another setting or another product is said in words before anything is sent."""
    mapping = {"gum": "gum_id", "customer_id": "id", "email": "email"}
    gum, customer = Criteo.check_mapping(settings(), mapping)
    assert "gum_caller_id" in gum
    assert "type: criteo_retail_media" in customer
    assert not Criteo.check_mapping(settings(gum_caller_id=1), {"gum": "gum_id"})


def test_settings_are_read_leniently_and_kept_secret() -> None:
    """Digits may be a number in YAML, null lifts the limit, and a proxy's path stays."""
    read = settings(advertiser_id=73550, requests_per_minute=None, base_url="https://proxy.test/criteo/")
    assert (read.advertiser_id, read.base_url) == ("73550", "https://proxy.test/criteo")
    assert Criteo.account(read) == ("criteo", "proxy.test", "73550")
    assert "s3cr3t" not in repr(read)


@pytest.mark.parametrize(
    "wrong",
    [
        {"advertiser_id": "Shop FR"},
        {"advertiser_id": 1.5},
        {"api_version": "v2"},
        {"base_url": "api.criteo.com"},
        {"base_url": "https://ada:s3cr3t@api.criteo.com"},
        {"base_url": "https://:s3cr3t@api.criteo.com"},
        {"requests_per_minute": 0},
        {"client_id": ""},
        {"advertizer": "1"},
    ],
)
def test_wrong_settings_are_refused_unseen(wrong: dict[str, Any]) -> None:
    """Each names its key, and none repeats what it was given."""
    with pytest.raises(ValidationError, match=next(iter(wrong))) as caught:
        settings(**wrong)
    assert "s3cr3t" not in str(caught.value)


def test_identifiers_that_may_be_sent() -> None:
    """Advertising ids keep their case and are not all zeros; tokens hold no space; phones are digits."""
    some_id = "AEBE52E7-03EE-455A-B3C4-E57283966239"
    assert MADID.normalise(f" {some_id}\n") == some_id
    assert all(MADID.is_valid(value) for value in (some_id, some_id.lower(), str(uuid.uuid4())))
    assert all(MADID.is_valid(str(uuid.UUID(int=1 << bit))) for bit in range(128))
    assert not any(
        MADID.is_valid(value) for value in (str(uuid.UUID(int=0)), some_id[:-1], some_id + "0", "")
    )
    assert not any(kind.is_valid(value) for kind in (IDENTITY_LINK, GUM) for value in ("", "a b", "é"))
    assert [PHONE_NUMBER.is_valid(value) for value in ("+33612345678", "33612345678", "06 12", "")] == [
        True,
        True,
        False,
        False,
    ]
