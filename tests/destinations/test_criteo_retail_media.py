"""What the Criteo Retail Media adapter makes of every answer, and exactly what it sends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from dbt_activate.delivery import Audience, Delivery, Operation, Receipt
from dbt_activate.destination import AudienceSettings
from dbt_activate.destinations.criteo import Criteo
from dbt_activate.destinations.criteo_retail_media import CriteoRetailMedia
from dbt_activate.errors import (
    AccessError,
    AudienceGoneError,
    AudienceTakenError,
    AuthenticationError,
    DestinationError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.http.answer import RefusedAnswerError
from dbt_activate.identifiers import hashed
from dbt_activate.throttle import Retry, Throttles
from tests.destinations.scripted_server import Reply, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNTS = "/2026-07/retail-media/accounts"
ACCOUNT = f"{ACCOUNTS}/342345123523334144"
RETAILERS = f"{ACCOUNT}/retailers/search"
SEGMENTS = f"{ACCOUNT}/audience-segments"
ID = "568708742535471105"
LIST = f"/2026-07/retail-media/audience-segments/{ID}/contact-list"
MEMBERS, CLEAR, STATISTICS = f"{LIST}/add-remove", f"{LIST}/clear", f"{SEGMENTS}/{ID}/contact-list"
AUDIENCE = Audience(ID, "Loyalty gold", "Spenders")
WANTED = CriteoRetailMedia.AudienceSettings(name="Loyalty gold", description="Spenders")
ADD = Delivery(1, Operation.ADD, "email", (hashed("ada@example.com"), hashed("bob@example.com")))
TOKEN = Reply(200, {"access_token": "t1", "expires_in": 900})


def settings(**more: Any) -> Any:
    """Make the settings of a destination."""
    known = {"type": "criteo_retail_media", "targets": ("prod",), "client_id": "app"}
    place = {"client_secret": "s3cr3t", "account_id": "342345123523334144", "retailer_id": "1234"}
    return CriteoRetailMedia.Settings(**(known | place | more))


@pytest.fixture
def retail(server: ScriptedServer, throttles: Throttles) -> Iterator[CriteoRetailMedia]:
    """The adapter, talking to the scripted server, where the audience is a list of e-mails."""
    server.script("/oauth2/token", TOKEN)
    server.script(f"{SEGMENTS}/search", found(segment()))
    made = CriteoRetailMedia(settings(base_url=server.url, requests_per_minute=None), throttles)
    yield made
    made.close()


def failure(code: str, kind: str = "validation") -> dict[str, Any]:
    """Write one of Criteo's errors."""
    return {"traceId": "56ed4096", "type": kind, "code": code, "title": "A title", "detail": "A detail"}


def errors(*found: dict[str, Any], data: Any = None) -> dict[str, Any]:
    """Write a body with errors in it."""
    return {"data": data, "errors": list(found), "warnings": []}


def warnings(*found: dict[str, Any], data: Any = None) -> dict[str, Any]:
    """Write a body with warnings in it."""
    return {"data": data, "errors": [], "warnings": list(found)}


def segment(number: str = ID, kind: str | None = "Email", **more: Any) -> dict[str, Any]:
    """Write a segment."""
    facts = {"name": "Loyalty gold", "description": "Spenders", "type": "ContactList"}
    contact_list = {"identifierType": kind, "isReadOnly": False, "sharingStatus": "NotShared"}
    return {"id": number, "attributes": {**facts, "contactList": contact_list, **more}}


def found(*segments: dict[str, Any], total: int | None = None) -> Reply:
    """Answer a search."""
    meta = {"totalItems": len(segments) if total is None else total}
    return Reply(200, {"meta": meta, "data": list(segments), "errors": [], "warnings": []})


def amended(invalid: int | None = 0, *sample: str) -> Reply:
    """Answer an amendment: the numbers stand right under data."""
    facts = {
        "contactListId": int(ID),
        "nbValidIdentifiers": 2,
        "nbInvalidIdentifiers": invalid,
        "sampleInvalidIdentifiers": list(sample) or None,
    }
    return Reply(200, {"type": "AddRemoveContactlistResult", "data": facts, "errors": [], "warnings": []})


FINAL: list[tuple[int, Any, type[DestinationError], str]] = [
    (200, errors(failure("invalid")), RefusedAnswerError, r"200: invalid: A title\. \(reference 56ed4096\)"),
    (200, errors(failure("no-consent", "access_control")), AccessError, "RetailMedia_Audience_Manage"),
    (200, errors(failure("x", "authorization")), AccessError, "consent link"),
    (200, errors(failure("segment-not-found")), AudienceGoneError, "no longer there"),
    (200, warnings(failure("segment-not-found")), AudienceGoneError, "no longer there"),
    (200, warnings(failure("some-limit")), RefusedAnswerError, "did not carry out .* some-limit: A title"),
    (200, warnings(), AccessError, "gave no reason"),
    (400, errors(failure("required-field")), RefusedAnswerError, "required-field: A title"),
    (400, errors(failure("invalid")), RefusedAnswerError, "400: invalid: A title"),
    (400, errors(failure("invalid-date-format")), RefusedAnswerError, "invalid-date-format"),
    (400, errors(failure("invalid-range")), RefusedAnswerError, "invalid-range"),
    (400, errors({"code": None, "title": None}), RefusedAnswerError, r"with 400\."),
    (400, b"Bad Request", RefusedAnswerError, r"with 400\."),
    (401, errors(failure("authorization-token-missing", "authorization")), AuthenticationError, "-missing"),
    (401, errors(failure("authorization-token-expired", "authorization")), AuthenticationError, "-expired"),
    (401, errors(failure("authorization-token-invalid", "authorization")), AuthenticationError, "-invalid"),
    (401, errors(failure("authorization-issuer-invalid", "authorization")), AuthenticationError, "issuer"),
    (401, errors(failure("authorization-unknown", "authentication")), AuthenticationError, "-unknown"),
    (403, errors(failure("insufficient-advertiser-permissions")), AccessError, "open the app's consent link"),
    (403, errors(failure("audience-invalid")), AccessError, "RetailMedia_Audience_Manage"),
    (404, errors(failure("audience-invalid")), AudienceGoneError, rf"'Loyalty gold' \({ID}\) is no longer"),
    (404, errors(failure("segment-not-found")), AudienceGoneError, "Run dbt-activate sync again"),
    (404, b"<html>Not Found</html>", RefusedAnswerError, "check base_url and api_version"),
    (410, None, RefusedAnswerError, "2026-07 of its API is switched off: set a newer api_version"),
    (415, None, RefusedAnswerError, "report it"),
]
PASSING: list[tuple[int, Any]] = [
    (200, errors(failure("internal-error", "availability"), data={"nbValidIdentifiers": 7343})),
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
    server: ScriptedServer,
    retail: CriteoRetailMedia,
    status: int,
    body: Any,
    error: type[Exception],
    message: str,
) -> None:
    """Each failure that will not pass is its own error, and is not sent again (a 401: once)."""
    server.script(MEMBERS, Reply(status, body))
    with pytest.raises(error, match=message) as caught:
        retail.push(AUDIENCE, ADD)
    assert "A detail" not in str(caught.value)
    assert len(server.calls(MEMBERS)) == (2 if status == 401 else 1)


@pytest.mark.parametrize(("status", "body"), PASSING)
def test_an_answer_that_may_pass(
    server: ScriptedServer, retail: CriteoRetailMedia, status: int, body: Any
) -> None:
    """Each failure that may pass is tried again, and ends as "run again later" with Criteo's trace id."""
    server.script(MEMBERS, Reply(status, body), Reply(status, body), amended())
    assert retail.push(AUDIENCE, ADD) == Receipt()
    server.script(MEMBERS, Reply(status, body))
    with pytest.raises(UnavailableError, match="Tried 4 times") as caught:
        retail.push(AUDIENCE, ADD)
    assert caught.value.reference == ("56ed4096" if isinstance(body, dict) and body else None)


def test_no_answer_in_time(server: ScriptedServer) -> None:
    """Silence is waited for, tried again, and ends as "run again later"."""
    server.script("/oauth2/token", TOKEN)
    server.script(f"{SEGMENTS}/search", found(segment()))
    server.script(MEMBERS, Reply(fault="silence"))
    waits = Throttles(Retry(attempts=2, first_wait_seconds=0.001))
    impatient = CriteoRetailMedia(settings(base_url=server.url, timeout_seconds=0.2), waits)
    with pytest.raises(UnavailableError, match="no answer came in time"):
        impatient.push(AUDIENCE, ADD)
    impatient.close()
    assert len(server.calls(MEMBERS)) == 2


@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize("body", [{"error": "invalid_client", "error_description": "s3cr3t"}, b"no", None])
def test_refused_credentials(
    server: ScriptedServer, retail: CriteoRetailMedia, status: int, body: Any
) -> None:
    """However the token endpoint refuses, it is asked once, and its free text is not repeated."""
    server.script("/oauth2/token", Reply(status, body))
    with pytest.raises(AuthenticationError, match="Check client_id and client_secret") as caught:
        retail.find(WANTED, None)
    assert "s3cr3t" not in str(caught.value)
    assert len(server.calls("/oauth2/token")) == 1


def test_a_token_that_died(server: ScriptedServer, retail: CriteoRetailMedia) -> None:
    """A 401 costs one new token and one more try."""
    server.script(MEMBERS, Reply(401, errors(failure("authorization-token-expired"))), amended())
    retail.push(AUDIENCE, ADD)
    assert (len(server.calls("/oauth2/token")), len(server.calls(MEMBERS))) == (2, 2)


def test_a_404_in_words_that_we_do_not_know(server: ScriptedServer, retail: CriteoRetailMedia) -> None:
    """Then the search decides: the list is gone if it is not shown any more, and else it is an error."""
    server.script(MEMBERS, Reply(404, errors(failure("list-unknown"))))
    with pytest.raises(RefusedAnswerError, match="list-unknown"):
        retail.push(AUDIENCE, ADD)
    server.script(f"{SEGMENTS}/search", found())
    server.script(STATISTICS, Reply(404, errors(failure("list-unknown"))))
    with pytest.raises(AudienceGoneError):
        retail.push(AUDIENCE, ADD)


@pytest.mark.parametrize(
    ("identifier_type", "spelling"),
    [
        ("email", "Email"),
        ("customer_id", "CustomerId"),
        ("identity_link", "IdentityLink"),
        ("phone_number", "PhoneNumber"),
        ("user_identifier", "UserIdentifier"),
    ],
)
@pytest.mark.parametrize("operation", list(Operation))
def test_the_request_of_a_delivery(
    server: ScriptedServer,
    retail: CriteoRetailMedia,
    identifier_type: str,
    spelling: str,
    operation: Operation,
) -> None:
    """A delivery is one POST, the type in capitals and the operation in small letters."""
    server.script(f"{SEGMENTS}/search", found(segment(kind=spelling)))
    server.script(MEMBERS, amended())
    retail.push(AUDIENCE, Delivery(1, operation, identifier_type, ("a", "b")))
    (sent,) = server.calls(MEMBERS)
    facts = {"operation": operation.value, "identifierType": spelling, "identifiers": ["a", "b"]}
    assert (sent.method, sent.body) == (
        "POST",
        {"data": {"type": "AddRemoveContactlist", "attributes": facts}},
    )
    assert (sent.headers["Authorization"], sent.headers["Accept"]) == ("Bearer t1", "application/json")
    assert sent.headers["Content-Type"] == "application/json"


def test_what_criteo_did_not_take(server: ScriptedServer, retail: CriteoRetailMedia) -> None:
    """Identifiers that Criteo finds wrong are counted, and a few are shown masked."""
    server.script(MEMBERS, amended(7, *(f"ada{n}@example.com" for n in range(7))), amended(None))
    receipt = retail.push(AUDIENCE, ADD)
    assert (receipt.unnamed_rejections, receipt.sample) == (7, ("a…@e… (16 characters)",) * 5)
    assert retail.push(AUDIENCE, ADD) == Receipt()


@pytest.mark.parametrize(
    "reply",
    [
        Reply(413),
        Reply(400, errors(failure("invalid"))),
        Reply(200, errors(failure("too-many"))),
        Reply(200, warnings(failure("too-many"))),
    ],
)
def test_a_request_that_may_be_too_large(
    server: ScriptedServer, retail: CriteoRetailMedia, reply: Reply
) -> None:
    """No limit is published: whatever refuses many identifiers is answered by sending halves."""
    server.script(MEMBERS, reply, reply, amended(1))
    many = [hashed(str(number)) for number in range(5_000)]
    assert retail.push(AUDIENCE, Delivery(1, Operation.ADD, "email", many)).unnamed_rejections == 4
    sent = [each.body["data"]["attributes"]["identifiers"] for each in server.calls(MEMBERS)]
    assert [len(identifiers) for identifiers in sent] == [5_000, 2_500, *[1_250] * 4]
    assert [one for identifiers in sent[2:] for one in identifiers] == many


def test_a_request_that_is_wrong_and_not_too_large(server: ScriptedServer, retail: CriteoRetailMedia) -> None:
    """Halving after a 400 ends where no limit can be so low; after a 413 it ends at one."""
    server.script(MEMBERS, Reply(400, errors(failure("invalid"))))
    delivery = Delivery(1, Operation.ADD, "email", [hashed(str(number)) for number in range(3_000)])
    with pytest.raises(RefusedAnswerError, match="400: invalid"):
        retail.push(AUDIENCE, delivery)
    assert len(server.calls(MEMBERS)) == 3
    server.script(MEMBERS, Reply(413))
    with pytest.raises(RefusedError, match="413"):
        retail.push(AUDIENCE, ADD)
    assert len(server.calls(MEMBERS)) == 3 + 2


def test_a_refusal_that_was_not_about_the_size(server: ScriptedServer, retail: CriteoRetailMedia) -> None:
    """Where less did not pass either, later deliveries are as large as before."""
    delivery = Delivery(1, Operation.ADD, "email", [hashed(str(number)) for number in range(3_000)])
    server.script(MEMBERS, Reply(400, errors(failure("invalid"))))
    with pytest.raises(RefusedAnswerError, match="400: invalid"):
        retail.push(AUDIENCE, delivery)
    server.script(MEMBERS, amended())
    retail.push(AUDIENCE, delivery)
    sent = [each.body["data"]["attributes"]["identifiers"] for each in server.calls(MEMBERS)]
    assert [len(identifiers) for identifiers in sent] == [3_000, 1_500, 750, 3_000]


def test_a_delivery_of_another_type_than_the_list_takes(
    server: ScriptedServer, retail: CriteoRetailMedia
) -> None:
    """It is refused before anything is sent, also in a run that has not looked for the list itself."""
    server.script(f"{SEGMENTS}/search", found(segment(kind="CustomerId")))
    with pytest.raises(RefusedError, match="type CustomerId, and not Email") as caught:
        retail.push(AUDIENCE, ADD)
    assert hashed("ada@example.com") not in str(caught.value)
    assert not server.calls(MEMBERS)
    server.script(f"{SEGMENTS}/search", Reply(500))
    with pytest.raises(RefusedError, match=r"set audience\.identifier_type"):
        retail.push(AUDIENCE, ADD)


@pytest.mark.parametrize("told", ["Email", "email", "Unknown", None])
def test_a_list_that_may_be_of_the_wanted_type(
    server: ScriptedServer, retail: CriteoRetailMedia, told: str | None
) -> None:
    """The casing does not matter; a list that does not say what it takes is believed to be right."""
    server.script(f"{SEGMENTS}/search", found(segment(kind=told)))
    server.script(MEMBERS, amended())
    assert retail.find(WANTED, None) == retail.find(AudienceSettings(name="Loyalty gold"), ID) == AUDIENCE
    assert retail.push(AUDIENCE, ADD) == Receipt()


def test_a_list_of_another_type(server: ScriptedServer, retail: CriteoRetailMedia) -> None:
    """By name, by id or as the one that was faster: a list of another type is not ours to fill."""
    server.script(f"{SEGMENTS}/search", found(segment(kind="Gum")))
    server.script(f"{SEGMENTS}/create", Reply(200, warnings(CLASH, data=[])))
    attempts = (
        lambda: retail.find(WANTED, None),
        lambda: retail.find(WANTED, ID),
        lambda: retail.create(WANTED),
    )
    for attempt in attempts:
        with pytest.raises(RefusedError, match=r"takes identifiers of type Gum.*choose another"):
            attempt()


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        (
            {"type": "Events", "contactList": None},
            "of Criteo retailer 1234 of account 34.* is of type Events",
        ),
        ({"contactList": {"isReadOnly": True, "sharingStatus": "SharedWithAll"}}, "is read-only"),
    ],
)
def test_a_segment_that_takes_no_members(
    server: ScriptedServer, retail: CriteoRetailMedia, facts: dict[str, Any], message: str
) -> None:
    """Its name is taken all the same, and the message says by what."""
    server.script(f"{SEGMENTS}/search", found(segment(**facts)))
    for attempt in (lambda: retail.find(WANTED, None), lambda: retail.find(WANTED, ID)):
        with pytest.raises(RefusedError, match=message):
            attempt()


@pytest.mark.parametrize("told", ["CustomerId", None])
def test_the_request_that_makes_an_audience(
    server: ScriptedServer, retail: CriteoRetailMedia, told: str | None
) -> None:
    """The type of identifier is laid down with the list; then the list takes it, unasked."""
    created = Reply(200, {"data": [segment(kind=told)], "errors": [], "warnings": []})
    server.script(f"{SEGMENTS}/create", created)
    server.script(MEMBERS, amended())
    wanted = WANTED.model_copy(update={"identifier_type": "customer_id"})
    assert retail.create(wanted) == AUDIENCE
    contact_list = {"identifierType": "CustomerId"}
    facts = {"retailerId": "1234", "name": "Loyalty gold", "contactList": contact_list}
    assert server.seen[-1].body == {
        "data": [{"type": "RetailMediaAudienceSegment", "attributes": facts | {"description": "Spenders"}}]
    }
    retail.push(AUDIENCE, Delivery(1, Operation.ADD, "customer_id", ("8436881",)))
    assert not server.calls(f"{SEGMENTS}/search")


CLASH = failure("name-must-be-unique")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, warnings(CLASH, data=[])),
        Reply(200, errors(CLASH, data=[])),
        Reply(400, errors(CLASH)),
        Reply(500, errors(failure("internal-error", "availability"))),
        Reply(200, errors(failure("internal-error", "availability"), data=[])),
        Reply(fault="reset"),
        Reply(200, {"data": [segment()]}, fault="truncate"),
    ],
    ids=repr,
)
def test_the_audience_that_turns_out_to_be_there(
    server: ScriptedServer, retail: CriteoRetailMedia, reply: Reply
) -> None:
    """A name that somebody just took, or a lost answer: what is there now is returned, made once."""
    server.script(f"{SEGMENTS}/create", reply)
    assert retail.create(WANTED) == AUDIENCE
    assert len(server.calls(f"{SEGMENTS}/create")) == 1


@pytest.mark.parametrize(
    ("reply", "error", "message"),
    [
        (Reply(200, warnings(failure("name-must-not-be-empty"), data=[])), RefusedError, "A title: A detail"),
        (Reply(200, errors(failure("name-must-not-be-empty"), data=[])), RefusedError, "A title: A detail"),
        (Reply(200, warnings(data=[])), AccessError, "a permission is missing"),
        (Reply(400, errors(failure("invalid"))), RefusedError, "400: invalid: A title: A detail"),
        (Reply(403, errors(failure("x"))), AccessError, "Audiences = Manage"),
        (
            Reply(200, warnings(CLASH, data=[])),
            AudienceTakenError,
            "retailer 1234 of account 342345123523334144",
        ),
    ],
)
def test_an_audience_that_cannot_be_made(
    server: ScriptedServer,
    retail: CriteoRetailMedia,
    reply: Reply,
    error: type[Exception],
    message: str,
) -> None:
    """The message says why, with Criteo's own words; a name may be taken where we cannot see it."""
    server.script(f"{SEGMENTS}/create", reply)
    server.script(f"{SEGMENTS}/search", found())
    with pytest.raises(error, match=message):
        retail.create(WANTED)


def test_only_what_changed_is_sent(server: ScriptedServer, retail: CriteoRetailMedia) -> None:
    """A rename leaves the description alone; an emptied description is cleared; no change is no request."""
    server.script(SEGMENTS, Reply(200, {"data": [segment()], "errors": [], "warnings": []}))
    assert retail.update(AUDIENCE, WANTED.model_copy(update={"name": "Gold"})).name == "Gold"
    assert retail.update(AUDIENCE, WANTED.model_copy(update={"description": ""})).description is None
    assert retail.update(AUDIENCE, WANTED) is AUDIENCE
    sent = [(seen.method, seen.body["data"][0]) for seen in server.calls(SEGMENTS)]
    one = {"id": ID, "type": "RetailMediaAudienceSegment"}
    assert sent == [
        ("PATCH", one | {"attributes": {"name": "Gold"}}),
        ("PATCH", one | {"attributes": {"description": {"value": None}}}),
    ]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (warnings(CLASH, data=[]), AudienceTakenError),
        (errors(CLASH, data=[]), AudienceTakenError),
        (warnings(failure("segment-not-found"), data=[]), AudienceGoneError),
        (errors(failure("segment-not-found"), data=[]), AudienceGoneError),
        (warnings(data=[]), AccessError),
    ],
)
def test_a_rename_that_fails_inside_a_success(
    server: ScriptedServer, retail: CriteoRetailMedia, body: Any, error: type[Exception]
) -> None:
    """Bulk failures stand in the warnings or the errors of a 200: both are read."""
    server.script(SEGMENTS, Reply(200, body))
    with pytest.raises(error):
        retail.update(AUDIENCE, WANTED.model_copy(update={"name": "Gold"}))


def test_all_pages_of_the_retailer_are_searched(server: ScriptedServer, retail: CriteoRetailMedia) -> None:
    """Five hundred at once, those of the retailer alone, until the name is found exactly."""
    many = [segment(str(number), name=f"loyalty gold{number}") for number in range(500)]
    server.script(f"{SEGMENTS}/search", found(*many, total=502), found(segment(), total=502))
    assert retail.find(WANTED, None) == AUDIENCE
    first, second = server.calls(f"{SEGMENTS}/search")
    assert (first.query, second.query) == ("limit=500&offset=0", "limit=500&offset=500")
    attributes = {"retailerIds": ["1234"]}
    assert second.body == {"data": {"type": "RetailMediaAudienceSegment", "attributes": attributes}}


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(404, errors(failure("audience-invalid"))), None),
        (Reply(404, errors(failure("list-unknown"))), None),
        (Reply(200, errors(failure("segment-not-found"))), None),
        (Reply(200, warnings(failure("segment-not-found"))), None),
        (Reply(404, b"<html>no such page</html>"), RefusedAnswerError),
        (Reply(403, errors(failure("insufficient-advertiser-permissions"))), AccessError),
        (Reply(200, {"data": {"attributes": None}, "errors": []}), AccessError),
    ],
)
def test_an_id_that_search_does_not_show(
    server: ScriptedServer, retail: CriteoRetailMedia, reply: Reply, error: type[Exception] | None
) -> None:
    """Gone is only what the statistics call gone: nothing found may also be a missing permission."""
    server.script(f"{SEGMENTS}/search", found())
    server.script(STATISTICS, reply)
    if error is None:
        assert retail.find(WANTED, ID) is None
    else:
        with pytest.raises(error):
            retail.find(WANTED, ID)


@pytest.mark.parametrize(("count", "size"), [(10_000, 10_000), (0, 0), (None, None)])
def test_the_size(
    server: ScriptedServer, retail: CriteoRetailMedia, count: int | None, size: int | None
) -> None:
    """Criteo's count, or None where it keeps it to itself."""
    facts = {"numberOfIdentifiers": count, "numberOfMatches": None, "matchRate": None}
    server.script(STATISTICS, Reply(200, {"data": {"id": ID, "attributes": facts}, "errors": []}))
    assert retail.size(AUDIENCE) == size


def test_clearing_is_answered_without_a_body(server: ScriptedServer, retail: CriteoRetailMedia) -> None:
    """A POST without a body, and a 204; a success that names a failure is none."""
    server.script(CLEAR, Reply(204))
    retail.clear(AUDIENCE)
    assert (server.seen[-1].method, server.seen[-1].content) == ("POST", b"")
    server.script(CLEAR, Reply(200, warnings(failure("segment-not-found"))))
    with pytest.raises(AudienceGoneError):
        retail.clear(AUDIENCE)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(200, {"data": [{"id": ID, "type": "RetailMediaAudienceSegment"}], "errors": []}),
        Reply(200, warnings(failure("segment-not-found"), data=[])),
        Reply(200, errors(failure("segment-not-found"), data=[])),
        Reply(404, errors(failure("audience-invalid"))),
    ],
)
def test_deleting(server: ScriptedServer, retail: CriteoRetailMedia, reply: Reply) -> None:
    """A POST with the id in its body; a list that is gone already is fine."""
    server.script(f"{SEGMENTS}/delete", reply)
    retail.delete(AUDIENCE)
    (sent,) = server.calls(f"{SEGMENTS}/delete")
    assert (sent.method, sent.body) == (
        "POST",
        {"data": [{"id": ID, "type": "RetailMediaAudienceSegment"}]},
    )


def test_a_list_that_cannot_be_deleted(server: ScriptedServer, retail: CriteoRetailMedia) -> None:
    """Nothing done is not taken for done."""
    server.script(f"{SEGMENTS}/delete", Reply(200, warnings(data=[])))
    with pytest.raises(AccessError, match="a permission is missing"):
        retail.delete(AUDIENCE)
    server.script(f"{SEGMENTS}/delete", Reply(200, warnings(failure("segment-in-use"), data=[])))
    with pytest.raises(RefusedAnswerError, match="segment-in-use"):
        retail.delete(AUDIENCE)


def listing(numbers: range, **more: Any) -> Reply:
    """Answer a listing of accounts or retailers."""
    data = [{"id": str(n), "attributes": {"name": f"Name {n}", **more}} for n in numbers]
    return Reply(200, {"data": data, "metadata": {"count": len(data)}, "errors": [], "warnings": []})


def test_check_reads_all_pages(server: ScriptedServer, throttles: Throttles) -> None:
    """Accounts page by number, retailers by tens, and both until nothing new comes."""
    server.script("/oauth2/token", TOKEN)
    server.script(ACCOUNTS, listing(range(25), type="supply"), listing(range(25, 27)), listing(range(0)))
    server.script(
        f"{ACCOUNTS}/26/retailers/search", listing(range(10)), listing(range(10, 12)), listing(range(2))
    )
    server.script(f"{ACCOUNTS}/26/audience-segments/search", found())
    retail = CriteoRetailMedia(settings(base_url=server.url, account_id=26, retailer_id=11), throttles)
    result = retail.check()
    retail.close()
    assert result.passed
    assert {"  3  Name 3 (supply)", "  26  Name 26", "  11  Name 11"} <= set(result.lines)
    assert [seen.query for seen in server.calls(ACCOUNTS)] == [
        f"pageIndex={page}&pageSize=25" for page in range(3)
    ]
    retailers = server.calls(f"{ACCOUNTS}/26/retailers/search")
    assert [seen.query for seen in retailers] == [f"limit=10&offset={offset}" for offset in (0, 10, 12)]
    assert retailers[0].body == {
        "data": {"type": "RetailerSearchRequest", "attributes": {"retailerIdFilter": None}}
    }


def test_the_mapping_is_checked() -> None:
    """What another product takes is said in words, in both directions."""
    gum, madid = (CriteoRetailMedia.check_mapping(settings(), {name: "c"}) for name in ("gum", "madid"))
    assert all("type: criteo)" in message for message in (*gum, *madid))
    assert not CriteoRetailMedia.check_mapping(settings(), {"customer_id": "id"})
    theirs = Criteo.Settings(type="criteo", targets=(), client_id="a", client_secret="b", advertiser_id="1")
    (customer,) = Criteo.check_mapping(theirs, {"customer_id": "id"})
    assert "type: criteo_retail_media" in customer


def test_what_is_declared() -> None:
    """Two entries for two retailers of one account may use one name; customer ids go in clear."""
    assert CriteoRetailMedia.account(settings(base_url="https://proxy.test/x")) == (
        "criteo_retail_media",
        "proxy.test",
        "342345123523334144",
        "1234",
    )
    kinds = CriteoRetailMedia.identifier_types
    assert [name for name, kind in kinds.items() if kind.hashable] == ["email", "phone_number"]
    assert CriteoRetailMedia.default_form == "sha256"
    assert CriteoRetailMedia.one_identifier


def test_settings_keep_every_digit() -> None:
    """Ids beyond 2**53 may be numbers in YAML, and stay what they are."""
    read = settings(account_id=342345123523334145, retailer_id=9007199254740993)
    assert (read.account_id, read.retailer_id) == ("342345123523334145", "9007199254740993")
    wanted = CriteoRetailMedia.AudienceSettings(name="x", remote_id=568708742535471105)
    assert (wanted.remote_id, wanted.identifier_type) == ("568708742535471105", "email")
    assert "s3cr3t" not in repr(read)


@pytest.mark.parametrize(
    "wrong",
    [{"account_id": "Grocer"}, {"retailer_id": 5.68e17}, {"retailer_id": ""}, {"advertiser_id": "1"}],
)
def test_wrong_settings_are_refused_unseen(wrong: dict[str, Any]) -> None:
    """Each names its key, and none repeats what it was given."""
    with pytest.raises(ValidationError, match=next(iter(wrong))) as caught:
        settings(**wrong)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("wrong", ["madid", "CustomerId", "gum", None])
def test_a_list_type_that_cannot_be_made(wrong: str | None) -> None:
    """The five that Criteo makes lists for can be chosen, by our names."""
    with pytest.raises(ValidationError, match="'email', 'customer_id', 'identity_link', 'phone_number'"):
        CriteoRetailMedia.AudienceSettings(name="x", identifier_type=wrong)


def test_a_list_is_of_the_type_that_is_mapped() -> None:
    """It need not be said twice; where it is, and differs, nothing is made."""
    mapping = {"customer_id": "id"}
    assert CriteoRetailMedia.audience_defaults(mapping) == {"identifier_type": "customer_id"}
    assert CriteoRetailMedia.audience_defaults({"gum": "x"}) == {}
    fitting = CriteoRetailMedia.AudienceSettings(name="VIP", identifier_type="customer_id")
    assert not CriteoRetailMedia.check_audience(settings(), fitting, mapping)
    other = CriteoRetailMedia.AudienceSettings(name="VIP", identifier_type="email")
    (problem,) = CriteoRetailMedia.check_audience(settings(), other, mapping)
    assert "maps customer_id, and audience.identifier_type is email" in problem
