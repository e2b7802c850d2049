"""What the Purchasely adapter makes of every answer, and exactly what it sends."""

from __future__ import annotations

import logging
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from dbt_activate.delivery import Audience, Delivery, Operation, Receipt
from dbt_activate.destinations.purchasely import ANONYMOUS_ID, USER_ID, Purchasely, slug
from dbt_activate.destinations.purchasely_api import QUIET_READS
from dbt_activate.errors import (
    AccessError,
    AudienceGoneError,
    AuthenticationError,
    DestinationError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.throttle import Retry, Throttles
from tests.destinations.scripted_server import Reply, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable

BASE = "/client/mobile_applications/app_1/custom_audiences"
VIP = f"{BASE}/vip"
USERS = f"{VIP}/users"
AUDIENCE = Audience("vip", "VIP customers")
WANTED = Purchasely.AudienceSettings(name="VIP customers", vendor_id="vip")
ADD = Delivery(1, Operation.ADD, "user_id", ("cust-1", "cust-2"))
REMOVE = Delivery(2, Operation.REMOVE, "user_id", ("cust-9",))
NEEDED = {"type": "purchasely", "targets": ("prod",), "api_key": "s3cr3t", "app_id": "app_1"}
COUNTS = {"processed_count": 2, "skipped_count": 0, "error_count": 0}


def settings(**more: Any) -> Any:
    """Make the settings of a destination."""
    return Purchasely.Settings.model_validate(NEEDED | more)


@pytest.fixture
def throttles() -> Throttles:
    """The waits of a run, a thousand times as short, and minutes of a fiftieth of a second."""
    retry = Retry(attempts=4, first_wait_seconds=0.001, total_seconds=10.0, poll_seconds=(0.001,))
    return Throttles(retry, window_seconds=0.02)


@pytest.fixture
def connect(server: ScriptedServer, connect_as: Callable[..., Purchasely]) -> Callable[..., Purchasely]:
    """Make adapters that talk to the scripted server."""
    return partial(connect_as, Purchasely, **NEEDED, base_url=server.url, requests_per_minute=None)


@pytest.fixture
def purchasely(connect: Callable[..., Purchasely]) -> Purchasely:
    """The adapter, talking to the scripted server."""
    return connect()


def facts(status: str = "ready", synced: int | None = 1, **more: Any) -> dict[str, Any]:
    """Write an audience as Purchasely does."""
    return {
        "id": "caud_9k2",
        "vendor_id": "vip",
        "name": "VIP customers",
        "identifier_type": "user_id",
        "user_count": 7,
        "status": status,
        "last_synced_at": synced and f"2026-03-13T12:00:00.00{synced}Z",
        "last_job_result": None,
    } | more


def shown(*states: dict[str, Any]) -> list[Reply]:
    """Answer reads of an audience."""
    return [Reply(200, {"custom_audience": state}) for state in states]


def listed(*keys: str) -> Reply:
    """Answer a list of audiences."""
    return Reply(200, {"custom_audiences": [facts() | {"vendor_id": key} for key in keys]})


def failure(code: str, *messages: str) -> dict[str, Any]:
    """Write an error as Purchasely does."""
    return {"error": {"code": code, "messages": list(messages or ("A message",))}}


def methods(server: ScriptedServer) -> str:
    """Return the methods of all requests, in order."""
    return " ".join(seen.method for seen in server.seen)


TAKEN = Reply(202, {"custom_audience": facts("processing")})
STATES = {
    "r": facts(),
    "p": facts("processing"),
    "d": facts(synced=2, last_job_result=COUNTS),
    "e": facts(synced=3, last_job_result=COUNTS),
}
"""Ready before our job, processing, done with the first job, done with the second."""

ONCE, WAITED, AGAIN = "GET POST", "GET POST GET GET POST GET", "GET POST GET POST GET"
HALVES = "GET POST GET POST GET GET POST GET"
GONE, ARCHIVING = "CUSTOM_AUDIENCE_NOT_FOUND", "CANNOT_ARCHIVE_WHILE_PROCESSING"
ERRORS: list[tuple[str, int, Any, str, type[DestinationError] | None, str, str]] = [
    # What is done, what fails it, what reads show (x is the failure), the error, its message, the requests.
    ("push", 401, failure("UNAUTHORIZED"), "r", AuthenticationError, "Check api_key.*Client API Keys", ONCE),
    ("push", 403, failure("FORBIDDEN"), "r", AccessError, "FORBIDDEN.*check app_id", ONCE),
    ("push", 403, failure("FEATURE_NOT_ENABLED"), "r", AccessError, "key is good.*Ask Purchasely", ONCE),
    ("push", 404, failure(GONE), "r", AudienceGoneError, r"\(vip\) is no longer", ONCE),
    ("push", 409, failure("MUTATION_IN_PROGRESS"), "rprd", None, "", WAITED),
    ("delete", 409, failure(ARCHIVING), "rxprd", None, "", "GET DELETE GET GET DELETE"),
    ("push", 413, failure("PAYLOAD_TOO_LARGE"), "rrdde", None, "", HALVES),
    ("push", 422, failure("VALIDATION_FAILED"), "r", RefusedError, "VALIDATION_FAILED", ONCE),
    ("push", 422, failure("EMPTY_PAYLOAD"), "r", RefusedError, "fault of dbt-activate", ONCE),
    ("push", 422, failure("INVALID_PAYLOAD"), "r", RefusedError, "fault of dbt-activate", ONCE),
    ("push", 429, b"Too Many Requests", "rd", None, "", "GET POST POST GET"),
    ("push", 500, failure("INTERNAL_ERROR"), "rrd", None, "", AGAIN),
    ("push", 503, b"<html>", "rprd", None, "", WAITED),
    # What the table leaves open: other codes and shapes, and a proxy in between.
    ("push", 401, None, "r", AuthenticationError, "Check api_key", ONCE),
    ("push", 403, b"<html>", "r", AccessError, "check app_id", ONCE),
    ("push", 404, b"<html>", "r", RefusedError, "check base_url and app_id", ONCE),
    ("push", 404, failure("NOT_FOUND"), "r", RefusedError, "check base_url and app_id", ONCE),
    ("push", 409, {"error": "busy"}, "rprd", None, "", WAITED),
    ("push", 413, b"<html>", "rrdde", None, "", HALVES),
    ("push", 422, {"error": {"code": None, "messages": "text"}}, "r", RefusedError, r"with 422\.", ONCE),
    ("push", 422, {"error": {"code": "A message", "messages": 1}}, "r", RefusedError, r"with 422\.", ONCE),
    ("push", 429, {"error": None}, "rd", None, "", "GET POST POST GET"),
    ("push", 202, b"<html>", "rrd", None, "", AGAIN),
    ("push", 202, None, "rd", None, "", "GET POST GET"),
    ("push", 200, {}, "rrd", None, "", AGAIN),
    ("push", 302, None, "r", RefusedError, "redirects", ONCE),
]  # fmt: skip


@pytest.mark.parametrize(("act", "status", "body", "reads", "error", "message", "requests"), ERRORS)
def test_what_is_done_about_each_error(
    server: ScriptedServer,
    purchasely: Purchasely,
    act: str,
    status: int,
    body: Any,
    reads: str,
    error: type[DestinationError] | None,
    message: str,
    requests: str,
) -> None:
    """Every row of the documented table, in its order: what stops, what waits, what is sent again."""
    wrong = Reply(status, body)
    server.script(VIP, *(wrong if one == "x" else shown(STATES[one])[0] for one in reads))
    server.script(USERS, wrong, TAKEN)
    do = (lambda: purchasely.push(AUDIENCE, ADD)) if act == "push" else (lambda: purchasely.delete(AUDIENCE))
    if error:
        with pytest.raises(error, match=message) as caught:
            do()
        assert "A message" not in str(caught.value)
    else:
        assert do() in (Receipt(), None)
    assert methods(server) == requests


@pytest.mark.parametrize("fault", ["reset", "truncate"])
def test_an_answer_that_is_lost(server: ScriptedServer, purchasely: Purchasely, fault: Any) -> None:
    """The status is read and waited for before the same body is sent again."""
    server.script(VIP, *shown(*(STATES[one] for one in "rppde")))
    server.script(USERS, Reply(202, TAKEN.body, fault=fault), TAKEN)
    assert purchasely.push(AUDIENCE, ADD) == Receipt()
    assert methods(server) == "GET POST GET GET GET POST GET"
    first, second = server.calls(USERS)
    assert first.content == second.content


def test_answers_that_are_always_lost(server: ScriptedServer, purchasely: Purchasely) -> None:
    """It is tried as often as any other request, and then left to the next run."""
    server.script(VIP, *shown(STATES["r"]))
    server.script(USERS, Reply(500))
    with pytest.raises(UnavailableError, match="with 500"):
        purchasely.push(AUDIENCE, ADD)
    assert len(server.calls(USERS)) == 4


@pytest.mark.parametrize(
    ("call", "requests"),
    [
        (lambda it: it.push(AUDIENCE, ADD), [("POST", USERS, "", {"add": ["cust-1", "cust-2"]})]),
        (lambda it: it.push(AUDIENCE, REMOVE), [("POST", USERS, "", {"remove": ["cust-9"]})]),
        (
            lambda it: it.push_together(AUDIENCE, REMOVE, ADD),
            [("POST", USERS, "", {"remove": ["cust-9"], "add": ["cust-1", "cust-2"]})],
        ),
        (lambda it: it.clear(AUDIENCE), [("DELETE", f"{USERS}/clear", "", None)]),
        (lambda it: it.delete(AUDIENCE), [("DELETE", VIP, "", None)]),
        (lambda it: it.size(AUDIENCE), [("GET", VIP, "", None)]),
        (lambda it: it.find(WANTED, None), [("GET", VIP, "", None), ("GET", BASE, "page=1", None)]),
        (lambda it: it.check(), [("GET", BASE, "page=1", None)]),
        (lambda it: list(it.members(AUDIENCE, "user_id")), [("GET", USERS, "limit=10000", None)]),
    ],
    ids=["add", "remove", "together", "clear", "delete", "size", "find", "check", "members"],
)
def test_the_requests_of_a_call(
    server: ScriptedServer, purchasely: Purchasely, call: Any, requests: list[Any]
) -> None:
    """Each call is spelt as Purchasely spells it, with the key as a bearer token; lists are never empty."""
    page = {"users": ["cust-1"], "next_cursor": None, "has_more": False, "warning": None}
    server.script(VIP, *shown(STATES["r"], STATES["d"]))
    server.script(BASE, listed("vip"))
    server.script(USERS, Reply(202, TAKEN.body | page) if "limit" not in requests[0][2] else Reply(200, page))
    server.script(f"{USERS}/clear", TAKEN)
    call(purchasely)
    sent = [(seen.method, seen.path, seen.query, seen.body if seen.content else None) for seen in server.seen]
    assert [one for one in sent if one in requests] == requests
    assert {one[:2] for one in sent} <= {*(one[:2] for one in requests), ("GET", VIP)}
    assert {seen.headers["Authorization"] for seen in server.seen} == {"Bearer s3cr3t"}


def test_the_request_that_makes_an_audience(server: ScriptedServer, purchasely: Purchasely) -> None:
    """It names key, label and type, and no description, which Purchasely has not."""
    server.script(BASE, Reply(201, {"custom_audience": facts(synced=None)}))
    wanted = Purchasely.AudienceSettings(
        name="VIP customers", description="Spenders", identifier_type="anonymous_id"
    )
    assert purchasely.create(wanted) == Audience("vip_customers", "VIP customers")
    made = {"vendor_id": "vip_customers", "name": "VIP customers", "identifier_type": "anonymous_id"}
    (sent,) = server.seen
    assert (sent.method, sent.body) == ("POST", {"custom_audience": made})


def test_keys_are_encoded_in_paths(server: ScriptedServer, purchasely: Purchasely) -> None:
    """A key that somebody else chose may hold what an address may not."""
    server.script(f"{BASE}/VIP%20%25%3F%23%C3%A9", *shown(STATES["r"]))
    assert purchasely.size(Audience("VIP %?#é", "VIP")) == 7


def test_counts_of_what_was_not_taken(server: ScriptedServer, purchasely: Purchasely) -> None:
    """Skipped identifiers and errors are counted together, since Purchasely names neither."""
    counts = {"processed_count": 1, "skipped_count": 2, "error_count": 3}
    server.script(VIP, *shown(facts(), facts(synced=2, last_job_result=counts)))
    server.script(USERS, TAKEN)
    assert purchasely.push(AUDIENCE, ADD) == Receipt(unnamed_rejections=5)
    server.script(VIP, *shown(facts(), facts(synced=2, last_job_result=counts)))
    assert purchasely.push_together(AUDIENCE, REMOVE, ADD) == (Receipt(), Receipt(unnamed_rejections=5))


@pytest.mark.parametrize(("left", "is_over"), [("cust-9", False), ("cust-8", True)])
def test_removals_with_errors(
    server: ScriptedServer, purchasely: Purchasely, left: str, is_over: bool
) -> None:
    """Who had the error is not said: who is left is looked up, and nobody who leaves is forgotten there."""
    counts = {"processed_count": 0, "skipped_count": 0, "error_count": 1}
    server.script(VIP, *shown(facts(), facts(synced=2, last_job_result=counts)))
    server.script(USERS, TAKEN, page("cust-1", left))
    if is_over:
        assert purchasely.push(AUDIENCE, REMOVE) == Receipt(unnamed_rejections=1)
    else:
        with pytest.raises(UnavailableError, match=r"1 of 1 people.* are still in it") as caught:
            purchasely.push(AUDIENCE, REMOVE)
        assert left not in str(caught.value)


def test_additions_with_errors(server: ScriptedServer, purchasely: Purchasely) -> None:
    """They are counted, and nobody is looked up."""
    counts = {"processed_count": 1, "skipped_count": 0, "error_count": 1}
    server.script(VIP, *shown(facts(), facts(synced=2, last_job_result=counts)))
    server.script(USERS, TAKEN)
    assert purchasely.push(AUDIENCE, ADD) == Receipt(unnamed_rejections=1)
    assert methods(server) == "GET POST GET"


def test_together_where_that_is_too_large(server: ScriptedServer, purchasely: Purchasely) -> None:
    """A request with both is divided, removals first, and each part halved where it must be."""
    server.script(VIP, *shown(facts(), *(facts(synced=n) for n in (1, 2, 2, 2, 3, 3, 4))))
    server.script(USERS, Reply(413), TAKEN, Reply(413), TAKEN, TAKEN)
    purchasely.push_together(AUDIENCE, REMOVE, ADD)
    assert [seen.body for seen in server.calls(USERS)] == [
        {"remove": ["cust-9"], "add": ["cust-1", "cust-2"]},
        {"remove": ["cust-9"]},
        {"add": ["cust-1", "cust-2"]},
        {"add": ["cust-1"]},
        {"add": ["cust-2"]},
    ]


def test_nobody_is_in_both_lists(server: ScriptedServer, purchasely: Purchasely) -> None:
    """What that comes to is not documented: such a pair of deliveries goes apart, removals first."""
    server.script(VIP, *shown(*(facts(synced=n) for n in (1, 2, 2, 3))))
    server.script(USERS, TAKEN)
    again = Delivery(2, Operation.REMOVE, "user_id", ("cust-1",))
    purchasely.push_together(AUDIENCE, again, ADD)
    assert [list(seen.body) for seen in server.calls(USERS)] == [["remove"], ["add"]]


def test_a_limit_that_says_when_it_ends(server: ScriptedServer, purchasely: Purchasely) -> None:
    """A Retry-After is kept to, and one beyond our patience is told."""
    server.script(VIP, Reply(429, headers={"Retry-After": "0"}), *shown(STATES["r"]))
    assert purchasely.size(AUDIENCE) == 7
    server.script(VIP, Reply(429, headers={"Retry-After": "3600"}))
    with pytest.raises(UnavailableError) as caught:
        purchasely.size(AUDIENCE)
    assert caught.value.retry_after == 3600


def test_a_limit_that_does_not_say_when_it_ends(server: ScriptedServer, purchasely: Purchasely) -> None:
    """A whole window is waited out, which is a minute in a real run."""
    server.script(VIP, Reply(429))
    with pytest.raises(UnavailableError) as caught:
        purchasely.size(AUDIENCE)
    assert caught.value.retry_after == 0.02


# What became of a job


def test_a_job_is_done_when_it_says_so(server: ScriptedServer, purchasely: Purchasely) -> None:
    """Ready is not enough: the time of the last job must have moved, too."""
    server.script(VIP, *shown(*(STATES[one] for one in "rpprrpd")))
    server.script(USERS, TAKEN)
    assert purchasely.push(AUDIENCE, ADD) == Receipt()
    assert methods(server) == "GET POST GET GET GET GET GET GET"


def test_a_job_of_which_only_the_counts_tell(server: ScriptedServer, purchasely: Purchasely) -> None:
    """New counts are the end of a job as well, should the time not move where all are skipped."""
    counts = {"processed_count": 0, "skipped_count": 2, "error_count": 0}
    server.script(VIP, *shown(facts(), facts(last_job_result=counts)))
    server.script(USERS, TAKEN)
    assert purchasely.push(AUDIENCE, ADD) == Receipt(unnamed_rejections=2)
    assert methods(server) == "GET POST GET"


def test_a_job_that_leaves_no_trace(server: ScriptedServer, purchasely: Purchasely) -> None:
    """An audience that stays ready as it was counts as done after some reads; old counts are not ours."""
    old = {"processed_count": 0, "skipped_count": 9, "error_count": 0}
    server.script(VIP, *shown(facts(last_job_result=old)))
    server.script(USERS, TAKEN)
    assert purchasely.push(AUDIENCE, ADD) == Receipt()
    assert len(server.calls(VIP)) == 1 + QUIET_READS


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (facts(), facts("failed", last_job_result=COUNTS), "2 processed, 0 skipped, 0 with errors"),
        (facts(), facts("failed"), "0 processed"),
        (facts("failed"), facts("failed", synced=2), "failed to carry it out"),
        (facts("failed"), facts("failed"), "failed to carry it out"),
    ],
)
def test_a_job_that_fails(
    server: ScriptedServer, purchasely: Purchasely, before: Any, after: Any, message: str
) -> None:
    """It is not sent again in this run, and the message has its counts, if there are any."""
    server.script(VIP, *shown(before, after))
    server.script(USERS, TAKEN)
    with pytest.raises(UnavailableError, match=message):
        purchasely.push(AUDIENCE, ADD)
    assert len(server.calls(USERS)) == 1


def test_an_audience_that_failed_before(server: ScriptedServer, purchasely: Purchasely) -> None:
    """It takes the next job as any other."""
    server.script(VIP, *shown(facts("failed"), facts()))
    server.script(USERS, TAKEN)
    assert purchasely.push(AUDIENCE, ADD) == Receipt()


@pytest.mark.parametrize("reads", ["p", "rp"])
@pytest.mark.parametrize("status", ["processing", "queued", None])
def test_a_job_without_an_end(
    server: ScriptedServer, connect: Callable[..., Purchasely], reads: str, status: str | None
) -> None:
    """Somebody else's or ours, whatever its status: the run goes on without it."""
    states = [facts(status or "") if one == "p" else STATES[one] for one in reads]
    server.script(VIP, *shown(*states))
    server.script(USERS, TAKEN)
    with pytest.raises(UnavailableError, match=r"after 0\.05 seconds \(mutation_seconds\)"):
        connect(mutation_seconds=0.05).push(AUDIENCE, ADD)


# Finding and making


def test_another_type_of_identifier(server: ScriptedServer, purchasely: Purchasely) -> None:
    """Nothing is sent to, or read from, an audience that knows people by something else."""
    server.script(VIP, *shown(facts(identifier_type="anonymous_id")))
    server.script(BASE, listed("vip"))
    calls: list[Callable[[], object]] = [
        lambda: purchasely.push(AUDIENCE, ADD),
        lambda: purchasely.push_together(AUDIENCE, REMOVE, ADD),
        lambda: list(purchasely.members(AUDIENCE, "user_id")),
        lambda: purchasely.find(WANTED, "vip"),
    ]
    for call in calls:
        with pytest.raises(RefusedError, match=r"by anonymous_id.*another audience\.vendor_id"):
            call()
    assert {seen.method for seen in server.seen} == {"GET"}


def test_an_audience_that_does_not_tell_its_type(server: ScriptedServer, purchasely: Purchasely) -> None:
    """It has the documented default."""
    server.script(VIP, *shown({"status": "ready"}, facts()))
    server.script(BASE, listed("vip"))
    assert purchasely.find(WANTED, None) == Audience("vip", "vip")


def test_an_archived_audience_that_is_still_shown(server: ScriptedServer, purchasely: Purchasely) -> None:
    """Only the list tells what is archived: it is not found, and may still have its key."""
    taken = Reply(422, failure("VALIDATION_FAILED", "Vendor has already been taken"))
    server.script(VIP, *shown(STATES["r"]))
    server.script(BASE, listed("other"), taken, listed("other"))
    assert purchasely.find(WANTED, "vip") is None
    with pytest.raises(RefusedError, match=r"already been taken.*archived.*another audience\.vendor_id"):
        purchasely.create(WANTED)


def test_every_page_of_the_list(server: ScriptedServer, purchasely: Purchasely) -> None:
    """Pages are read until one is not full, and what they told is not asked again."""
    full = [f"other_{number}" for number in range(50)]
    server.script(BASE, listed(*full[:25]), listed(*full[25:]), listed("vip"))
    for key in ("vip", "other_7", "other_30"):
        server.script(f"{BASE}/{key}", *shown(STATES["r"]))
        assert purchasely.find(WANTED, key)
    assert [seen.query for seen in server.calls(BASE)] == ["page=1", "page=2", "page=3"]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(422, failure("VALIDATION_FAILED")),
        Reply(409, failure("CONFLICT")),
        Reply(500),
        Reply(200, b"<html>"),
        Reply(fault="reset"),
        Reply(201, {"custom_audience": facts()}, fault="truncate"),
    ],
    ids=repr,
)
def test_the_audience_that_turns_out_to_be_there(
    server: ScriptedServer, purchasely: Purchasely, reply: Reply
) -> None:
    """A key that somebody just took, or a lost answer: what is there now is returned, made once."""
    server.script(BASE, reply, listed("vip"))
    server.script(VIP, *shown(STATES["r"]))
    assert purchasely.create(WANTED) == AUDIENCE
    assert methods(server) == "POST GET GET"


def test_a_lost_creation_that_did_not_happen(server: ScriptedServer, purchasely: Purchasely) -> None:
    """Where none is there after a lost answer, it is made again, a few times."""
    server.script(VIP, Reply(404, failure(GONE)))
    server.script(BASE, Reply(500), Reply(fault="reset"), Reply(201, {"custom_audience": facts()}))
    assert purchasely.create(WANTED) == AUDIENCE
    server.script(BASE, Reply(500))
    with pytest.raises(UnavailableError):
        purchasely.create(WANTED)
    assert len(server.calls(BASE)) == 6


@pytest.mark.parametrize(
    ("reply", "error", "message"),
    [
        (Reply(422, failure("VALIDATION_FAILED", "Too long", "So")), RefusedError, "Too long; So.*vendor_id"),
        (Reply(403, failure("FEATURE_NOT_ENABLED")), AccessError, "Ask Purchasely to enable"),
        (Reply(404, b"<html>"), RefusedError, "check base_url and app_id"),
        (Reply(401), AuthenticationError, "Check api_key"),
    ],
)  # fmt: skip
def test_an_audience_that_cannot_be_made(
    server: ScriptedServer, purchasely: Purchasely, reply: Reply, error: type[Exception], message: str
) -> None:
    """The message says why, with Purchasely's own words."""
    server.script(VIP, Reply(404, failure(GONE)))
    server.script(BASE, reply)
    with pytest.raises(error, match=message):
        purchasely.create(WANTED)


@pytest.mark.parametrize(("status", "code"), [(404, GONE), (422, "VALIDATION_FAILED")])
def test_archiving_what_is_archived(
    server: ScriptedServer, purchasely: Purchasely, status: int, code: str
) -> None:
    """However it is refused, an audience that is not in the list is archived already."""
    server.script(VIP, *shown(STATES["r"]), Reply(status, failure(code)))
    server.script(BASE, listed())
    purchasely.delete(AUDIENCE)
    server.script(VIP, *shown(STATES["r"]), Reply(422, failure("VALIDATION_FAILED")))
    server.script(BASE, listed("vip"))
    with pytest.raises(RefusedError, match="VALIDATION_FAILED"):
        purchasely.delete(AUDIENCE)


def test_an_audience_that_is_gone(server: ScriptedServer, purchasely: Purchasely) -> None:
    """Each call says so; finding it finds nothing."""
    server.script(VIP, Reply(404, failure(GONE)))
    calls: list[Callable[[], object]] = [
        lambda: purchasely.push(AUDIENCE, ADD),
        lambda: purchasely.push_together(AUDIENCE, REMOVE, ADD),
        lambda: purchasely.clear(AUDIENCE),
        lambda: purchasely.size(AUDIENCE),
        lambda: list(purchasely.members(AUDIENCE, "user_id")),
    ]
    for call in calls:
        with pytest.raises(AudienceGoneError, match=r"\(vip\) is no longer there.*sync again"):
            call()
    assert purchasely.find(WANTED, None) is None


def test_an_address_where_nothing_is(server: ScriptedServer, purchasely: Purchasely) -> None:
    """It is not taken for an audience that is gone: another would be made."""
    with pytest.raises(RefusedError, match="check base_url and app_id"):
        purchasely.find(WANTED, None)


# Reading back


def page(*users: Any, cursor: Any = None, warning: str | None = None) -> Reply:
    """Answer a list of users; a cursor means that there are more."""
    more = {"next_cursor": cursor, "has_more": cursor is not None, "warning": warning}
    return Reply(200, {"users": list(users), **more})


def test_members_page_by_page(server: ScriptedServer, purchasely: Purchasely) -> None:
    """Pages follow the cursor, and numbers come back as the text that was sent."""
    server.script(VIP, *shown(STATES["r"]))
    server.script(USERS, page("a", 2, cursor="2"), page("ü&=", cursor="ü&="), page())
    assert list(purchasely.members(AUDIENCE, "user_id")) == [["a", "2"], ["ü&="], []]
    assert [seen.query for seen in server.calls(USERS)] == [
        "limit=10000",
        "limit=10000&cursor=2",
        "limit=10000&cursor=%C3%BC%26%3D",
    ]


def test_a_list_while_a_job_is_under_way(server: ScriptedServer, purchasely: Purchasely) -> None:
    """An empty page with a warning is no empty audience: the page is asked for again."""
    busy = page(warning="Custom audience is currently being updated")
    server.script(VIP, *shown(STATES["r"]))
    server.script(USERS, busy, busy, page("a", cursor="a"), busy, page("b", warning="Something else"))
    assert list(purchasely.members(AUDIENCE, "user_id")) == [["a"], ["b"]]


def test_a_list_of_audiences_that_repeats(server: ScriptedServer, purchasely: Purchasely) -> None:
    """A page that brings nothing new ends the list, should the number of the page not matter there."""
    server.script(VIP, *shown(STATES["r"]))
    server.script(BASE, listed(*(f"other_{number}" for number in range(25))))
    assert purchasely.find(WANTED, None) is None
    assert len(server.calls(BASE)) == 2


def test_a_list_that_stays_empty(server: ScriptedServer, connect: Callable[..., Purchasely]) -> None:
    """A job without an end is an error, and nobody is taken for gone."""
    server.script(VIP, *shown(STATES["r"]))
    server.script(USERS, page(warning="Custom audience is currently being updated"))
    with pytest.raises(UnavailableError, match="mutation_seconds"):
        list(connect(mutation_seconds=0.05).members(AUDIENCE, "user_id"))


@pytest.mark.parametrize("cursor", [None, "a"])
def test_a_list_that_breaks_off(server: ScriptedServer, purchasely: Purchasely, cursor: Any) -> None:
    """More without a new cursor is an error, and neither an end nor a loop."""
    server.script(VIP, *shown(STATES["r"]))
    more = {"users": ["b"], "has_more": True, "next_cursor": cursor}
    server.script(USERS, page("a", cursor="a"), Reply(200, more))
    with pytest.raises(UnavailableError, match="breaks off"):
        list(purchasely.members(AUDIENCE, "user_id"))


def test_nobody_is_named(
    server: ScriptedServer, purchasely: Purchasely, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither what Purchasely says of a request nor the cursor of a list is in an error or a log."""
    caplog.set_level(logging.DEBUG)
    said = Reply(422, failure("VALIDATION_FAILED", "cust-1 is wrong"))
    server.script(VIP, *shown(STATES["r"]))
    server.script(USERS, page("cust-1", cursor="cust-1"), said)
    errors = []
    for call in (
        lambda: list(purchasely.members(AUDIENCE, "user_id")),
        lambda: purchasely.push(AUDIENCE, ADD),
    ):
        with pytest.raises(RefusedError) as caught:
            call()
        errors.append(str(caught.value))
    told = "\n".join((*errors, *(f"{record.getMessage()} {record.args}" for record in caplog.records)))
    assert "GET /client/mobile_applications/app_1/custom_audiences/vip" in told
    assert "cust-1" not in told
    assert "s3cr3t" not in told


# Settings


def test_the_check_counts_what_is_there(server: ScriptedServer, purchasely: Purchasely) -> None:
    """A page that is full may not be all."""
    server.script(BASE, listed("vip"))
    (line,) = purchasely.check().lines
    assert line == "The key is good for the app app_1, which has Custom Audiences: 1 so far."
    server.script(BASE, listed(*["other"] * 25))
    assert "25 or more" in purchasely.check().lines[0]


@pytest.mark.parametrize(
    ("code", "message"), [("FORBIDDEN", "check app_id"), ("FEATURE_NOT_ENABLED", "Ask Purchasely")]
)
def test_the_check_tells_permissions_apart(
    server: ScriptedServer, purchasely: Purchasely, code: str, message: str
) -> None:
    """Another app's key and an option that is not paid for are different things to do."""
    server.script(BASE, Reply(403, failure(code)))
    result = purchasely.check()
    assert not result.passed
    assert message in result.lines[0]


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("VIP customers", "vip_customers"),
        ("Élève: Zürich / été!", "eleve_zurich_ete"),
        ("a-b_c", "a-b_c"),
        ("__x__", "x"),
        ("x" * 70, "x" * 64),
        ("x" * 63 + " y", "x" * 63),
        ("顧客", "audience_40b3e4e1be19ea23"),
    ],
)
def test_keys_are_made_of_names(name: str, key: str) -> None:
    """Small letters, digits, dash and underscore, at most 64; where none is left, a hash of the name."""
    assert slug(name) == key
    assert Purchasely.AudienceSettings(name=name, vendor_id=key)


def test_what_makes_an_audience_one() -> None:
    """The key does, whatever the label; it is unique in an app."""
    one, same = (Purchasely.AudienceSettings(name=name) for name in ("VIP", "vip "))
    named = Purchasely.AudienceSettings(name="Other", vendor_id="vip")
    tied = Purchasely.AudienceSettings(name="Other", remote_id="vip")
    identities = {Purchasely.identity(settings(), wanted) for wanted in (one, same, named, tied)}
    assert identities == {("purchasely", "api.purchasely.io", "app_1", "vip")}
    assert Purchasely.identity(settings(app_id="app_2"), one) not in identities
    assert "s3cr3t" not in repr((settings(), identities))


def test_the_key_stays_as_it_was_made(purchasely: Purchasely) -> None:
    """A new name is not a new audience, but another vendor_id or remote_id is."""
    other = Purchasely.AudienceSettings(name="Lapsed")
    assert purchasely.can_be(other, "vip")
    assert purchasely.can_be(WANTED, "vip")
    assert not purchasely.can_be(WANTED, "other")
    assert not purchasely.can_be(Purchasely.AudienceSettings(name="VIP", remote_id="other"), "vip")


def test_two_keys_for_one_audience() -> None:
    """A vendor_id to make and another remote_id that exists contradict each other."""
    both = WANTED.model_copy(update={"remote_id": "other"})
    assert "names two audiences" in Purchasely.check_audience(settings(), both, {})[0]
    for fine in (WANTED, both.model_copy(update={"remote_id": "vip"}), Purchasely.AudienceSettings(name="V")):
        assert not Purchasely.check_audience(settings(), fine, {})


def test_the_type_follows_from_the_mapping() -> None:
    """It need not be set, and another one than that which is mapped is refused before anything is made."""
    for kind in ("user_id", "anonymous_id"):
        mapping = {kind: "column"}
        wanted = Purchasely.AudienceSettings(name="VIP", **Purchasely.audience_defaults(mapping))
        assert wanted.identifier_type == kind
        assert not Purchasely.check_audience(settings(), wanted, mapping)
    (problem,) = Purchasely.check_audience(settings(), wanted, {"user_id": "column"})
    assert "has identifier_type anonymous_id, but user_id is mapped" in problem
    assert not Purchasely.audience_defaults({"email": "column"})
    assert not Purchasely.check_audience(settings(), wanted, {"email": "column"})


@pytest.mark.parametrize(
    "wrong",
    [
        {"api_key": ""},
        {"app_id": ""},
        {"app_id": "app/1"},
        {"base_url": "api.purchasely.io"},
        {"requests_per_minute": 0},
        {"mutation_seconds": 0},
        {"appid": "1"},
    ],
)
def test_wrong_settings_are_refused_unseen(wrong: dict[str, Any]) -> None:
    """Each names its key, and none repeats what it was given."""
    with pytest.raises(ValidationError, match=next(iter(wrong))) as caught:
        settings(**wrong)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("key", ["", "a/b", "..", ".a", " a", "a\n", "a\tb", "x" * 256])
def test_keys_that_would_lead_elsewhere(key: str) -> None:
    """A key that changes the path of a request is refused, whoever chose it."""
    for name in ("vendor_id", "remote_id"):
        with pytest.raises(ValidationError, match=name):
            Purchasely.AudienceSettings(name="VIP", **{name: key})


def test_numbers_are_keys_too() -> None:
    """YAML reads digits as a number."""
    assert Purchasely.AudienceSettings(name="VIP", vendor_id=42).vendor_id == "42"  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", [USER_ID, ANONYMOUS_ID])
def test_identifiers_that_may_be_sent(kind: Any) -> None:
    """Ids keep their case; what Purchasely would skip, as far as it is known, is not sent."""
    assert kind.normalise(" Cust-1\n") == "Cust-1"
    assert all(kind.is_valid(value) for value in ("1", "Ü ber", "a@b.test", "x" * 512))
    assert not any(kind.is_valid(value) for value in ("", "a\x00b", "a\tb", "a\x7f", "a\x85b", "x" * 513))
    assert not kind.hashable
