"""What the Selligent adapter makes of every answer, and exactly what it sends."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from dbt_activate.delivery import Audience, Delivery, Operation, Receipt
from dbt_activate.destinations.selligent import Selligent
from dbt_activate.errors import (
    AccessError,
    AudienceGoneError,
    AuthenticationError,
    InterruptedRunError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.http.answer import RefusedAnswerError
from dbt_activate.throttle import Retry, Throttles
from tests.destinations.scripted_server import Reply, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Iterator

O = "/Portal/Api/organizations/ACME%20SA"  # noqa: E741  (as the vendor's description abbreviates it)
L = f"{O}/lists/CUSTOMERS"
SEGMENT = f"{L}/segments/VIP_customers"
LOAD, REMOVE, CLEAR, READ = (f"{SEGMENT}/data{end}" for end in ("/load", "", "/clear", "/search"))
CREATE = f"{L}/segments/static"
AUDIENCE = Audience("CUSTOMERS/VIP_customers", "VIP_customers", "Spenders")
WANTED = Selligent.AudienceSettings(name="VIP customers", description="Spenders")
PEOPLE = ("ada@example.com", "bob@example.com")
ADD = Delivery(1, Operation.ADD, "mail", PEOPLE)
FIELDS = Reply(200, {"fields": [{"name": "MAIL"}, {"name": "CUSTOMER_ID"}]})
DETAILS = {"type": "Static", "api_name": "VIP_customers", "name": "VIP_customers", "description": "Spenders"}
QUOTA = b"API calls quota exceeded! The maximum allowed is 2500 per minute"


def settings(**more: Any) -> Any:
    """Make the settings of a destination."""
    needed = {"type": "selligent", "targets": ("prod",), "api_key": "key", "api_secret": "s3cr3t"}
    place = {"base_url": "https://acme.slgnt.eu", "organization": "ACME SA", "list": "CUSTOMERS"}
    return Selligent.Settings(**(needed | place | more))


@pytest.fixture
def throttles() -> Throttles:
    """The waits of a run, a thousand times as short."""
    return Throttles(
        Retry(attempts=4, first_wait_seconds=0.001, total_seconds=10.0, poll_seconds=(0.0005, 0.001))
    )


@pytest.fixture
def selligent(server: ScriptedServer, throttles: Throttles) -> Iterator[Selligent]:
    """The adapter, talking to the scripted server."""
    server.script(f"{L}/fields", FIELDS)
    server.script(SEGMENT, Reply(200, DETAILS))
    made = Selligent(settings(base_url=server.url, requests_per_minute=None, timeout_seconds=0.5), throttles)
    yield made
    made.close()


def result(code: str = "Succeeded", *errors: tuple[str, str], **counters: Any) -> dict[str, Any]:
    """Write the answer of a call on data."""
    said = [{"error_code": error, "description": text} for error, text in errors]
    return {
        "result_code": code,
        "errors": said or None,
        **{f"number_of_{name}": count for name, count in counters.items() if name != "invalid_records"},
        "invalid_records": counters.get("invalid_records", []),
    }


def refused(code: str = "ValidationFailed", text: str = "ada@example.com is wrong") -> dict[str, Any]:
    """Write the answer of a call that failed."""
    return result(code, ("ERR_LIST_VALIDATION", text)) | {"message": "Request Failed for ada@example.com"}


def invalid(code: str, index: int = 0) -> dict[str, Any]:
    """Write an invalid record."""
    message = "ada@example.com is too long"
    return {"record_index": index, "field_name": "MAIL", "message": message, "validation_code": code}


ACCESS = "Service Accounts, the account's expiry date, its filters by IP and by organization"
QUOTA_LEFT = {"X-RateLimit-Limit": "2500, 2500;w=60", "X-RateLimit-Remaining": "9", "X-RateLimit-Reset": "50"}
NONE_LEFT = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0"}

PARTLY = result(
    "PartiallySucceeded",
    inserted_records=1,
    records_not_found=1,
    failed_records=1,
    invalid_records=[invalid("InvalidType")],
)
Expected = Receipt | tuple[type[Exception], str]

# One row or more for each row of the table of errors, in its order: the status, the body and the headers of
# an answer for ever; what comes of it, and after how many requests.
TABLE: list[tuple[int, Any, dict[str, str], Expected, int]] = [
    # 2xx, Succeeded
    (200, result(inserted_records=1, updated_records=1), {}, Receipt(), 1),
    (201, result(duplicate_records=1), {}, Receipt(), 1),
    # 2xx, PartiallySucceeded
    (200, PARTLY, {}, Receipt(unnamed_rejections=2), 1),
    # 2xx, Failed, ValidationFailed, NotFound
    (200, refused("Failed"), {}, (RefusedAnswerError, "with 200: Failed: ERR_LIST_VALIDATION"), 1),
    (200, refused(), {}, (RefusedAnswerError, "ValidationFailed: .*unique index"), 1),
    (
        200,
        refused("NotFound"),
        {},
        (RefusedAnswerError, "NotFound: .*Check base_url, organization and list"),
        1,
    ),
    (200, refused("Unheard"), {}, (RefusedAnswerError, "200: ERR_LIST_VALIDATION"), 1),
    # 2xx, ServiceUnavailable, InternalServerError
    (200, refused("ServiceUnavailable"), {}, (UnavailableError, "ServiceUnavailable.*Tried 4 times"), 4),
    (200, refused("InternalServerError"), {}, (UnavailableError, "InternalServerError.*Tried 4 times"), 4),
    # 400, 422
    (400, refused(), {}, (RefusedAnswerError, "with 400: ValidationFailed: ERR_LIST_VALIDATION"), 1),
    (422, {"message": "No"}, {}, (RefusedAnswerError, r"with 422\..*smaller delivery_size"), 1),
    (400, b"Bad Request", {}, (RefusedAnswerError, r"with 400\."), 1),
    # 401
    (401, refused("Failed"), {}, (AuthenticationError, ACCESS), 1),
    (401, None, {}, (AuthenticationError, "wrong key and of a missing right"), 1),
    (403, None, {}, (AccessError, ACCESS), 1),
    # 404
    (404, refused("NotFound"), {}, (RefusedAnswerError, "Check base_url, organization and list"), 1),
    (404, b"<html>", {}, (RefusedAnswerError, "Check base_url, organization and list"), 1),
    # 405, 413
    (405, None, {}, (RefusedAnswerError, "please report it"), 1),
    (413, None, {}, (RefusedAnswerError, "413"), 2),
    # 408, 504, client time-out (see below)
    (408, None, {}, (UnavailableError, "with 408.*Tried 4 times"), 5),
    (504, b"<html>", {}, (UnavailableError, "with 504.*Tried 4 times"), 5),
    # 429 with quota headers at 0
    (429, QUOTA, NONE_LEFT, (UnavailableError, "with 429.*Tried 4 times"), 4),
    # 503
    (503, None, {}, (UnavailableError, "with 503.*Tried 4 times"), 4),
    (500, refused("InternalServerError"), {}, (UnavailableError, "with 500.*Tried 4 times"), 4),
    (200, b"<html>please log in</html>", {}, (UnavailableError, "not JSON.*Tried 4 times"), 4),
    (200, {}, {}, (UnavailableError, "no result_code"), 1),
    (204, None, {}, (UnavailableError, "no result_code"), 1),
]


@pytest.mark.parametrize(("status", "body", "headers", "expected", "requests"), TABLE)
def test_what_comes_of_an_answer(
    server: ScriptedServer,
    selligent: Selligent,
    status: int,
    body: Any,
    headers: dict[str, str],
    expected: Expected,
    requests: int,
) -> None:
    """Each answer has its own outcome, is sent again only where that may help, and quotes nobody."""
    server.script(LOAD, Reply(status, body, headers))
    if isinstance(expected, Receipt):
        assert selligent.push(AUDIENCE, ADD) == expected
    else:
        with pytest.raises(expected[0], match=expected[1]) as caught:
            selligent.push(AUDIENCE, ADD)
        assert "ada@example.com" not in str(caught.value)
        assert "s3cr3t" not in str(caught.value)
    assert len(server.calls(LOAD)) == requests


@pytest.mark.parametrize(
    "reply",
    [
        Reply(429),
        Reply(429, QUOTA),
        Reply(429, QUOTA, QUOTA_LEFT),
        Reply(429, result("Failed"), QUOTA_LEFT),
    ],
    ids=repr,
)
def test_a_list_that_is_busy(server: ScriptedServer, selligent: Selligent, reply: Reply) -> None:
    """A 429 while quota is left, or without a word on it, is waited out, and nobody else is held up."""
    server.script(LOAD, *[reply] * 6, Reply(200, result()))
    started_at = time.monotonic()
    assert selligent.push(AUDIENCE, ADD) == Receipt()
    selligent.find(WANTED, None)
    assert time.monotonic() - started_at < 20


def test_a_list_that_stays_busy(server: ScriptedServer, throttles: Throttles) -> None:
    """It is waited for as long as the settings say, and the message says how long that was."""
    server.script(f"{L}/fields", FIELDS)
    server.script(SEGMENT, Reply(200, DETAILS))
    server.script(LOAD, Reply(429))
    selligent = Selligent(settings(base_url=server.url, busy_seconds=0.2), throttles)
    with pytest.raises(UnavailableError, match=r"for 0\.2 seconds.*the list is busy.*raise busy_seconds"):
        selligent.push(AUDIENCE, ADD)
    assert len(server.calls(LOAD)) > 1
    selligent.close()


def test_the_quota_is_waited_for(server: ScriptedServer, selligent: Selligent) -> None:
    """With none left, nothing is sent for the seconds that the header counts."""
    used_up = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "0.3"}
    server.script(LOAD, Reply(429, QUOTA, used_up), Reply(200, result()))
    started_at = time.monotonic()
    selligent.push(AUDIENCE, ADD)
    assert time.monotonic() - started_at >= 0.3


def test_waiting_for_a_busy_list_ends_with_the_run(
    server: ScriptedServer, selligent: Selligent, throttles: Throttles
) -> None:
    """A run that is stopped waits no longer."""
    server.script(LOAD, Reply(429))
    throttles.stop()
    with pytest.raises(InterruptedRunError):
        selligent.push(AUDIENCE, ADD)


@pytest.mark.parametrize("reply", [Reply(413), Reply(408), Reply(504), Reply(fault="silence")], ids=repr)
def test_too_much_at_once(server: ScriptedServer, selligent: Selligent, reply: Reply) -> None:
    """What is too large or too slow is halved until it passes, and later requests begin at that size."""
    delivery = Delivery(1, Operation.ADD, "MAIL", [f"p{n}@example.com" for n in range(10)])
    server.script(LOAD, reply, *[Reply(200, result(records_not_found=1))] * 9)
    assert selligent.push(AUDIENCE, delivery).unnamed_rejections == 2
    selligent.push(AUDIENCE, delivery)
    assert [len(sent.body) for sent in server.calls(LOAD)] == [10, 5, 5, 5, 5]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500),
        Reply(502, b"<html>"),
        Reply(503),
        Reply(fault="reset"),
        Reply(200, result(), fault="truncate"),
    ],
    ids=repr,
)
def test_what_passes_is_sent_again_whole(server: ScriptedServer, selligent: Selligent, reply: Reply) -> None:
    """Rows may be sent twice, so that other failures than time-outs cost one more try."""
    server.script(LOAD, reply, Reply(200, result()))
    selligent.push(AUDIENCE, ADD)
    assert [len(sent.body) for sent in server.calls(LOAD)] == [2, 2]


@pytest.mark.parametrize(
    ("operation", "path", "method"), [(Operation.ADD, LOAD, "POST"), (Operation.REMOVE, REMOVE, "DELETE")]
)
def test_the_request_of_a_delivery(
    server: ScriptedServer, selligent: Selligent, operation: Operation, path: str, method: str
) -> None:
    """Rows hold the key alone, under the field's exact name, without a header row; removals have a body."""
    server.script(path, Reply(200, result()))
    selligent.push(AUDIENCE, Delivery(1, operation, "mail", PEOPLE))
    (sent,) = server.calls(path)
    assert (sent.method, sent.body) == (method, [["ada@example.com"], ["bob@example.com"]])
    assert sent.query == "keyFields=MAIL&fields=MAIL&mode=Sync"
    assert (sent.headers["X-ApiKey"], sent.headers["Accept"]) == ("key:s3cr3t", "application/json")
    assert sent.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("counted", "added", "removed"),
    [
        (result(records_not_found=1), 1, 0),
        (result("PartiallySucceeded", failed_records=1), 1, 1),
        (result("PartiallySucceeded", invalid_records=[invalid("InvalidType")]), 1, 1),
        (result("PartiallySucceeded", failed_records=2, records_not_found=2), 2, 2),
        (result("Failed", records_not_found=2), 2, 0),
        (result("NotFound", records_not_found=2), 2, 0),
        (result(records_not_found=None, failed_records="2", invalid_records=None), 0, 0),
    ],
)
def test_rows_that_were_not_taken(
    server: ScriptedServer, selligent: Selligent, counted: dict[str, Any], added: int, removed: int
) -> None:
    """Unknown people count when they are added and do not matter when removed; nobody is named."""
    server.script(LOAD, Reply(200, counted))
    server.script(REMOVE, Reply(200, counted))
    leaving = Delivery(2, Operation.REMOVE, "MAIL", PEOPLE)
    assert selligent.push(AUDIENCE, ADD) == Receipt(unnamed_rejections=added)
    assert selligent.push(AUDIENCE, leaving) == Receipt(unnamed_rejections=removed)


def test_why_rows_were_not_taken(
    server: ScriptedServer, selligent: Selligent, caplog: pytest.LogCaptureFixture
) -> None:
    """Each reason is told once a run, in fixed words."""
    records = [invalid("InvalidType"), invalid("ada@example.com"), invalid("MaxStringLengthExceeded")]
    body = result("PartiallySucceeded", records_not_found=1, failed_records=3, invalid_records=records)
    server.script(LOAD, Reply(200, body))
    selligent.push(AUDIENCE, ADD)
    selligent.push(AUDIENCE, ADD)
    told = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert [line.split(": ", 1)[1] for line in told] == [
        "some members are no records of the list. They are not made ones. They are counted.",
        "some members were not added: InvalidType. They are counted.",
        "some members were not added: MaxStringLengthExceeded. They are counted.",
        "some members were not added: Unknown. They are counted.",
    ]


@pytest.mark.parametrize(
    "missing",
    [
        Reply(404),
        Reply(404, refused("NotFound")),
        Reply(200, refused("NotFound")),
        Reply(200, {}),
        Reply(200),
    ],
)
def test_a_segment_that_is_not_there(server: ScriptedServer, selligent: Selligent, missing: Reply) -> None:
    """However that is told, nothing is found, and calls on it say that it is gone once they are refused."""
    server.script(SEGMENT, missing)
    assert selligent.find(WANTED, None) is None
    for path in (LOAD, CLEAR, READ):
        server.script(path, Reply(200, refused("ValidationFailed")))
    calls = (
        lambda: selligent.push(AUDIENCE, ADD),
        lambda: selligent.clear(AUDIENCE),
        lambda: list(selligent.members(AUDIENCE, "MAIL")),
    )
    for call in calls:
        with pytest.raises(
            AudienceGoneError, match=r"'VIP_customers' \(CUSTOMERS/VIP_customers\) is no longer"
        ):
            call()


def test_a_segment_is_found_by_its_names(server: ScriptedServer, selligent: Selligent) -> None:
    """By the id if there is one, else by the list and the API name that the name makes."""
    assert selligent.find(WANTED, None) == AUDIENCE
    server.script(f"{O}/lists/OTHER/segments/vips", Reply(200, {"type": "Static"}))
    assert selligent.find(WANTED, "OTHER/vips") == Audience("OTHER/vips", "vips", None)
    elsewhere = Selligent.AudienceSettings(name="x", list="OTHER", api_name="vips")
    assert selligent.find(elsewhere, None) == Audience("OTHER/vips", "vips", None)


@pytest.mark.parametrize("kind", ["Dynamic", "External", "Unknown"])
def test_a_segment_that_takes_no_members(server: ScriptedServer, selligent: Selligent, kind: str) -> None:
    """Only static ones do, whether it is found or in the way of a new one."""
    server.script(SEGMENT, Reply(200, DETAILS | {"type": kind}))
    server.script(CREATE, Reply(400, refused()))
    for attempt in (lambda: selligent.find(WANTED, None), lambda: selligent.create(WANTED)):
        with pytest.raises(RefusedError, match=f"is of type {kind}, and only static ones"):
            attempt()


@pytest.mark.parametrize("description", ["Spenders", ""])
def test_the_request_that_makes_a_segment(
    server: ScriptedServer, selligent: Selligent, description: str
) -> None:
    """White space in its name becomes underscores, and an empty description is left out."""
    server.script(CREATE, Reply(200, {"result_code": "Succeeded"}))
    made = selligent.create(Selligent.AudienceSettings(name="VIP  customers", description=description))
    assert made == Audience("CUSTOMERS/VIP_customers", "VIP_customers", description or None)
    more = {"description": description} if description else {}
    assert server.seen[-1].body == {"api_name": "VIP_customers", "name": "VIP_customers"} | more


@pytest.mark.parametrize(
    "reply",
    [
        Reply(400, refused()),
        Reply(200, refused("Failed")),
        Reply(422),
        Reply(500),
        Reply(200, refused("InternalServerError")),
        Reply(fault="reset"),
        Reply(fault="silence"),
        Reply(200, {"result_code": "Succeeded"}, fault="truncate"),
    ],
    ids=repr,
)
def test_a_segment_that_turns_out_to_be_there(
    server: ScriptedServer, selligent: Selligent, reply: Reply
) -> None:
    """A refused or a lost creation: what is there now is returned, and made once."""
    server.script(CREATE, reply)
    assert selligent.create(WANTED) == AUDIENCE
    assert len(server.calls(CREATE)) == 1


def test_a_lost_creation_that_did_not_happen(server: ScriptedServer, selligent: Selligent) -> None:
    """Where nothing is there after a lost answer, the segment is made again, a few times."""
    server.script(SEGMENT, Reply(404))
    server.script(CREATE, Reply(500), Reply(fault="reset"), Reply(200, {"result_code": "Succeeded"}))
    assert selligent.create(WANTED) == AUDIENCE
    server.script(CREATE, Reply(500))
    with pytest.raises(UnavailableError):
        selligent.create(WANTED)
    assert len(server.calls(CREATE)) == 6


@pytest.mark.parametrize(
    ("reply", "error", "message"),
    [
        (Reply(400, refused(text="Bad name")), RefusedError, "ERR_LIST_VALIDATION: Bad name"),
        (Reply(400, {"message": "Request Failed"}), RefusedError, "400: Request Failed"),
        (Reply(404), RefusedError, "Check base_url, organization and list"),
        (Reply(401), AuthenticationError, "create static segments"),
    ],
)
def test_a_segment_that_cannot_be_made(
    server: ScriptedServer, selligent: Selligent, reply: Reply, error: type[Exception], message: str
) -> None:
    """The message says why, with Selligent's own words where no person is in them; it is asked once."""
    server.script(SEGMENT, Reply(404))
    server.script(CREATE, reply)
    with pytest.raises(error, match=message):
        selligent.create(WANTED)
    assert len(server.calls(CREATE)) == 1


def test_clearing_and_deleting(server: ScriptedServer, selligent: Selligent) -> None:
    """Both are one request; deleting what is gone is fine, and deleting what is not given up is not."""
    server.script(CLEAR, Reply(200, {"result_code": "Succeeded", "message": "Cleared"}))
    selligent.clear(AUDIENCE)
    assert [(seen.method, seen.path) for seen in server.seen] == [("DELETE", CLEAR)]
    server.script(SEGMENT, Reply(400, refused()), Reply(404))
    selligent.delete(AUDIENCE)
    server.script(SEGMENT, Reply(400, refused(text="It is in use")), Reply(200, DETAILS))
    with pytest.raises(RefusedError, match="It is in use"):
        selligent.delete(AUDIENCE)


def page(*values: Any) -> Reply:
    """Answer a search."""
    return Reply(200, {"fields": ["MAIL"], "data": list(values), "result_code": "Succeeded", "errors": []})


def test_members_are_read_page_by_page(server: ScriptedServer, selligent: Selligent) -> None:
    """Rows may be arrays, objects or bare; only an empty page ends them; who has no key is nobody."""
    server.script(READ, page([None], ["a"], [7]), page({"MASTER.MAIL": "b"}, "c", []), page())
    assert list(selligent.members(AUDIENCE, "mail")) == [["a", "7"], ["b", "c"]]
    order = {"order_by": "MAIL", "order_by_direction": "ASC"}
    bodies = [seen.body for seen in server.calls(READ)]
    assert bodies[0] == {"fields": ["MAIL"], "filters": [], "skip": 0, "take": 1000} | order
    assert [body["skip"] for body in bodies] == [0, 3, 6]


@pytest.mark.parametrize(
    "reply", [Reply(400, refused()), Reply(200, refused()), Reply(413), Reply(504)], ids=repr
)
def test_a_page_that_is_too_large(server: ScriptedServer, selligent: Selligent, reply: Reply) -> None:
    """The size of a page is halved until it passes."""
    server.script(READ, reply, page(["a"]), Reply(200, {"data": None, "result_code": "Succeeded"}))
    assert list(selligent.members(AUDIENCE, "MAIL")) == [["a"]]
    assert [seen.body["take"] for seen in server.calls(READ)] == [1000, 500, 500]


@pytest.mark.parametrize(
    ("reply", "message"), [(page(["a"]), "over and over"), (Reply(200, result()), "holds no data")]
)
def test_members_that_cannot_be_read(
    server: ScriptedServer, selligent: Selligent, reply: Reply, message: str
) -> None:
    """Pages that repeat, and an answer without data, are no empty segment."""
    server.script(READ, reply)
    with pytest.raises(UnavailableError, match=message):
        list(selligent.members(AUDIENCE, "MAIL"))


def test_the_key_field_is_looked_up_once(server: ScriptedServer, selligent: Selligent) -> None:
    """An unknown field stops before the first row is sent, and near names are offered."""
    server.script(LOAD, Reply(200, result()))
    with pytest.raises(RefusedError, match=r"CUSTOMERS of Selligent has no field CUSTOMERID.*CUSTOMER_ID"):
        selligent.push(AUDIENCE, Delivery(1, Operation.ADD, "CUSTOMERID", PEOPLE))
    assert server.calls(LOAD) == []
    selligent.push(AUDIENCE, ADD)
    assert len(server.calls(f"{L}/fields")) == 1


def test_fields_that_differ_in_case(server: ScriptedServer, selligent: Selligent) -> None:
    """The exact name wins."""
    server.script(f"{L}/fields", Reply(200, {"fields": [{"name": "mail"}, {"name": "MAIL"}]}))
    server.script(LOAD, Reply(200, result()))
    selligent.push(AUDIENCE, ADD)
    assert server.calls(LOAD)[0].query == "keyFields=mail&fields=mail&mode=Sync"


@pytest.mark.parametrize("key", ["list", "lists"])
def test_debug_looks_at_the_list(server: ScriptedServer, selligent: Selligent, key: str) -> None:
    """Its fields are shown; and the lists that there are, where it is not one of them."""
    server.script(O, Reply(200, {"name": "ACME SA"}))
    server.script(L, Reply(200, {"type": "Userlist"}))
    assert selligent.check().lines == (
        "The credentials are good. They reach the organization ACME SA.",
        "The list CUSTOMERS is there.",
        "Its fields: MAIL, CUSTOMER_ID.",
    )
    server.script(L, Reply(404))
    server.script(f"{O}/lists", Reply(200, {key: [{"api_name": "CLIENTS", "name": "Clients"}]}))
    result = selligent.check()
    assert not result.passed
    assert result.lines[-1] == "There is no list CUSTOMERS.\nLists of the organization:\n  CLIENTS  Clients"
    assert server.seen[-1].query == "filter=Userlist"


@pytest.mark.parametrize(
    ("status", "message"), [(401, "missing right"), (403, "missing right"), (400, "with 400")]
)
def test_debug_says_which_right_is_missing(
    server: ScriptedServer, selligent: Selligent, status: int, message: str
) -> None:
    """The message names the request, and what the account needs."""
    server.script(O, Reply(200, {}))
    server.script(L, Reply(200, {"type": "Datalist"}))
    server.script(f"{L}/fields", Reply(status))
    result = selligent.check()
    assert not result.passed
    assert f"{L.removeprefix('/Portal/Api')}/fields" in result.lines[-1]
    assert message in result.lines[-1]


def test_debug_without_access(server: ScriptedServer, selligent: Selligent) -> None:
    """A key that is refused is an error of its own; an unknown organization is a finding."""
    server.script(O, Reply(401))
    with pytest.raises(AuthenticationError, match=ACCESS):
        selligent.check()
    server.script(O, Reply(404))
    assert "Check base_url, organization" in selligent.check().lines[0]


@pytest.mark.parametrize(
    ("audience", "problems"),
    [
        ({}, []),
        ({"name": "VIP & Été"}, ["Set api_name to VIP_Ete, say."]),
        ({"name": "90 days"}, ["Set api_name to a_90_days, say."]),
        ({"name": "x" * 51}, [f"Set api_name to {'x' * 50}, say."]),
        ({"name": "&"}, ["Set api_name to audience, say."]),
        ({"name": "VIP & Été", "api_name": "vips"}, []),
        ({"api_name": "v-ips"}, ["Set api_name to v_ips, say."]),
        ({"name": "VIP & Été", "remote_id": "CUSTOMERS/old-one"}, []),
        ({"remote_id": "OTHER/vips"}, []),
        ({"remote_id": "A/vips", "list": "B"}, ["remote_id 'A/vips' and list 'B' name different places"]),
        ({"remote_id": "A/vips", "api_name": "b"}, ["remote_id 'A/vips' and api_name 'b' name different"]),
    ],
)
def test_audiences_are_checked(audience: dict[str, str], problems: list[str]) -> None:
    """An API name that may not pass is refused with another one, and nothing but white space is replaced."""
    wanted = Selligent.AudienceSettings(**({"name": "VIP"} | audience))
    found = Selligent.check_audience(settings(), wanted, {})
    assert len(found) == len(problems)
    assert all(words in problem for words, problem in zip(problems, found, strict=True))


def test_a_list_is_needed() -> None:
    """In the entry, in the activation, or in the id."""
    (problem,) = Selligent.check_audience(settings(list=None), WANTED, {})
    assert "Set list, by its API name" in problem
    for more in ({"list": "A"}, {"remote_id": "A/b"}):
        wanted = Selligent.AudienceSettings(name="VIP", **more)
        assert Selligent.check_audience(settings(list=None), wanted, {}) == []


@pytest.mark.parametrize(
    ("audience", "fits"),
    [
        ({"name": "Renamed"}, True),
        ({"list": "Customers"}, True),
        ({"list": "OTHER"}, False),
        ({"api_name": "vip"}, True),
        ({"api_name": "vips"}, False),
        ({"remote_id": "CUSTOMERS/VIP"}, True),
        ({"remote_id": "CUSTOMERS/vips"}, False),
    ],
)
def test_what_a_known_segment_can_be(selligent: Selligent, audience: dict[str, str], fits: bool) -> None:
    """A new name leaves it where it is; another list, API name or id is another audience."""
    wanted = Selligent.AudienceSettings(**({"name": "VIP"} | audience))
    assert selligent.can_be(wanted, "CUSTOMERS/VIP") is fits


def test_what_makes_two_audiences_one() -> None:
    """The place, however it is said; and a list is worked on by one activation at a time."""
    ways = [
        {"name": "vip x"},
        {"name": "b", "api_name": "VIP_X"},
        {"name": "c", "remote_id": "CUSTOMERS/Vip_x"},
    ]
    all_wanted = [Selligent.AudienceSettings(**way) for way in ways]
    assert {Selligent.identity(settings(), wanted) for wanted in all_wanted} == {
        ("selligent", "acme.slgnt.eu", "ACME SA", "customers", "vip_x")
    }
    other = Selligent.AudienceSettings(name="vip x", list="OTHER")
    same_list = Selligent.AudienceSettings(name="lapsed", list="customers")
    assert Selligent.lane(settings(), all_wanted[0]) == Selligent.lane(settings(), same_list)
    assert Selligent.lane(settings(), other) != Selligent.lane(settings(), same_list)


@pytest.mark.parametrize(
    "given",
    [
        "https://acme.slgnt.eu",
        "https://acme.slgnt.eu/",
        "https://acme.slgnt.eu/Portal/Api",
        "https://acme.slgnt.eu/Portal/Api/",
    ],
)
def test_the_base_url_with_and_without_its_path(given: str) -> None:
    """Both lead to the API."""
    assert settings(base_url=given).base_url == "https://acme.slgnt.eu/Portal/Api"


def test_settings_are_kept_secret() -> None:
    """Neither half of the key is shown, and the size of deliveries is a cautious one."""
    read = settings(api_key="k3y", requests_per_minute=None, list=None)
    assert "s3cr3t" not in repr(read)
    assert "k3y" not in repr(read)
    assert (read.delivery_size, Selligent.delivery_size) == (1_000, 2_500)


@pytest.mark.parametrize(
    "wrong",
    [
        {"base_url": None},
        {"base_url": "acme.slgnt.eu"},
        {"organization": ""},
        {"api_key": "key:s3cr3t"},
        {"api_secret": "s3cr3t\n"},
        {"api_secret": ""},
        {"list": "a/b"},
        {"requests_per_minute": 0},
        {"busy_seconds": -1},
        {"list_api_name": "CUSTOMERS"},
    ],
)
def test_wrong_settings_are_refused_unseen(wrong: dict[str, Any]) -> None:
    """Each names its key, and none repeats what it was given."""
    with pytest.raises(ValidationError, match=next(iter(wrong))) as caught:
        settings(**wrong)
    assert "s3cr3t" not in str(caught.value)


def test_any_field_can_be_mapped() -> None:
    """Values are stripped, those of mail fields made small, and none is hashed."""
    mail, number = (Selligent.identifier_type(name) for name in ("E_Mail", "CUSTOMER_ID"))
    assert mail
    assert number
    assert (mail.normalise(" Ada@Example.com "), number.normalise(" Ab1\n")) == ("ada@example.com", "Ab1")
    assert not mail.hashable
    assert not number.hashable
    assert not number.is_valid("")
    unfit = ("", " MAIL", "MAIL ", "A,B", "mail:sha256", "A\nB")
    assert [Selligent.identifier_type(name) for name in unfit] == [None] * 6
    assert Selligent.identifier_type("Loyalty number") is not None


@pytest.mark.parametrize("failed", [{"failed_records": 1}, {"invalid_records": [invalid("Unknown")]}])
@pytest.mark.parametrize(
    ("left", "is_over"),
    [([], True), (["bob@example.com"], False), ([" Bob@Example.com"], False), (["eve@x.test"], True)],
)
def test_rows_that_could_not_be_removed(
    server: ScriptedServer, selligent: Selligent, failed: dict[str, Any], left: list[str], is_over: bool
) -> None:
    """Where rows of a removal failed, who is left is looked up: nobody who leaves is forgotten in there."""
    server.script(REMOVE, Reply(200, result("PartiallySucceeded", **failed)))
    found = {"fields": ["MAIL"], "data": [[one] for one in left], "result_code": "Succeeded"}
    server.script(READ, Reply(200, found), Reply(200, {**found, "data": []}))
    leaving = Delivery(2, Operation.REMOVE, "MAIL", PEOPLE)
    if is_over:
        assert selligent.push(AUDIENCE, leaving) == Receipt(unnamed_rejections=1)
    else:
        with pytest.raises(UnavailableError, match="failed to remove 1 of 2 members"):
            selligent.push(AUDIENCE, leaving)
