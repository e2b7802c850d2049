"""Exactly what the HTTP destination sends, what it makes of every answer, and what it refuses to load."""

from __future__ import annotations

import base64
import hashlib
import logging
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from dbt_activate.delivery import Audience, Delivery, Operation, Receipt, Rejection
from dbt_activate.destinations.http_endpoint.endpoint import Http
from dbt_activate.errors import (
    AccessError,
    AudienceGoneError,
    AudienceTakenError,
    AuthenticationError,
    DestinationError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.http.answer import LostAnswerError, RefusedAnswerError
from dbt_activate.problems import describe, dotted
from tests.destinations.scripted_server import Reply, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable

    Connect = Callable[..., Http]

ADD = {"method": "POST", "path": "/add", "body": {"members": "{{ identifiers }}"}}
REMOVE = {"method": "POST", "path": "/remove", "body": {"members": "{{ identifiers }}"}}
REQUESTS: dict[str, Any] = {"add": ADD, "remove": REMOVE}
WANTED = Http.AudienceSettings(name="VIP & Co", description="Spenders")
AUDIENCE = Audience("7", "VIP & Co", "Spenders")
PEOPLE = ("ada@people.example", "bob@people.example")
ENTER = Delivery(1, Operation.ADD, "email", PEOPLE)
LEAVE = Delivery(1, Operation.REMOVE, "email", PEOPLE)


def settings(requests: Any = REQUESTS, **more: Any) -> Any:
    """Read an entry."""
    entry = {"type": "http", "targets": (), "base_url": "http://a.test", "requests": requests}
    return Http.Settings.model_validate(entry | more)


@pytest.fixture
def connect(server: ScriptedServer, connect_as: Connect) -> Connect:
    """Make destinations that talk to the scripted server, where all goes well unless it is told."""
    for path in ("/add", "/remove"):
        server.script(path, Reply(200))

    def make(requests: Any = REQUESTS, **more: Any) -> Http:
        return connect_as(Http, **{"type": "http", "base_url": server.url, "requests": requests, **more})

    return make


def problems(requests: Any = REQUESTS, **more: Any) -> dict[str, str]:
    """Return what is wrong with an entry: messages by key."""
    with pytest.raises(ValidationError) as caught:
        settings(requests, **more)
    return {dotted(found.location): found.message for found in describe(caught.value, Http.Settings)}


BODIES: list[tuple[Any, str, bytes]] = [
    ({"m": "{{ identifiers }}"}, "application/json", b'{"m":["ada@people.example","bob@people.example"]}'),
    ("{{ identifiers }}", "application/json", b'["ada@people.example","bob@people.example"]'),
    (
        {"{{ identifier_type }}": ["{{ operation }}", 1, None, "{{ true }}"]},
        "application/json",
        b'{"email":["add",1,null,true]}',
    ),
    (
        "{{ identifiers | as_objects('mail', status='new') }}",
        "application/json",
        b'[{"mail":"ada@people.example","status":"new"},{"mail":"bob@people.example","status":"new"}]',
    ),
    (
        {"list": "{{ audience.name }}/{{ audience.id }}", "key": "{{ key }}"},
        "application/json",
        b'{"list":"VIP & Co/7","key":"00123"}',
    ),
    ("{{ identifiers | join('\n') }}", "text/csv", b"ada@people.example\nbob@people.example"),
    (
        "ids={{ identifiers | join(',') | urlencode }}",
        "text/plain",
        b"ids=ada%40people.example%2Cbob%40people.example",
    ),
]


@pytest.mark.parametrize(("body", "kind", "sent"), BODIES)
def test_a_body_is_sent_as_it_is_written(
    server: ScriptedServer, connect: Connect, body: Any, kind: str, sent: bytes
) -> None:
    """A text that is one expression gives its value, structures are JSON, and other texts are texts."""
    adding = {"method": "POST", "path": "/add", "body": body, "content_type": kind}
    connect({**REQUESTS, "add": adding}, variables={"key": "00123"}).push(AUDIENCE, ENTER)
    (seen,) = server.calls("/add")
    assert (seen.content, seen.headers["Content-Type"]) == (sent, kind)


def test_paths_and_queries(server: ScriptedServer, connect: Connect) -> None:
    """Values in a path are encoded, so that each stays one segment; null leaves a query."""
    one = {
        "method": "DELETE",
        "path": "/l/{{ audience.name }}/{{ identifier | md5 }}/{{ identifier }}",
        "query": {"force": True, "a": "{{ none }}", "n": 5, "type": "{{ identifier_type }}"},
        "per": "member",
    }
    http = connect({**REQUESTS, "remove": one})
    person = "a/b?c@people.example"
    digest = hashlib.md5(person.encode(), usedforsecurity=False).hexdigest()
    path = f"/l/VIP%20%26%20Co/{digest}/a%2Fb%3Fc%40people.example"
    server.script(path, Reply(200))
    http.push(AUDIENCE, Delivery(1, Operation.REMOVE, "email", (person,)))
    assert [(seen.method, seen.path, seen.query) for seen in server.seen] == [
        ("DELETE", path, "force=true&n=5&type=email")
    ]


@pytest.mark.parametrize("person", [".", ".."])
def test_a_value_that_would_lead_to_another_path(
    server: ScriptedServer, connect: Connect, person: str
) -> None:
    """It is rejected and not sent: ``DELETE /lists/7/members/..`` would delete the list."""
    one = {"method": "DELETE", "path": "/l/7/{{ identifier }}", "per": "member"}
    server.script("/l/7/x", Reply(204))
    receipt = connect({**REQUESTS, "remove": one}).push(
        AUDIENCE, Delivery(1, Operation.REMOVE, "id", (person, "x"))
    )
    assert receipt.rejections == (Rejection(0, "path", "this identifier cannot stand in a path"),)
    assert [seen.path for seen in server.seen] == ["/l/7/x"]


@pytest.mark.parametrize(
    ("keys", "header"),
    [
        ({}, None),
        ({"bearer_token": "t1"}, "Bearer t1"),
        ({"username": "ada", "password": "pw"}, f"Basic {base64.b64encode(b'ada:pw').decode()}"),
        ({"headers": {"Authorization": "Key k1", "X-Account": 5}}, "Key k1"),
    ],
)
def test_ways_to_prove_who_we_are(
    server: ScriptedServer, connect: Connect, keys: Any, header: str | None
) -> None:
    """A token, a user and a password, or any headers; and all of them stay secret."""
    http = connect(**keys)
    http.push(AUDIENCE, ENTER)
    (seen,) = server.seen
    assert seen.headers.get("Authorization") == header
    assert seen.headers.get("X-Account") == ("5" if "headers" in keys else None)
    assert not any(secret in repr(http._settings) for secret in ("t1", "pw", "k1"))


def test_one_by_one(server: ScriptedServer, connect: Connect) -> None:
    """Per member, each goes in a request of its own."""
    one = {"method": "POST", "path": "/add", "per": "member", "body": {"id": "{{ identifier }}"}}
    connect({**REQUESTS, "add": one}).push(AUDIENCE, ENTER)
    assert [seen.body for seen in server.calls("/add")] == [{"id": who} for who in PEOPLE]


ANSWERS: list[tuple[int, Any, type[DestinationError] | None, int]] = [
    (200, None, None, 1),
    (200, {"ok": True}, None, 1),
    (204, None, None, 1),
    (200, b"<html>please log in</html>", UnavailableError, 4),
    (301, None, RefusedAnswerError, 1),
    (400, {"error": "bad"}, RefusedAnswerError, 1),
    (401, None, AuthenticationError, 1),
    (403, None, AccessError, 1),
    (404, None, AudienceGoneError, 1),
    (408, None, UnavailableError, 4),
    (409, None, RefusedAnswerError, 1),
    (410, None, AudienceGoneError, 1),
    (413, None, RefusedAnswerError, 2),
    (422, {"ada@people.example": "bad"}, RefusedAnswerError, 1),
    (429, None, UnavailableError, 4),
    (500, None, UnavailableError, 4),
    (503, None, UnavailableError, 4),
]


@pytest.mark.parametrize(("status", "body", "error", "sent"), ANSWERS)
def test_what_an_answer_means(
    server: ScriptedServer, connect: Connect, status: int, body: Any, error: Any, sent: int
) -> None:
    """By its status, unless the entry says otherwise; and never with a word of who was sent."""
    server.script("/add", Reply(status, body))
    if error is None:
        assert connect().push(AUDIENCE, ENTER) == Receipt()
    else:
        with pytest.raises(error) as caught:
            connect().push(AUDIENCE, ENTER)
        assert "people.example" not in f"{caught.value} {caught.value.__cause__} {caught.value.__context__}"
    assert len(server.calls("/add")) == sent


SETTINGS: list[tuple[dict[str, Any], dict[str, Any], Reply, type[DestinationError] | None]] = [
    ({"success": [200, 404]}, {}, Reply(404), None),
    ({"success": [202]}, {}, Reply(200), RefusedAnswerError),
    ({"success": "ok"}, {}, Reply(200, {"ok": True}), None),
    ({"success": "ok"}, {}, Reply(200, {"ok": False}), RefusedAnswerError),
    ({"success": "count == `0`"}, {}, Reply(200, {"count": 0}), None),
    ({"success": {"statuses": [409], "when": "code == 'in'"}}, {}, Reply(409, {"code": "in"}), None),
    (
        {"success": {"statuses": [409], "when": "code == 'in'"}},
        {},
        Reply(409, {"code": "x"}),
        RefusedAnswerError,
    ),
    ({"success": "length(errors) == `0`"}, {}, Reply(200, {}), RefusedAnswerError),
    ({}, {"success": "ok"}, Reply(200, {"ok": False}), RefusedAnswerError),
    ({"success": [200]}, {"success": "ok"}, Reply(200, {"ok": False}), None),
    ({}, {"retry": [409]}, Reply(409), UnavailableError),
    ({"success": "ok"}, {"retry": "busy"}, Reply(200, {"busy": True}), UnavailableError),
    ({"gone": [400]}, {}, Reply(400), AudienceGoneError),
    ({"gone": [400]}, {}, Reply(404), RefusedAnswerError),
    ({"gone": "code == 'gone'"}, {}, Reply(200, {"code": "gone"}), AudienceGoneError),
    ({}, {"answers": "any"}, Reply(200, b"OK"), None),
]


@pytest.mark.parametrize(("request_keys", "entry_keys", "reply", "error"), SETTINGS)
def test_what_an_entry_says_an_answer_means(
    server: ScriptedServer, connect: Connect, request_keys: Any, entry_keys: Any, reply: Reply, error: Any
) -> None:
    """Statuses and conditions, of the request or of the whole entry."""
    server.script("/add", reply)
    http = connect({**REQUESTS, "add": {**ADD, **request_keys}}, **entry_keys)
    if error is None:
        assert http.push(AUDIENCE, ENTER) == Receipt()
        return
    with pytest.raises(error):
        http.push(AUDIENCE, ENTER)


REJECTIONS: list[tuple[Any, Any, Receipt]] = [
    (
        "bad",
        {"bad": ["bob@people.example"]},
        Receipt((Rejection(1, "rejected", "the endpoint named this member as not taken"),)),
    ),
    (
        "bad",
        {"bad": ["BOB@people.example"]},
        Receipt((Rejection(1, "rejected", "the endpoint named this member as not taken"),)),
    ),
    (
        {"path": "errors[*]", "identifier": "who.id", "code": "code", "reason": "text"},
        {
            "errors": [
                {
                    "who": {"id": "ada@people.example"},
                    "code": 17,
                    "text": "no ada@people.example in x:bob@people.example",
                }
            ]
        },
        Receipt((Rejection(0, "17", "no … in …"),)),
    ),
    (
        {"path": "keys(errors)"},
        {"errors": {"ada@people.example": "?"}},
        Receipt((Rejection(0, "rejected", "the endpoint named this member as not taken"),)),
    ),
    ("bad", {"bad": ["carl@people.example"]}, Receipt((), 1, ("c…@p… (19 characters)",))),
    ("bad", {"bad": None}, Receipt()),
    ("bad", {}, Receipt()),
    ("bad", None, Receipt()),
    ({"count": "invalid"}, {"invalid": 2}, Receipt((), 2)),
    ({"count": "invalid"}, {"invalid": "2"}, Receipt((), 2)),
    ({"count": "invalid"}, {"invalid": float("inf")}, Receipt()),
    ({"count": "invalid"}, {"invalid": True}, Receipt()),
    ({"path": "failed[::0]"}, {"failed": [PEOPLE[0]]}, Receipt()),
]


@pytest.mark.parametrize(("rejected", "body", "receipt"), REJECTIONS)
def test_who_was_not_taken(
    server: ScriptedServer, connect: Connect, rejected: Any, body: Any, receipt: Receipt
) -> None:
    """Named by identifier, or counted; reasons are shown without anybody in them."""
    server.script("/add", Reply(200, body))
    assert connect({**REQUESTS, "add": {**ADD, "rejected": rejected}}).push(AUDIENCE, ENTER) == receipt


def test_a_reason_that_names_somebody_else(server: ScriptedServer, connect: Connect) -> None:
    """Also where the identifier is only a part of a word."""
    server.script("/add", Reply(200, {"failed": [{"id": "0815", "why": "same person as 'crm_id=4711'"}]}))
    rejected = {"path": "failed", "identifier": "id", "reason": "why"}
    enter = Delivery(1, Operation.ADD, "crm_id", ("4711", "0815"))
    receipt = connect({**REQUESTS, "add": {**ADD, "rejected": rejected}}).push(AUDIENCE, enter)
    assert receipt.rejections == (Rejection(1, "rejected", "same person as …"),)


def test_a_delivery_that_is_refused_for_some(server: ScriptedServer, connect: Connect) -> None:
    """The others are sent again without them; an answer that names nobody is an error that says so."""
    rejected = {"statuses": [422], "path": "bad"}
    http = connect({**REQUESTS, "add": {**ADD, "rejected": rejected}})
    server.script("/add", Reply(422, {"bad": [PEOPLE[0]]}), Reply(200))
    assert [rejection.position for rejection in http.push(AUDIENCE, ENTER).rejections] == [0]
    assert [seen.body["members"] for seen in server.calls("/add")] == [list(PEOPLE), [PEOPLE[1]]]
    server.script("/add", Reply(422, {"bad": list(PEOPLE)}))
    assert len(http.push(AUDIENCE, ENTER).rejections) == 2
    server.script("/add", Reply(422, {"bad": []}))
    with pytest.raises(RefusedError, match=r"Correct requests\.add\.rejected"):
        http.push(AUDIENCE, ENTER)


def test_an_endpoint_without_audiences(server: ScriptedServer, connect: Connect) -> None:
    """Where there is nothing to make or to find, the name is the id, and nothing is asked."""
    http = connect()
    assert http.find(WANTED, None) is None
    assert http.create(WANTED) == Audience("VIP & Co", "VIP & Co")
    renamed = Http.AudienceSettings(name="VIPs")
    assert http.find(renamed, "VIP & Co") == Audience("VIP & Co", "VIP & Co")
    assert server.seen == []
    facts = ("renames", "has_descriptions", "clears", "deletes", "reads_members", "counts_members")
    assert not any(getattr(http, fact) for fact in facts)
    with pytest.raises(RefusedError, match="cannot clear"):
        http.clear(AUDIENCE)


MAKE = {"method": "POST", "path": "/lists", "body": {"name": "{{ audience.name }}"}}
FIND = {"method": "GET", "path": "/search", "query": {"q": "{{ audience.name }}"}, "items": "found"}


def test_a_create_whose_answer_is_lost(server: ScriptedServer, connect: Connect) -> None:
    """It is not sent again before it was looked for, and made once."""
    http = connect({**REQUESTS, "create": MAKE, "find": FIND})
    server.script("/lists", Reply(500))
    server.script("/search", Reply(200, {"found": [{"id": 9007199254740993, "name": "VIP & Co"}]}))
    assert http.create(WANTED) == Audience("9007199254740993", "VIP & Co")
    assert len(server.calls("/lists")) == 1
    server.script("/search", Reply(200, {"found": [{"id": 1, "name": "vip & co"}]}))
    with pytest.raises(LostAnswerError):
        http.create(WANTED)
    server.script("/lists", Reply(409))
    with pytest.raises(AudienceTakenError, match="'VIP & Co' is taken, but shows no such audience"):
        http.create(WANTED)


def test_a_create_by_name(server: ScriptedServer, connect: Connect) -> None:
    """Where the name is the id, a PUT may be sent twice, and a taken name is the audience."""
    put = {"method": "PUT", "path": "/lists/{{ audience.name }}", "id": None}
    http = connect({**REQUESTS, "create": put})
    server.script("/lists/VIP%20%26%20Co", Reply(500), Reply(409))
    assert http.create(WANTED) == Audience("VIP & Co", "VIP & Co")


@pytest.mark.parametrize(
    ("make", "answer", "error", "message"),
    [
        (None, None, RefusedError, "has no `create` among its requests"),
        (MAKE, {"no": "id"}, UnavailableError, r"no id where requests\.create\.id"),
        (MAKE, {"id": {"a": 1}}, UnavailableError, r"no id where requests\.create\.id"),
    ],
)
def test_an_audience_that_cannot_be_made(
    server: ScriptedServer, connect: Connect, make: Any, answer: Any, error: Any, message: str
) -> None:
    """The message says what to add or to correct."""
    server.script("/lists", Reply(200, answer))
    server.script("/search", Reply(404))
    with pytest.raises(error, match=message):
        connect({**REQUESTS, "create": make, "find": FIND}).create(WANTED)


@pytest.mark.parametrize(
    ("find", "body", "found"),
    [
        ({"items": "found"}, {"found": []}, None),
        ({"items": "found"}, {"found": [{"id": 1, "name": "VIPs"}]}, None),
        ({"items": "found", "name": None}, {"found": [{"id": 1}]}, "1"),
        ({}, {"id": "a", "name": "VIP & Co"}, "a"),
        ({}, [{"id": "a", "name": "VIP & Co"}], "a"),
        ({"name": "n", "id": "i"}, {"i": "a", "n": "VIP & Co"}, "a"),
        ({"id": None}, {"name": "VIP & Co"}, "VIP & Co"),
        ({}, None, None),
    ],
)
def test_finding(server: ScriptedServer, connect: Connect, find: Any, body: Any, found: str | None) -> None:
    """By its exact name, in a list or alone."""
    server.script("/search", Reply(200, body))
    audience = connect({**REQUESTS, "find": {"method": "GET", "path": "/search", **find}}).find(WANTED, None)
    assert (audience and audience.remote_id) == found


def test_pages(server: ScriptedServer, connect: Connect) -> None:
    """The next page is asked for by what the answer says, and an empty page is the last."""
    read = {
        "method": "GET",
        "path": "/read",
        "query": {"after": "{{ cursor }}", "page": "{{ page }}"},
        "items": "ids",
        "next": "more",
    }
    server.script("/read", Reply(200, {"ids": [1], "more": "x"}), Reply(200, {"ids": [], "more": "x"}))
    assert list(connect({**REQUESTS, "read": read}).members(AUDIENCE, "email")) == [["1"], []]
    assert [seen.query for seen in server.seen] == ["page=1", "after=x&page=2"]


@pytest.mark.parametrize(
    ("body", "count"),
    [({"n": 5}, 5), ({"n": "5"}, 5), ({"n": None}, None), ({"n": "many"}, None), (None, None)],
)
def test_size(server: ScriptedServer, connect: Connect, body: Any, count: int | None) -> None:
    """A number, or nothing where there is none."""
    server.script("/size", Reply(200, body))
    sizing = {"method": "GET", "path": "/size", "count": "n"}
    assert connect({**REQUESTS, "size": sizing}).size(AUDIENCE) == count


def test_facts_follow_the_requests(connect: Connect) -> None:
    """What an entry has requests for can be done, and what they send can be changed."""
    about = {"method": "PATCH", "path": "/l/{{ audience.id }}", "body": {"name": "{{ audience.name }}"}}
    plain = {"method": "DELETE", "path": "/l"}
    http = connect(
        {**REQUESTS, "update": about, "clear": plain, "delete": plain, "find": FIND, "create": MAKE}
    )
    assert (http.renames, http.has_descriptions, http.clears, http.deletes) == (True, False, True, True)
    described = {**about, "body": "{{ audience['description'] }}"}
    http = connect({**REQUESTS, "update": described}, delivery_size=5000, delivery_bytes=100)
    assert (http.renames, http.has_descriptions, http.changes_descriptions) == (False, True, True)
    assert (http.delivery_size, http.delivery_bytes, http.names_rejections) == (5000, 100, False)
    one = {"method": "POST", "path": "/l/{{ identifier }}", "per": "member"}
    http = connect({**REQUESTS, "add": one})
    assert (http.delivery_size, http.names_rejections) == (100, True)


def test_describing_without_renaming(server: ScriptedServer, connect: Connect) -> None:
    """A description is sent also where it cannot be read back; a name that cannot be changed is refused."""
    describe_it = {"method": "PUT", "path": "/d", "body": {"d": "{{ audience.description }}"}}
    server.script("/d", Reply(200))
    http = connect({**REQUESTS, "update": describe_it})
    wanted = Http.AudienceSettings(name="7", description="Spenders")
    found = http.find(wanted, "7")
    assert found is not None
    assert http.update(found, wanted) == Audience("7", "7", "Spenders")
    assert server.calls("/d")[0].body == {"d": "Spenders"}
    with pytest.raises(RefusedError, match="cannot rename"):
        http.update(AUDIENCE, Http.AudienceSettings(name="VIPs", description="Spenders"))


REFUSED: list[tuple[Any, str, str]] = [
    ({**ADD, "path": "/{{ audience.id "}, "requests.add.path", "is not valid Jinja. Wrap text"),
    ({**ADD, "body": {"a": [1, "{% for %}"]}}, "requests.add.body.a.1", "is not valid Jinja. Wrap text"),
    ({**ADD, "body": "{{ identifiers | nope }}"}, "requests.add.body", "No filter named 'nope'"),
    (
        {**ADD, "body": {"{{ x }}": 1}},
        "requests.add.body.{{ x }}",
        "uses 'x', which is not known here. Known:",
    ),
    ({**ADD, "body": "{{ identifier }}"}, "requests.add.body", "Did you mean 'identifiers'?"),
    ({**ADD, "per": "member"}, "requests.add.body.members", "Did you mean 'identifier'?"),
    ({**ADD, "query": {"a": "{{ audience.nmae }}"}}, "requests.add.query.a", "Did you mean 'name'?"),
    ({**ADD, "body": "{{ env_var('X') }}"}, "requests.add.body", "Use it under `variables`"),
    ({**ADD, "success": "a["}, "requests.add.success.when", "is no JMESPath expression"),
    ({**ADD, "success": [700]}, "requests.add.success.statuses.0", "less than or equal to 599"),
    ({**ADD, "rejected": [422]}, "requests.add", "rejected needs a path"),
    ({**ADD, "path": "x"}, "requests.add.path", "pattern"),
    ({**ADD, "method": "SEND"}, "requests.add.method", "'GET', 'POST'"),
    ({**ADD, "bdy": 1}, "requests.add.bdy", "is not a key that is known here. Did you mean 'body'?"),
]


@pytest.mark.parametrize(("adding", "key", "message"), REFUSED)
def test_a_request_that_is_written_wrong(adding: Any, key: str, message: str) -> None:
    """It is refused when the file is read, with the key, and in words."""
    with pytest.raises(ValidationError) as caught:
        settings({**REQUESTS, "add": adding})
    (found,) = describe(caught.value, Http.Settings)
    assert dotted(found.location) == key
    assert message in f"{found.message} {found.hint}"


def test_an_entry_that_is_written_wrong() -> None:
    """What does not go together is refused as well."""
    assert problems({"add": ADD}) == {"requests.remove": "is required."}
    assert "create needs find beside it" in problems({**REQUESTS, "create": MAKE})["requests"]
    both = {"bearer_token": "canary-a", "username": "b", "password": "canary-c"}
    assert "takes one way to prove who you are" in problems(**both)[""]
    assert problems(client_id="x") == {"": "needs client_id, client_secret and token_url together."}
    early = {**FIND, "path": "/{{ audience.id }}"}
    assert (
        "uses audience.id, which is not known here"
        in problems({**REQUESTS, "find": early})["requests.find.path"]
    )


def test_a_template_that_cannot_be_filled_in(connect: Connect) -> None:
    """The message names its place, and repeats no value."""
    adding = {**ADD, "body": {"m": ["{{ identifiers + 1 }}"]}}
    with pytest.raises(RefusedError) as caught:
        connect({**REQUESTS, "add": adding}).push(AUDIENCE, ENTER)
    assert str(caught.value) == (
        "requests.add.body.m.0 in destinations.yml cannot be filled in (TypeError). Correct the template."
    )
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "body",
    [
        {"m": "{{ {'all': identifiers | map('upper')} }}"},
        {"m": "{{ [identifiers[0].nope] }}"},
        {"m": "{{ range(2) }}"},
        {"m": "{{ 'inf' | float }}"},
        "{{ '\ud800' }} {{ identifiers[0] }}",
    ],
)
def test_a_body_that_cannot_be_written(server: ScriptedServer, connect: Connect, body: Any) -> None:
    """What JSON has no form for is a fault of the template: nothing is sent, and no value is repeated."""
    with pytest.raises(RefusedError, match=r"requests\.add\.body.* cannot be filled in") as caught:
        connect({**REQUESTS, "add": {**ADD, "body": body}}).push(AUDIENCE, ENTER)
    assert (server.seen, caught.value.__context__) == ([], None)


def test_a_query_holds_texts(server: ScriptedServer, connect: Connect) -> None:
    """A list is not sent as Python writes it, which an endpoint might pass over with a success."""
    adding = {**ADD, "query": {"ids": "{{ identifiers }}"}}
    with pytest.raises(RefusedError, match=r"requests\.add\.query\.ids .* more than one value"):
        connect({**REQUESTS, "add": adding}).push(AUDIENCE, ENTER)
    assert server.seen == []


def test_what_an_endpoint_repeats_of_a_secret(server: ScriptedServer, connect: Connect) -> None:
    """It is struck out of what the endpoint says, whether it was a credential or a variable."""
    said = "no key canary-token in workspace canary-space of account 7"
    server.script("/search", Reply(400, {"error": said}))
    keys = {"bearer_token": "canary-token", "variables": {"space": "canary-space", "account": 7}}
    endpoint = connect({**REQUESTS, "find": FIND}, error_message="error", **keys)
    with pytest.raises(RefusedError, match=r"no key … in workspace … of account 7\."):
        endpoint.find(WANTED, None)


def test_a_page_that_comes_again(server: ScriptedServer, connect: Connect) -> None:
    """An endpoint that does not heed the cursor is not asked for ever."""
    server.script("/read", Reply(200, {"ids": ["a"], "more": "x"}))
    reading = {"method": "GET", "path": "/read", "items": "ids", "next": "more"}
    with pytest.raises(RefusedError, match=r"requests\.read with the same page again"):
        list(connect({**REQUESTS, "read": reading}).members(AUDIENCE, "email"))


def test_an_audience_without_an_id(server: ScriptedServer, connect: Connect) -> None:
    """An empty id is none: in a path, it would lead to all audiences."""
    server.script("/search", Reply(200, {"found": [{"id": "", "name": WANTED.name}]}))
    with pytest.raises(RefusedError, match=r"no id where requests\.find\.id"):
        connect({**REQUESTS, "find": FIND}).find(WANTED, None)


def test_the_name_of_a_header() -> None:
    """What is no name of a header is refused when the file is read."""
    assert [*problems(headers={"X Key": "canary"})] == ["headers.X Key.[key]"]


@pytest.mark.parametrize("text", ["{{ ''.__class__.mro() }}", "{{ identifiers.append('x') }}"])
def test_templates_are_sandboxed(connect: Connect, text: str) -> None:
    """A template reaches nothing but what it is given, and changes nothing."""
    with pytest.raises(RefusedError, match="cannot be filled in"):
        connect({**REQUESTS, "add": {**ADD, "body": text}}).push(AUDIENCE, ENTER)


def test_other_requests_are_logged_as_ever(
    server: ScriptedServer, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """urllib3 says nothing of our requests, and goes on to log those of others."""
    caplog.set_level(logging.DEBUG)
    connect().push(AUDIENCE, ENTER)
    assert "urllib3" not in caplog.text
    assert "POST /add: 200" in caplog.text
    logging.getLogger("urllib3.connectionpool").debug("of others")
    assert "of others" in caplog.text


def test_accounts() -> None:
    """One base URL is one account, unless the entry says that it is another."""
    assert Http.account(settings()) == ("http", "http://a.test", "")
    assert Http.account(settings(account="b")) == ("http", "http://a.test", "b")


def test_identifier_types() -> None:
    """E-mail addresses are known and may be hashed; any other name is taken, if it is one."""
    email, other = Http.identifier_type("email"), Http.identifier_type("crm_id")
    assert email is not None
    assert other is not None
    assert (email.hashable, other.is_valid("a b"), other.hashable) == (True, True, False)
    assert Http.identifier_type("") is Http.identifier_type("a-b") is None
