"""What the Emarsys adapter makes of every answer, and exactly what it sends."""

from __future__ import annotations

import base64
import logging
import re
import threading
import time
from contextlib import contextmanager
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr, ValidationError

from dbt_activate.delivery import Audience, Delivery, Operation, Receipt, Rejection
from dbt_activate.destinations.emarsys import Emarsys
from dbt_activate.destinations.emarsys_api import Wsse
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
from tests.destinations.scripted_server import Reply, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Connect = Callable[..., Emarsys]

LISTS = "/api/v3/contactlist"
FIELDS = "/api/v3/field/translate/en"
DATA = "/api/v3/contact/getdata"
ADD_PATH, REMOVE_PATH, IDS = f"{LISTS}/330/add", f"{LISTS}/330/delete", f"{LISTS}/330/contactIds"
OLD_IDS = "/api/v2/contactlist/330/contactIds"
AUDIENCE = Audience("330", "VIP customers")
WANTED = Emarsys.AudienceSettings(name="VIP customers", description="Spenders")
PEOPLE = ("thor@example.com", "loki@example.com", "odin@example.com")
ADD = Delivery(1, Operation.ADD, "email", PEOPLE)
REMOVE = Delivery(2, Operation.REMOVE, "email", PEOPLE)
OAUTH = {"client_id": "app", "client_secret": "s3cr3t"}
WSSE = {"auth": "wsse", "username": "acct001", "secret": "s3cr3t"}


def entry(**more: Any) -> dict[str, Any]:
    """Write the entry of a destination, with OAuth unless other credentials are given."""
    proof = {} if {"auth", "client_id"} & more.keys() else OAUTH
    return {"type": "emarsys", "targets": ("prod",)} | proof | more


def settings(**more: Any) -> Any:
    """Make the settings of a destination."""
    return Emarsys.Settings(**entry(**more))


@pytest.fixture
def connect(server: ScriptedServer, connect_as: Connect) -> Connect:
    """Make adapters that talk to the scripted server."""
    server.script("/oauth2/token", Reply(200, {"access_token": "t1", "expires_in": 3600}))
    server.script(LISTS, listing())

    def make(**more: Any) -> Emarsys:
        version = "v2" if "auth" in more else "v3"
        place = {"base_url": f"{server.url}/api/{version}", "token_url": f"{server.url}/oauth2/token"}
        return connect_as(Emarsys, **entry(requests_per_minute=None, **(place | more)))

    return make


@pytest.fixture
def emarsys(connect: Connect) -> Emarsys:
    """The adapter, talking to the scripted server."""
    return connect()


def reply(data: Any = "", code: Any = 0, *, status: int = 200, text: str = "A text") -> Reply:
    """Answer as Emarsys does."""
    return Reply(status, {"replyCode": code, "replyText": text, "data": data})


def listing(*more: tuple[Any, str]) -> Reply:
    """Answer with the list 330, and others."""
    named = [("330", "VIP customers"), *more]
    return reply([{"id": number, "name": name, "created": "2020-11-27 14:00:19"} for number, name in named])


def changed(errors: Any = ()) -> Reply:
    """Answer an addition or a removal; without errors there is a list where a map would be."""
    return reply({"inserted_contacts": 0, "errors": dict(errors) or []})


def fields(*named: tuple[Any, str, str]) -> Reply:
    """Answer with contact fields: number, string id, name."""
    kinds = {10571: "multichoice"}
    return reply(
        [
            {"id": one, "string_id": text, "name": name, "application_type": kinds.get(one, "shorttext")}
            for one, text, name in named
        ]
    )


SOME_FIELDS = fields(
    (3, "email", "E-Mail"),
    (10569, "customer_number", "Customer number"),
    ("10570", "loyalty_card", "Card"),
    (10571, "hobbies", "Hobbies"),
    (10572, "old_card", "Card"),
)

# The rows of the table of errors that Emarsys documents, in its order: (status, replyCode or body).
Final = tuple[int, Any, type[DestinationError], str]
FINAL: list[Final] = [
    (200, 2004, RefusedAnswerError, "2004. The mapped field must be there, and indexed"),
    (200, 2005, RefusedAnswerError, "indexed"),
    (200, 2006, RefusedAnswerError, "indexed"),
    (200, 2007, RefusedAnswerError, "indexed"),
    (400, 2004, RefusedAnswerError, "indexed"),
    (400, 2015, RefusedAnswerError, "indexed"),
    (400, 1, RefusedAnswerError, "It knows no such call: check base_url"),
    *[(400, code, RefusedAnswerError, "report it") for code in (1001, 1006, 1008, 1010, 1016, 3003)],
    *[(500, code, RefusedAnswerError, f"500: {code}") for code in (3001, 3003, 3004, 3005)],
    (400, 3001, RefusedAnswerError, "letters, digits, spaces"),
    (400, 3004, RefusedAnswerError, "letters, digits, spaces"),
    (400, 3005, RefusedAnswerError, "400: 3005"),
    (400, 3006, AudienceGoneError, r"'VIP customers' \(330\) is no longer there"),
    (404, 3006, AudienceGoneError, "no longer there"),
    (400, 3008, RefusedAnswerError, "combined segment"),
    (401, 1, AuthenticationError, "Check client_id and client_secret, and that base_url and token_url"),
    (401, b"Unauthorized", AuthenticationError, "Check client_id"),
    (403, 1, AccessError, "Tick contactlist.contact.add for this API user, in Emarsys under Management"),
    (403, b"Forbidden", AccessError, "Tick contactlist.contact.add"),
    (404, b"<html>", RefusedAnswerError, "Nothing is at that address: check base_url"),
    (200, 4711, RefusedAnswerError, "200: 4711"),
]
PASSING: list[tuple[int, Any]] = [
    (202, 10001),
    (423, 6028),
    (423, 10003),
    (429, 7003),
    (429, 15011),
    (429, b"Too Many Requests"),
    (500, 1),
    (500, 1003),
    (500, 2011),
    (500, b"<html>"),
    (502, None),
    (503, 1),
    (200, 1),
    (200, 2011),
    (200, b"<html>please log in</html>"),
    (200, None),
    (200, {"hello": "world"}),
]


def scripted(status: int, said: Any) -> Reply:
    """Answer with a code, or with a body as it is."""
    whole = reply(code=said, status=status, text="It was thor@example.com")
    return whole if isinstance(said, int) else Reply(status, said)


@pytest.mark.parametrize(("status", "said", "error", "message"), FINAL)
def test_an_answer_that_is_final(
    server: ScriptedServer,
    emarsys: Emarsys,
    status: int,
    said: Any,
    error: type[Exception],
    message: str,
) -> None:
    """Each failure that will not pass is its own error, and is not sent again (a 401: once)."""
    server.script(ADD_PATH, scripted(status, said))
    with pytest.raises(error, match=message) as caught:
        emarsys.push(AUDIENCE, ADD)
    assert "thor@" not in str(caught.value)
    assert len(server.calls(ADD_PATH)) == (2 if status == 401 else 1)


@pytest.mark.parametrize(("status", "said"), PASSING)
def test_an_answer_that_may_pass(server: ScriptedServer, emarsys: Emarsys, status: int, said: Any) -> None:
    """Each failure that may pass is tried again, and ends as "run again later"."""
    server.script(ADD_PATH, scripted(status, said), scripted(status, said), changed())
    assert emarsys.push(AUDIENCE, ADD) == Receipt()
    server.script(ADD_PATH, scripted(status, said))
    with pytest.raises(UnavailableError, match="Tried 4 times") as caught:
        emarsys.push(AUDIENCE, ADD)
    assert "thor@" not in str(caught.value)


@pytest.mark.parametrize(("status", "code"), [(400, 1000), (400, 2002), (400, 3002), (500, 3002), (413, 1)])
def test_a_request_that_is_too_large(
    server: ScriptedServer, emarsys: Emarsys, status: int, code: int
) -> None:
    """It is halved until it fits, also where a 500 says so; later ones start at the size that fitted."""
    delivery = Delivery(1, Operation.ADD, "email", [f"p{n}@example.com" for n in range(10)])
    refusal = reply(code=code, status=status)
    server.script(ADD_PATH, refusal, refusal, *[changed({"P9@example.com": {"2008": ""}})] * 10)
    receipt = emarsys.push(AUDIENCE, delivery)
    assert receipt.unnamed_rejections == 4
    assert [(one.position, one.code) for one in receipt.rejections] == [(9, "2008")]
    emarsys.push(AUDIENCE, delivery)
    sizes = [len(sent.body["external_ids"]) for sent in server.calls(ADD_PATH)]
    assert sizes == [10, 5, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2]


NOT_A_CONTACT = "not an Emarsys contact"
SEVERAL = "several Emarsys contacts have this value; map a key field that is unique"
BAD_VALUE = "Emarsys does not take this value in the mapped field"


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("2008", NOT_A_CONTACT),
        ("2010", SEVERAL),
        ("2005", BAD_VALUE),
        ("9999", "Emarsys does not take it, and gives no more than this code"),
    ],
)
@pytest.mark.parametrize("spelling", ["loki@example.com", "LOKI@Example.com"])
def test_a_contact_that_is_not_added(
    server: ScriptedServer, emarsys: Emarsys, code: str, reason: str, spelling: str
) -> None:
    """An error of one contact is its rejection, in whichever case it is spelt, and stops no other."""
    server.script(ADD_PATH, changed({spelling: {code: "No contact found with the external id: 3"}}))
    assert emarsys.push(AUDIENCE, ADD) == Receipt((Rejection(1, code, reason),))


def test_a_contact_that_is_not_removed(server: ScriptedServer, emarsys: Emarsys) -> None:
    """Who is no contact is in no list, which is as it should be; other errors are rejections."""
    errors = {"thor@example.com": {"2008": ""}, "odin@example.com": {"2010": ""}}
    server.script(REMOVE_PATH, changed(errors))
    assert emarsys.push(AUDIENCE, REMOVE) == Receipt((Rejection(2, "2010", SEVERAL),))


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("code", [2008, 2010])
def test_an_error_of_one_contact_for_the_whole_request(
    server: ScriptedServer, emarsys: Emarsys, status: int, code: int
) -> None:
    """Where Emarsys refuses all because of one, the one is looked for and the others get in."""
    refusal = reply(code=code, status=status)
    server.script(ADD_PATH, refusal, changed(), refusal, changed(), changed())
    receipt = emarsys.push(AUDIENCE, ADD)
    assert [(one.position, one.code) for one in receipt.rejections] == [(1, str(code))]
    emarsys.push(AUDIENCE, ADD)
    assert [len(sent.body["external_ids"]) for sent in server.calls(ADD_PATH)] == [3, 1, 1, 1, 3]


def test_a_removal_that_is_refused_because_nobody_is_there(server: ScriptedServer, emarsys: Emarsys) -> None:
    """A removal of somebody who is no contact is fine, also if Emarsys says it of the whole request."""
    server.script(REMOVE_PATH, reply(code=2008, status=400))
    one = Delivery(1, Operation.REMOVE, "email", PEOPLE[:1])
    assert emarsys.push(AUDIENCE, one) == Receipt()


@pytest.mark.parametrize(
    ("errors", "receipt"),
    [
        ([], Receipt()),
        ({}, Receipt()),
        ("", Receipt()),
        (None, Receipt()),
        (
            [{"2008": ""}, {"2010": ""}],
            Receipt((Rejection(0, "2008", NOT_A_CONTACT), Rejection(1, "2010", SEVERAL))),
        ),
        ({"abc": {"2008": ""}}, Receipt((Rejection(2, "2008", NOT_A_CONTACT),))),
        (
            {"AbC": {"2008": ""}},
            Receipt((Rejection(2, "2008", NOT_A_CONTACT), Rejection(3, "2008", NOT_A_CONTACT))),
        ),
        ({"nobody": {"2008": ""}, "abc": {"2008": ""}}, Receipt((Rejection(2, "2008", NOT_A_CONTACT),), 1)),
    ],
)
def test_the_shapes_of_the_error_map(
    server: ScriptedServer, emarsys: Emarsys, errors: Any, receipt: Receipt
) -> None:
    """PHP writes maps as lists where it can; what differs by case only is told apart if Emarsys does."""
    server.script(ADD_PATH, reply({"inserted_contacts": 1, "errors": errors}))
    assert emarsys.push(AUDIENCE, Delivery(1, Operation.ADD, "10569", ("0", "1", "abc", "ABC"))) == receipt


@pytest.mark.parametrize(
    ("code", "error"), [("2004", RefusedError), ("1003", UnavailableError), ("3006", AudienceGoneError)]
)
def test_an_error_of_the_whole_request_among_those_of_contacts(
    server: ScriptedServer, emarsys: Emarsys, code: str, error: type[Exception]
) -> None:
    """The pseudo id <NO_KEY_ID> inside a success is a failure of the request, judged by its code."""
    server.script(ADD_PATH, changed({"<NO_KEY_ID>": {code: "Invalid key field id"}}))
    with pytest.raises(error):
        emarsys.push(AUDIENCE, ADD)


@pytest.mark.parametrize(("operation", "path"), [(Operation.ADD, ADD_PATH), (Operation.REMOVE, REMOVE_PATH)])
@pytest.mark.parametrize(
    ("mapped", "key_id"),
    [("email", "3"), ("3", "3"), ("10569", "10569"), ("id", "id"), ("uid", "uid")],
)
def test_the_request_of_a_delivery(
    server: ScriptedServer, emarsys: Emarsys, operation: Operation, path: str, mapped: str, key_id: str
) -> None:
    """A delivery is one request; a field that is known by its number is not looked up."""
    server.script(path, changed())
    emarsys.push(AUDIENCE, Delivery(1, operation, mapped, ("a", "b")))
    token, sent = server.seen
    assert (sent.method, sent.body) == ("POST", {"key_id": key_id, "external_ids": ["a", "b"]})
    assert (sent.headers["Authorization"], sent.headers["Accept"]) == ("Bearer t1", "application/json")
    assert sent.headers["Content-Type"] == "application/json"
    proof = base64.b64encode(b"app:s3cr3t").decode()
    assert (token.method, token.path, token.content) == (
        "POST",
        "/oauth2/token",
        b"grant_type=client_credentials",
    )
    assert token.headers["Authorization"] == f"Basic {proof}"
    assert token.headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_a_token_that_died(server: ScriptedServer, emarsys: Emarsys) -> None:
    """A 401 costs one new token and one more try."""
    server.script(ADD_PATH, reply(code=1, status=401), changed())
    emarsys.push(AUDIENCE, ADD)
    assert (len(server.calls("/oauth2/token")), len(server.calls(ADD_PATH))) == (2, 2)


def test_refused_credentials(server: ScriptedServer, emarsys: Emarsys) -> None:
    """The token endpoint's refusal is final, and the message holds neither the secret nor its free text."""
    refusal = {"error": "invalid_client", "error_description": "s3cr3t is wrong"}
    server.script("/oauth2/token", Reply(401, refusal))
    with pytest.raises(AuthenticationError, match="invalid_client") as caught:
        emarsys.check()
    assert "s3cr3t" not in str(caught.value)


def test_a_rate_limit_that_says_until_when(server: ScriptedServer, emarsys: Emarsys) -> None:
    """A 429 waits until the time that the header names, whatever its body is."""
    reset_at = int(time.time()) + 1
    server.script(ADD_PATH, Reply(429, b"slow down", {"X-RateLimit-Reset": str(reset_at)}), changed())
    emarsys.push(AUDIENCE, ADD)
    assert time.time() >= reset_at - 0.01


@pytest.mark.parametrize(
    ("answer", "seconds"),
    [
        (Reply(502), 0.03),
        (Reply(429, b"slow down"), 0.06),
        (Reply(429, headers={"X-Ratelimit-Remaining": "9", "X-RateLimit-Reset": "2000000000"}), 0.06),
    ],
)
def test_an_answer_after_which_emarsys_is_left_alone(
    server: ScriptedServer, emarsys: Emarsys, answer: Reply, seconds: float
) -> None:
    """Where it does not say for how long, it is many times as long as after another failure."""
    server.script(ADD_PATH, answer, changed())
    started_at = time.monotonic()
    emarsys.push(AUDIENCE, ADD)
    assert time.monotonic() - started_at >= seconds


@pytest.mark.parametrize("name", ["customer_number", "Customer number", "CUSTOMER NUMBER", "Customer_Number"])
def test_a_field_by_its_name(server: ScriptedServer, emarsys: Emarsys, name: str) -> None:
    """A field's string id or name, in any case, becomes its number; fields are read once a run."""
    server.script(FIELDS, SOME_FIELDS)
    server.script(ADD_PATH, changed())
    for _ in range(2):
        emarsys.push(AUDIENCE, Delivery(1, Operation.ADD, name, ("C1",)))
    assert [sent.body["key_id"] for sent in server.calls(ADD_PATH)] == ["10569"] * 2
    assert len(server.calls(FIELDS)) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Card", "several contact fields named 'Card': 10570, 10572. Map one of them by its number"),
        ("custommer_number", "no contact field 'custommer_number'. Did you mean 'customer_number'"),
        ("zzz", "no contact field 'zzz'. Check the mapping"),
        ("Hobbies", "several values at once"),
    ],
)
def test_a_field_that_cannot_be_the_key(
    server: ScriptedServer, emarsys: Emarsys, name: str, message: str
) -> None:
    """It is refused in words before the list is touched."""
    server.script(FIELDS, SOME_FIELDS)
    for call in (
        lambda: emarsys.push(AUDIENCE, Delivery(1, Operation.ADD, name, ("C1",))),
        lambda: list(emarsys.members(AUDIENCE, name)),
    ):
        with pytest.raises(RefusedError, match=message):
            call()
    assert {sent.path for sent in server.seen} == {"/oauth2/token", FIELDS}


def test_fields_that_may_not_be_read(server: ScriptedServer, emarsys: Emarsys) -> None:
    """Without field.list a name is an error that says what to do, and a number or email is none."""
    server.script(FIELDS, Reply(403))
    server.script(ADD_PATH, changed())
    with pytest.raises(AccessError, match=r"Tick field.list \(or map the field by its number\)"):
        emarsys.push(AUDIENCE, Delivery(1, Operation.ADD, "customer_number", ("C1",)))
    emarsys.push(AUDIENCE, ADD)


def test_the_names_that_can_be_mapped() -> None:
    """An e-mail address is folded under any name of its field; other values stay as they are, in clear."""
    named = {
        name: Emarsys.identifier_type(name) for name in ("email", "3", "E-Mail", "10569", "Karten-Nr. ä")
    }
    assert all(kind and kind.name == name and not kind.hashable for name, kind in named.items())
    assert {name for name, kind in named.items() if kind and kind.folds_case} == {"email", "3", "E-Mail"}
    assert not any(Emarsys.identifier_type(name) for name in ("", " a", "a ", "a:b", "a\nb", "x" * 129))


def test_the_request_that_makes_a_list(server: ScriptedServer, emarsys: Emarsys) -> None:
    """It is made empty, with a key field and without any external ids; a missing description is not sent."""
    server.script(LISTS, reply({"id": 330}))
    assert emarsys.create(WANTED) == Audience("330", "VIP customers", "Spenders")
    emarsys.create(Emarsys.AudienceSettings(name=" VIPs "))
    first, second = [sent.body for sent in server.calls(LISTS)]
    assert first == {"key_id": "3", "name": "VIP customers", "description": "Spenders"}
    assert second == {"key_id": "3", "name": "VIPs"}


@pytest.mark.parametrize(
    "answer",
    [
        reply(code=3005, status=400),
        reply(code=3005, status=500),
        reply(code=1, status=500),
        Reply(502),
        Reply(200, b"<html>"),
        Reply(fault="reset"),
        Reply(200, {"replyCode": 0, "data": {"id": 330}}, fault="truncate"),
    ],
    ids=repr,
)
def test_the_list_that_turns_out_to_be_there(server: ScriptedServer, emarsys: Emarsys, answer: Reply) -> None:
    """A name that is taken in any case, or a lost answer: the list that is there is returned, made once."""
    server.script(LISTS, answer, listing())
    wanted = Emarsys.AudienceSettings(name="vip CUSTOMERS ")
    assert emarsys.create(wanted) == AUDIENCE
    assert [sent.method for sent in server.calls(LISTS)] == ["POST", "GET"]


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        (reply(code=3005, status=500), AudienceTakenError, "is taken, but lists no such contact list"),
        (reply(code=3004, status=400), RefusedError, "3004: A text. It does not take the list's name"),
        (reply(code=3001, status=500), RefusedError, "letters, digits, spaces, - and _ are safe"),
        (reply(code=1, status=403), AccessError, "Tick contactlist.create"),
        (reply(code=1003, status=500), UnavailableError, "1003: A text"),
    ],
)
def test_a_list_that_cannot_be_made(
    server: ScriptedServer, emarsys: Emarsys, answer: Reply, error: type[Exception], message: str
) -> None:
    """The message says why, in Emarsys's words and in ours."""
    server.script(LISTS, answer, reply([]), answer, reply([]), answer, reply([]))
    with pytest.raises(error, match=message):
        emarsys.create(WANTED)


def test_a_list_is_found(server: ScriptedServer, emarsys: Emarsys) -> None:
    """By id, be it text or a number; by name in any case, of several the exact one, or an error."""
    server.script(LISTS, listing((7, "vip customers"), (8, "Lapsed"), (9, "lapsed "), (10, "Only")))
    assert emarsys.find(WANTED, None) == AUDIENCE
    assert emarsys.find(WANTED, "7") == Audience("7", "vip customers")
    assert emarsys.find(Emarsys.AudienceSettings(name="ONLY "), None) == Audience("10", "Only")
    assert emarsys.find(WANTED, "11") is None
    with pytest.raises(
        RefusedError, match=r"several contact lists named 'LAPSED': 8, 9. Set audience.remote_id"
    ):
        emarsys.find(Emarsys.AudienceSettings(name="LAPSED"), None)
    server.script(LISTS, reply([]))
    assert emarsys.find(WANTED, None) is None


def test_a_rename(server: ScriptedServer, emarsys: Emarsys) -> None:
    """Only another name is sent; a description cannot be changed."""
    server.script(f"{LISTS}/330/rename", reply({"id": 330, "name": "VIPs"}))
    assert emarsys.update(AUDIENCE, WANTED) is AUDIENCE
    renamed = emarsys.update(AUDIENCE, Emarsys.AudienceSettings(name="VIPs"))
    assert renamed == Audience("330", "VIPs")
    assert server.seen[-1].body == {"name": "VIPs"}


@pytest.mark.parametrize("status", [400, 500])
def test_a_new_name_that_is_taken(server: ScriptedServer, emarsys: Emarsys, status: int) -> None:
    """It is an error if another list has it, and none if it is this very list, renamed by a lost answer."""
    server.script(f"{LISTS}/330/rename", reply(code=3005, status=status))
    assert emarsys.update(Audience("330", "Old name"), WANTED) == AUDIENCE
    for others in (listing((7, "vips")), listing()):
        server.script(LISTS, others)
        with pytest.raises(AudienceTakenError, match="cannot be renamed to 'VIPs'"):
            emarsys.update(AUDIENCE, Emarsys.AudienceSettings(name="VIPs"))


@pytest.mark.parametrize(("status", "code"), [(400, 3004), (400, 3006), (404, 3006), (400, 1), (404, None)])
def test_a_list_that_is_gone(server: ScriptedServer, emarsys: Emarsys, status: int, code: int | None) -> None:
    """Each way of saying so is understood, and looked up where it may mean something else."""
    gone = Audience("331", "Lapsed")
    answer = reply(code=code, status=status) if code else Reply(status)
    for path in ("add", "rename", "count", "contactIds", "deletelist"):
        server.script(f"{LISTS}/331/{path}", answer)
    server.script("/api/v2/contactlist/331/contactIds", answer)
    calls = [
        lambda: emarsys.push(gone, ADD),
        lambda: emarsys.update(gone, WANTED),
        lambda: emarsys.size(gone),
        lambda: list(emarsys.members(gone, "email")),
        lambda: emarsys.clear(gone),
    ]
    for call in calls:
        with pytest.raises(AudienceGoneError, match="'Lapsed'"):
            call()
    emarsys.delete(gone)


def test_a_list_is_deleted(server: ScriptedServer, emarsys: Emarsys) -> None:
    """By POST and without a body; a list in a combined segment is an error that says what to do."""
    path = f"{LISTS}/330/deletelist"
    server.script(path, reply())
    emarsys.delete(AUDIENCE)
    (sent,) = server.calls(path)
    assert (sent.method, sent.content) == ("POST", b"")
    assert sent.headers["Content-Type"] == "application/json"
    server.script(path, reply(code=3008, status=400))
    with pytest.raises(RefusedError, match="Take it out of there in Emarsys first"):
        emarsys.delete(AUDIENCE)


@pytest.mark.parametrize("count", [0, 12, "12"])
def test_the_size(server: ScriptedServer, emarsys: Emarsys, count: Any) -> None:
    """The count is a number, also where it comes as text."""
    server.script(f"{LISTS}/330/count", reply(count))
    assert emarsys.size(AUDIENCE) == int(count)


def page(ids: list[Any], following: str | None = None, *, enveloped: bool = False) -> Reply:
    """Answer with contact ids, in an envelope or as the document has it."""
    body = {"value": ids, "next": following}
    return reply(body) if enveloped else Reply(200, body)


def contacts(values: dict[Any, Any]) -> Reply:
    """Answer with field 3 of contacts."""
    rows = [{"id": str(number), "uid": f"u{number}", "3": value} for number, value in values.items()]
    return reply({"errors": [], "result": rows or False})


@pytest.mark.parametrize("enveloped", [True, False])
@pytest.mark.parametrize(
    "following",
    ["/contactlist/330/contactIds?$skiptoken=750&$top=2", "https://x.test/api/v2/a?$skiptoken=750&$top=2"],
)
def test_members_are_read_page_by_page(
    server: ScriptedServer,
    emarsys: Emarsys,
    caplog: pytest.LogCaptureFixture,
    following: str,
    enveloped: bool,
) -> None:
    """Contact ids become values; only the parameters of the next page are used; empty values are counted."""
    server.script(
        IDS, page([101, 102], following, enveloped=enveloped), page(["103", 104], enveloped=enveloped)
    )
    server.script(DATA, contacts({101: "thor@example.com", 102: None}), contacts({103: "", 104: "Odin@x.co"}))
    assert list(emarsys.members(AUDIENCE, "email")) == [["thor@example.com"], ["Odin@x.co"]]
    assert [sent.query.replace("%24", "$") for sent in server.calls(IDS)] == [
        "$skiptoken=0&$top=10000",
        "$skiptoken=750&$top=2",
    ]
    assert server.calls(DATA)[0].body == {"keyId": "id", "keyValues": ["101", "102"], "fields": ["3"]}
    assert "2 members of 'VIP customers' have no email, and cannot be compared" in caplog.text
    assert "thor" not in caplog.text


@pytest.mark.parametrize(
    "pages",
    [
        [reply("")],
        [reply([])],
        [reply({"value": {"0": 101}})],
        [page([101], "/contactlist/330/contactIds")],
        [page([101], "/x?$skiptoken=1&$top=1")],
    ],
    ids=["nothing", "no map", "no list", "no token", "the same page for ever"],
)
def test_members_without_an_end(server: ScriptedServer, emarsys: Emarsys, pages: list[Reply]) -> None:
    """An answer that leads no further is told: neither is it read for ever, nor taken for an empty list."""
    server.script(IDS, *pages)
    with pytest.raises(UnavailableError, match="members of 'VIP customers'"):
        list(emarsys.members(AUDIENCE, "id"))
    assert len(server.calls(IDS)) <= 2


@pytest.mark.parametrize("data", ["", [], {"result": None}, {"result": ["x"]}])
def test_a_look_up_that_brings_nobody(server: ScriptedServer, emarsys: Emarsys, data: Any) -> None:
    """Whatever stands in place of contacts, there are none."""
    server.script(IDS, page([101]))
    server.script(DATA, reply(data))
    assert list(emarsys.members(AUDIENCE, "email")) == [[]]


@pytest.mark.parametrize("data", ["", [], {"errors": []}, 5])
def test_a_list_that_was_made_without_an_id(server: ScriptedServer, emarsys: Emarsys, data: Any) -> None:
    """It was made all the same: it is looked for, and otherwise may be there."""
    server.script(LISTS, reply([]), reply(data), listing())
    assert emarsys.find(WANTED, None) is None
    assert emarsys.create(WANTED) == Audience("330", "VIP customers")
    server.script(LISTS, reply(data))
    with pytest.raises(UnavailableError, match="not with which id"):
        emarsys.create(WANTED)


def test_a_count_that_is_none(server: ScriptedServer, emarsys: Emarsys) -> None:
    """What is no number is no size."""
    for data in ("", [], {"count": 5}, None):
        server.script(f"{LISTS}/330/count", reply(data))
        assert emarsys.size(AUDIENCE) is None


def test_contacts_are_looked_up_a_thousand_at_a_time(server: ScriptedServer, emarsys: Emarsys) -> None:
    """A page of ids is more than one look-up takes; a look-up that finds nobody says false."""
    server.script(IDS, page(list(range(2_500))))
    server.script(DATA, contacts({}))
    assert list(emarsys.members(AUDIENCE, "email")) == [[], [], []]
    assert [len(sent.body["keyValues"]) for sent in server.calls(DATA)] == [1000, 1000, 500]


@pytest.mark.parametrize(("mapped", "found"), [("id", ["101"]), ("uid", ["u101"])])
def test_members_by_internal_ids(
    server: ScriptedServer, emarsys: Emarsys, mapped: str, found: list[str]
) -> None:
    """The ids themselves need no look-up, and no look-up brings personal data that nobody asked for."""
    server.script(IDS, page([101]))
    server.script(DATA, contacts({101: "thor@example.com"}))
    assert list(emarsys.members(AUDIENCE, mapped)) == [found]
    assert [sent.body["fields"] for sent in server.calls(DATA)] == [["31"]] * (mapped == "uid")


def test_members_that_only_the_older_version_gives_out(server: ScriptedServer, emarsys: Emarsys) -> None:
    """Where v3 lacks the one call, v2 is asked, also for the pages that follow."""
    server.script(IDS, Reply(404, b"<html>"))
    server.script(OLD_IDS, page([101], "/x?$skiptoken=1&$top=1"), page([102]))
    assert list(emarsys.members(AUDIENCE, "id")) == [["101"], ["102"]]
    assert len(server.calls(IDS)) == 1


@pytest.mark.parametrize("refusal", [Reply(404), reply(code=1, status=400), Reply(405)], ids=repr)
@pytest.mark.parametrize("older", [Reply(404), Reply(401), Reply(403), reply(code=1, status=400)], ids=repr)
def test_members_that_cannot_be_read_back(
    server: ScriptedServer, emarsys: Emarsys, refusal: Reply, older: Reply
) -> None:
    """Where neither version gives them out, the error says so, and the list does not count as gone."""
    server.script(IDS, refusal)
    server.script(OLD_IDS, older)
    for call in (lambda: list(emarsys.members(AUDIENCE, "email")), lambda: emarsys.clear(AUDIENCE)):
        with pytest.raises(RefusedError, match="cannot be read back on this account"):
            call()


def test_members_that_may_not_be_read(server: ScriptedServer, emarsys: Emarsys) -> None:
    """A missing permission is named, be it for the ids or for the look-up."""
    server.script(IDS, Reply(403))
    with pytest.raises(AccessError, match=r"Tick contactlist\.contact\.ids"):
        list(emarsys.members(AUDIENCE, "email"))
    server.script(IDS, page([101]))
    server.script(DATA, Reply(403))
    with pytest.raises(AccessError, match=r"Tick contact\.getdata"):
        list(emarsys.members(AUDIENCE, "email"))


def test_a_list_is_cleared(server: ScriptedServer, emarsys: Emarsys) -> None:
    """All ids are read before the first is taken out; they leave by their internal ids, 10,000 at a time."""
    server.script(IDS, page(list(range(10_000)), "/x?$skiptoken=1&$top=1"), page([10_000]))
    server.script(REMOVE_PATH, changed())
    emarsys.clear(AUDIENCE)
    assert [sent.path for sent in server.seen[1:]] == [IDS, IDS, REMOVE_PATH, REMOVE_PATH]
    first, second = [sent.body for sent in server.calls(REMOVE_PATH)]
    assert (len(first["external_ids"]), first["key_id"]) == (10_000, "id")
    assert second == {"key_id": "id", "external_ids": ["10000"]}
    server.script(REMOVE_PATH, changed({"5": {"2005": ""}}))
    with pytest.raises(RefusedError, match="did not take 1 contacts out"):
        emarsys.clear(AUDIENCE)


def test_an_empty_list_is_cleared(server: ScriptedServer, emarsys: Emarsys) -> None:
    """Nothing is sent for nobody."""
    server.script(IDS, page([]))
    emarsys.clear(AUDIENCE)
    assert not server.calls(REMOVE_PATH)


def test_no_call_that_changes_contacts_is_in_the_code(server: ScriptedServer, emarsys: Emarsys) -> None:
    """All that is ever written goes to a contact list; of contacts, data is only read."""
    for path in ("add", "delete", "rename", "deletelist"):
        server.script(f"{LISTS}/330/{path}", changed())
    server.script(IDS, page([101]))
    server.script(DATA, contacts({101: "thor@example.com"}))
    emarsys.push(AUDIENCE, ADD)
    emarsys.push(AUDIENCE, REMOVE)
    list(emarsys.members(AUDIENCE, "email"))
    emarsys.clear(AUDIENCE)
    emarsys.update(AUDIENCE, Emarsys.AudienceSettings(name="VIPs"))
    emarsys.delete(AUDIENCE)
    of_contacts = {sent.path for sent in server.seen if re.search(r"/contact(/|$)", sent.path)}
    assert of_contacts == {DATA}


def test_debug(server: ScriptedServer, emarsys: Emarsys) -> None:
    """It tells what can be read, and which permission is missing."""
    server.script(FIELDS, SOME_FIELDS)
    assert emarsys.check().lines == (
        "The credentials are good. They see 1 contact lists.",
        "5 contact fields can be mapped by name.",
    )
    server.script(LISTS, Reply(403))
    refused = emarsys.check()
    assert (refused.passed, "Tick contactlist.list" in refused.lines[0]) == (False, True)


def test_debug_without_fields(server: ScriptedServer, emarsys: Emarsys) -> None:
    """Fields are a comfort: without them debug passes, and says what can be mapped."""
    server.script(FIELDS, Reply(403))
    result = emarsys.check()
    assert result.passed
    assert "map email, id, uid or a field by its number, or tick field.list" in result.lines[-1]


def test_the_digest_of_wsse() -> None:
    """It is base64 of the hex text of the SHA-1, as SAP's own script makes it."""
    header = Wsse("acct001", SecretStr("customersecret")).header(
        "d36e316282959a9ed4c89851497a717f", "2014-03-20T12:51:45Z"
    )
    assert header == (
        'UsernameToken Username="acct001", '
        'PasswordDigest="YWQyNWE5Y2JkOTY2ZTU1ODg2M2QzNzVhNDZlZGQwZjg5YjZlZTk4Yw==", '
        'Nonce="d36e316282959a9ed4c89851497a717f", Created="2014-03-20T12:51:45Z"'
    )


def test_wsse_is_proven_anew_for_each_attempt(
    server: ScriptedServer, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """Each attempt has a nonce of its own and goes to v2; one warning says that this ends."""
    path = "/api/v2/contactlist/330/add"
    server.script(path, Reply(503), changed())
    connect(**WSSE).push(AUDIENCE, ADD)
    sent = [re.findall(r'(\w+)="([^"]+)"', call.headers["X-WSSE"]) for call in server.calls(path)]
    assert len({dict(proof)["Nonce"] for proof in sent}) == 2
    assert all(re.fullmatch("[0-9a-f]{32}", dict(proof)["Nonce"]) for proof in sent)
    assert not server.calls("/oauth2/token")
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert len(told) == 1
    assert "auth: wsse ends at the end of 2026" in told[0]


@pytest.mark.parametrize(
    ("minutes", "message"), [(0, "Check username and secret"), (7, "clock of this machine is 7 minutes off")]
)
def test_wsse_that_is_refused(connect: Connect, minutes: int, message: str) -> None:
    """It is not tried again, and a wrong clock is told apart from a wrong secret."""
    with clock_off_by(minutes) as (url, requests):
        with pytest.raises(AuthenticationError, match=message):
            connect(**WSSE, base_url=f"{url}/api/v2").find(WANTED, None)
        assert requests == ["GET /api/v2/contactlist HTTP/1.1"]


@contextmanager
def clock_off_by(minutes: int) -> Iterator[tuple[str, list[str]]]:
    """Serve refusals that are dated so far from now, as the scripted server cannot."""
    requests: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            requests.append(self.requestline)
            self.send_error(401)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate(time.time() + minutes * 60, usegmt=True)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", requests
        server.shutdown()
        thread.join()


def test_debug_with_wsse(server: ScriptedServer, connect: Connect) -> None:
    """It passes, and says that it ends."""
    server.script("/api/v2/contactlist", reply([]))
    server.script("/api/v2/field/translate/en", SOME_FIELDS)
    result = connect(**WSSE).check()
    assert (result.passed, "end of 2026" in result.lines[-1]) == (True, True)


def test_members_with_wsse(server: ScriptedServer, connect: Connect) -> None:
    """They are read where SAP's own collection has the call, and there is no other version to ask."""
    emarsys = connect(**WSSE)
    server.script(OLD_IDS, page([101]))
    assert list(emarsys.members(AUDIENCE, "id")) == [["101"]]
    server.script(OLD_IDS, Reply(404))
    server.script("/api/v2/contactlist", listing())
    with pytest.raises(RefusedError, match="cannot be read back"):
        list(emarsys.members(AUDIENCE, "id"))


def test_settings_are_filled_in_and_kept_secret() -> None:
    """The version follows from the kind of credentials; null lifts the limit; a proxy's path stays."""
    assert settings().api_url == "https://api.emarsys.net/api/v3"
    assert settings().token_url == "https://auth.emarsys.net/oauth2/token"
    assert settings(**WSSE).api_url == "https://api.emarsys.net/api/v2"
    assert settings(requests_per_minute=None).requests_per_minute is None
    proxied = settings(base_url="https://proxy.test/emarsys/v3/")
    assert Emarsys.account(proxied) == ("emarsys", "proxy.test", "app")
    assert Emarsys.account(settings(**WSSE)) == ("emarsys", "api.emarsys.net", "acct001")
    assert "s3cr3t" not in repr(settings()) + repr(settings(**WSSE))


def test_names_are_one_whatever_their_case() -> None:
    """Two activations whose lists differ by case or white space only would feed the same list."""
    names = ("VIP customers", " vip CUSTOMERS ")
    same = {Emarsys.identity(settings(), Emarsys.AudienceSettings(name=name)) for name in names}
    assert same == {("emarsys", "api.emarsys.net", "app", "vip customers")}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"auth": "oauth"}, "auth: oauth needs client_id and client_secret"),
        ({"auth": "oauth", **OAUTH, "username": "u"}, "takes no username and secret"),
        ({"auth": "oauth", **OAUTH, "secret": "s3cr3t"}, "takes no username and secret"),
        ({"client_id": "app"}, "needs client_id and client_secret"),
        ({"auth": "wsse", **OAUTH}, "auth: wsse needs username and secret, and takes no client_id"),
        ({"auth": "wsse", "username": "acct001"}, "auth: wsse needs username and secret"),
        (WSSE | {"username": 'a"b'}, "username"),
        ({"auth": "basic"}, "auth"),
        (OAUTH | {"base_url": "api.emarsys.net"}, "base_url"),
        (OAUTH | {"requests_per_minute": 0}, "requests_per_minute"),
        (OAUTH | {"key_field": "3"}, "key_field"),
    ],
)
def test_wrong_settings_are_refused_unseen(given: dict[str, Any], message: str) -> None:
    """Each names what is wrong, and none repeats what it was given."""
    with pytest.raises(ValidationError, match=message) as caught:
        settings(**given)
    assert "s3cr3t" not in str(caught.value)
