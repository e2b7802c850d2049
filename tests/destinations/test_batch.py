"""What the Batch adapter makes of every answer, and exactly what it sends."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

import pytest
from pydantic import ValidationError

from dbt_activate.delivery import Audience, Confirmation, Delivery, Operation, Receipt
from dbt_activate.destinations.batch import Batch
from dbt_activate.errors import (
    AudienceGoneError,
    AuthenticationError,
    DestinationError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.http.answer import RefusedAnswerError
from dbt_activate.problems import describe
from dbt_activate.throttle import Retry, Throttles
from tests.destinations.scripted_server import Reply, ScriptedServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CALLS = "/2.11/audiences"
CREATE, UPDATE, REPLACE, REMOVE = (f"{CALLS}/{call}" for call in ("create", "update", "replace", "remove"))
VIEW, LIST = f"{CALLS}/view", f"{CALLS}/list"
AUDIENCE = Audience("vip", "VIP customers")
WANTED = Batch.AudienceSettings(name="VIP customers", description="Spenders", api_name="vip")
ADD = Delivery(1, Operation.ADD, "customer_id", ("c1", "c2"))
LEAVE = Delivery(2, Operation.REMOVE, "customer_id", ("c9",))
GONE = Reply(404, {"error_code": "NOT_FOUND", "error_message": "No audience vip"})


def settings(**more: Any) -> Any:
    """Make the settings of a destination."""
    needed = {"type": "batch", "targets": ("prod",), "rest_api_key": "s3cr3t", "project_key": "project_01abc"}
    return Batch.Settings(**(needed | more))


@pytest.fixture
def throttles() -> Throttles:
    """The waits of a run, a thousand times as short."""
    return Throttles(
        Retry(attempts=4, first_wait_seconds=0.001, total_seconds=10.0, poll_seconds=(0.001, 0.002, 0.2))
    )


@pytest.fixture
def batch(server: ScriptedServer, throttles: Throttles) -> Iterator[Batch]:
    """The adapter, talking to the scripted server, which has the audience."""
    server.script(VIEW, shown())
    made = Batch(settings(base_url=server.url, requests_per_second=None, confirm_seconds=0.3), throttles)
    yield made
    made.close()


def token(text: str = "t1", **more: Any) -> Reply:
    """Accept a change."""
    return Reply(202, {"indexing_token": text, **more})


def shown(**more: Any) -> Reply:
    """Show the audience."""
    facts = {"name": "vip", "display_name": "VIP customers", "type": "CUSTOM_ID", "nb_ids": 2}
    return Reply(200, facts | {"indexing_state": "APPLIED"} | more)


def error(code: str = "MALFORMED_PARAMETER") -> dict[str, Any]:
    """Write an error as other clients have read it, quoting what was sent."""
    return {"error_code": code, "error_message": "Invalid id c1"}


CALLED: dict[str, tuple[str, Callable[[Batch], object]]] = {
    "push": (UPDATE, lambda batch: batch.push(AUDIENCE, ADD)),
    "create": (CREATE, lambda batch: batch.create(WANTED)),
    "find": (VIEW, lambda batch: batch.find(WANTED, None)),
}
DONE = Receipt(reference="t1")
ROWS: list[tuple[str, Reply, object, int]] = [
    ("push", Reply(400, error()), RefusedAnswerError, 1),
    ("create", Reply(400, error()), AUDIENCE, 1),
    ("push", Reply(401, error()), AuthenticationError, 1),
    ("push", Reply(403, error()), AuthenticationError, 1),
    ("find", GONE, None, 1),
    ("push", Reply(413), Receipt(reference="t1 t1"), 3),
    ("push", Reply(429, error()), DONE, 2),
    ("push", Reply(500, error()), DONE, 2),
    ("push", Reply(502, b"<html>"), DONE, 2),
    ("push", Reply(504), DONE, 2),
    ("push", Reply(fault="reset"), DONE, 2),
    ("push", Reply(503, error()), DONE, 2),
]
"""What Batch answers once, before all is well again; what becomes of it; and in how many requests."""


@pytest.mark.parametrize(("call", "reply", "outcome", "sent"), ROWS)
def test_every_kind_of_failure(
    server: ScriptedServer, batch: Batch, call: str, reply: Reply, outcome: object, sent: int
) -> None:
    """Each is either final at once, or got over."""
    path, do = CALLED[call]
    server.script(path, reply, token())
    try:
        found: object = do(batch)
    except DestinationError as failure:
        found = type(failure)
    assert (found, len(server.calls(path))) == (outcome, sent)


FINAL: list[tuple[int, Any, type[DestinationError], str]] = [
    (400, error(), RefusedAnswerError, r"update with 400: MALFORMED_PARAMETER\.$"),
    (400, {"code": 31, "message": "Invalid id c1"}, RefusedAnswerError, r"with 400: 31\.$"),
    (400, {"error_code": "no id c1"}, RefusedAnswerError, r"with 400\.$"),
    (400, {"error": {"id": "c1"}}, RefusedAnswerError, r"with 400\.$"),
    (400, b"Invalid id c1", RefusedAnswerError, r"with 400\.$"),
    (400, ["c1"], RefusedAnswerError, r"with 400\.$"),
    (401, error("AUTHENTICATION_INVALID"), AuthenticationError, "401: AUTHENTICATION_INVALID.*project_key"),
    (403, error("API_MISUSE"), AuthenticationError, "403: API_MISUSE.*rest_api_key and project_key"),
    (404, error("ROUTE_NOT_FOUND"), RefusedAnswerError, "404.*check base_url and api_version"),
]
PASSING: list[tuple[int, Any, str]] = [
    (429, error("TOO_MANY_REQUESTS"), "TOO_MANY_REQUESTS"),
    (429, b"Too Many Requests", "429"),
    (500, error("SERVER_ERROR"), "SERVER_ERROR"),
    (502, b"<html>", "502"),
    (504, None, "504"),
    (503, error("MAINTENANCE_ERROR"), "under maintenance"),
    (200, b"<html>please log in</html>", "is not JSON"),
    (202, {}, "no answer of Batch's"),
    (202, None, "no answer of Batch's"),
]


@pytest.mark.parametrize(("status", "body", "kind", "message"), FINAL)
def test_an_answer_that_is_final(
    server: ScriptedServer, batch: Batch, status: int, body: Any, kind: type[Exception], message: str
) -> None:
    """Each failure that will not pass is its own error, sent once; what may quote an id is not repeated."""
    server.script(UPDATE, Reply(status, body))
    with pytest.raises(kind, match=message) as caught:
        batch.push(AUDIENCE, ADD)
    assert "c1" not in str(caught.value)
    assert len(server.calls(UPDATE)) == 1


@pytest.mark.parametrize("status", [400, 404])
def test_a_change_of_an_audience_that_is_gone(server: ScriptedServer, batch: Batch, status: int) -> None:
    """Batch has no code for it: whoever is refused looks whether the audience is there."""
    server.script(VIEW, GONE)
    for path in (UPDATE, REPLACE):
        server.script(path, Reply(status, error()))
    for call in (
        lambda: batch.push(AUDIENCE, ADD),
        lambda: batch.clear(AUDIENCE),
        lambda: batch.size(AUDIENCE),
    ):
        with pytest.raises(AudienceGoneError, match=r"'VIP customers' \(vip\) is no longer there"):
            call()


@pytest.mark.parametrize(("status", "body", "message"), PASSING)
def test_an_answer_that_may_pass(
    server: ScriptedServer, batch: Batch, status: int, body: Any, message: str
) -> None:
    """Each failure that may pass is tried again, and ends as "run again later"."""
    server.script(UPDATE, Reply(status, body), Reply(status, body), token())
    assert batch.push(AUDIENCE, ADD) == Receipt(reference="t1")
    server.script(UPDATE, Reply(status, body))
    with pytest.raises(UnavailableError, match=f"{message}.*Tried 4 times"):
        batch.push(AUDIENCE, ADD)


@pytest.mark.parametrize("fault", ["reset", "truncate"])
def test_a_network_that_fails(server: ScriptedServer, batch: Batch, fault: Any) -> None:
    """A lost answer is asked for again: carrying a change out twice ends as once."""
    server.script(UPDATE, Reply(202, {"indexing_token": "lost"}, fault=fault), token())
    assert batch.push(AUDIENCE, ADD).reference == "t1"


def test_a_request_that_is_too_large(server: ScriptedServer, batch: Batch) -> None:
    """A 413 halves requests until they fit; later ones start there; all tokens are kept."""
    delivery = Delivery(1, Operation.ADD, "customer_id", [f"c{n}" for n in range(10)])
    server.script(UPDATE, Reply(413), Reply(413), *[token(f"t{n}") for n in range(10)])
    assert batch.push(AUDIENCE, delivery).reference == "t0 t1 t2 t3 t4"
    batch.push(AUDIENCE, delivery)
    assert [len(sent.body["ids"]) for sent in server.calls(UPDATE)] == [10, 5, *[2] * 10]
    server.script(UPDATE, Reply(413))
    with pytest.raises(RefusedError, match="413"):
        batch.push(AUDIENCE, LEAVE)


@pytest.mark.parametrize(("status", "pause"), [(429, 3), (503, 15)])
def test_pauses_that_batch_does_not_name(server: ScriptedServer, status: int, pause: int) -> None:
    """A few first waits above the rate limit, more during maintenance, for everybody of the project."""
    patient = Throttles(Retry(attempts=2, first_wait_seconds=0.02, total_seconds=10.0))
    batch = Batch(settings(base_url=server.url, requests_per_second=None), patient)
    server.script(UPDATE, Reply(status))
    with pytest.raises(UnavailableError) as caught:
        batch.push(AUDIENCE, ADD)
    assert caught.value.retry_after == pytest.approx(pause * 0.02)
    server.script(UPDATE, Reply(status, headers={"Retry-After": "0"}))
    with pytest.raises(UnavailableError) as caught:
        batch.push(AUDIENCE, ADD)
    assert caught.value.retry_after == 0
    batch.close()


@pytest.mark.parametrize(("operation", "action"), [(Operation.ADD, "add"), (Operation.REMOVE, "remove")])
def test_the_request_of_a_delivery(
    server: ScriptedServer, batch: Batch, operation: Operation, action: str
) -> None:
    """Both keys in their headers; each id is a text with an action beside it."""
    server.script(UPDATE, token())
    batch.push(AUDIENCE, Delivery(1, operation, "customer_id", ("c1", "c2")))
    (sent,) = server.seen
    assert (sent.method, sent.path) == ("POST", UPDATE)
    assert sent.body == {
        "name": "vip",
        "ids": [{"action": action, "id": "c1"}, {"action": action, "id": "c2"}],
    }
    headers = [sent.headers.get(name) for name in ("Authorization", "X-Batch-Project", "Content-Type")]
    assert headers == ["Bearer s3cr3t", "project_01abc", "application/json"]
    assert "X-Authorization" not in sent.headers


def test_removals_and_additions_together(server: ScriptedServer, batch: Batch) -> None:
    """They share one request, removals first, and its token."""
    server.script(UPDATE, token())
    assert batch.push_together(AUDIENCE, LEAVE, ADD) == (Receipt(reference="t1"), Receipt(reference="t1"))
    (sent,) = server.seen
    assert [(item["action"], item["id"]) for item in sent.body["ids"]] == [
        ("remove", "c9"),
        ("add", "c1"),
        ("add", "c2"),
    ]


def test_a_shared_request_that_is_too_large(server: ScriptedServer, batch: Batch) -> None:
    """It is halved as others are, and each id keeps its action."""
    server.script(UPDATE, Reply(413), token("t1"), token("t2"), token("t3"))
    removed, added = batch.push_together(AUDIENCE, LEAVE, ADD)
    assert removed.reference == added.reference == "t1 t2 t3"
    assert [sent.body["ids"][0]["action"] for sent in server.calls(UPDATE)[1:]] == ["remove", "add", "add"]


def test_ids_that_were_not_taken(server: ScriptedServer, batch: Batch) -> None:
    """Errors inside a 202, which only the profile API documents, are counted once."""
    partly = token(code="SUCCESS_WITH_PARTIAL_ERRORS", errors=[{"bulk_index": 1, "reason": "c2 is wrong"}])
    server.script(UPDATE, partly)
    assert batch.push(AUDIENCE, ADD) == Receipt(unnamed_rejections=1, reference="t1")
    removed, added = batch.push_together(AUDIENCE, LEAVE, ADD)
    assert (removed.unnamed_rejections, added.unnamed_rejections) == (0, 1)


def test_ids_that_were_not_taken_for_several_reasons(server: ScriptedServer, batch: Batch) -> None:
    """No more are counted than were sent, however many errors there are."""
    server.script(UPDATE, token(errors=[{"bulk_index": 1, "reason": reason} for reason in "abc"]))
    assert batch.push(AUDIENCE, ADD).unnamed_rejections == 1
    server.script(UPDATE, token(errors=["a", "b", "c"]))
    assert batch.push(AUDIENCE, ADD).unnamed_rejections == 2


def test_finding(server: ScriptedServer, batch: Batch) -> None:
    """An audience is asked for by its API name, and described by its display name, if it has one."""
    server.script(VIEW, shown(), shown(display_name=None, type=None), GONE)
    assert batch.find(WANTED, None) == AUDIENCE
    assert batch.find(WANTED, "old_vip") == Audience("vip", "vip")
    assert batch.find(WANTED, None) is None
    assert [(sent.method, sent.query) for sent in server.calls(VIEW)] == [
        ("GET", "name=vip"),
        ("GET", "name=old_vip"),
        ("GET", "name=vip"),
    ]


@pytest.mark.parametrize("held", ["EMAIL", "INSTALL_ID", "something_new"])
def test_an_audience_of_another_type(server: ScriptedServer, batch: Batch, held: str) -> None:
    """One that holds no custom user ids is in the way of its name, also of a creation."""
    server.script(VIEW, shown(type=held))
    server.script(CREATE, Reply(400, error()))
    for call in (lambda: batch.find(WANTED, None), lambda: batch.create(WANTED)):
        with pytest.raises(RefusedError, match=f"'vip' of project project_01abc.*{held.upper()}"):
            call()


def test_the_request_that_makes_an_audience(server: ScriptedServer, batch: Batch) -> None:
    """API name, display name and type; it is returned once it is shown, which may take a moment."""
    server.script(CREATE, token())
    server.script(VIEW, GONE, GONE, shown(nb_ids=0))
    assert batch.create(WANTED) == AUDIENCE
    assert server.calls(CREATE)[0].body == {
        "name": "vip",
        "display_name": "VIP customers",
        "type": "custom_ids",
    }
    assert len(server.calls(VIEW)) == 3


def test_an_audience_that_does_not_show(server: ScriptedServer, batch: Batch) -> None:
    """What was accepted is believed to be there after a while, whatever is shown."""
    server.script(CREATE, token())
    server.script(VIEW, GONE)
    assert batch.create(WANTED) == AUDIENCE


@pytest.mark.parametrize(
    "first", [Reply(500), Reply(fault="reset"), Reply(202, {"indexing_token": "t"}, {}, "truncate")], ids=repr
)
@pytest.mark.parametrize("status", [400, 409])
def test_the_audience_that_turns_out_to_be_there(
    server: ScriptedServer, batch: Batch, status: int, first: Reply
) -> None:
    """A name that is taken by then, perhaps by ourselves: what is there is returned, once it is shown."""
    server.script(CREATE, first, Reply(status, error("ALREADY_EXISTS")))
    server.script(VIEW, GONE, shown(display_name="Theirs"))
    assert batch.create(WANTED) == Audience("vip", "Theirs")


@pytest.mark.parametrize(
    ("status", "kind", "message"),
    [
        (400, RefusedError, "400: MALFORMED_PARAMETER: Invalid display_name"),
        (401, AuthenticationError, "Settings > General"),
        (404, RefusedError, "check base_url and api_version"),
        (503, UnavailableError, "under maintenance"),
    ],
)
def test_an_audience_that_cannot_be_made(
    server: ScriptedServer, batch: Batch, status: int, kind: type[Exception], message: str
) -> None:
    """The message says why, with Batch's own words where no person is in them."""
    body = {"error_code": "MALFORMED_PARAMETER", "error_message": "Invalid display_name"}
    server.script(CREATE, Reply(status, body))
    server.script(VIEW, GONE)
    with pytest.raises(kind, match=message):
        batch.create(WANTED)


def asked(server: ScriptedServer) -> list[str]:
    """Return the tokens that were asked about, in order."""
    queries = [dict(parse_qsl(sent.query)) for sent in server.calls(VIEW)]
    return [query.get("indexing_token", "") for query in queries]


def test_the_latest_change_is_asked_about_first(server: ScriptedServer, batch: Batch) -> None:
    """One that is not applied lets the others go first; each token is asked about until it is applied."""
    server.script(VIEW, shown(indexing_state="IN_PROGRESS"), shown(), shown(), shown(), shown())
    assert batch.confirm(AUDIENCE, ["t1", "t2 t3", "t4", "t4"]) == Confirmation()
    assert asked(server) == ["t4", "t3", "t2", "t1", "t4"]


@pytest.mark.parametrize("word", ["IN_PROGRESS", "IN_PROCESS", "in_progress", None])
def test_changes_that_are_not_applied(server: ScriptedServer, batch: Batch, word: str | None) -> None:
    """However Batch spells it, it is waited for as long as the settings say, and counted by delivery."""
    server.script(VIEW, shown(), shown(indexing_state=word))
    assert batch.confirm(AUDIENCE, ["t1", "t2 t3", "t4"]) == Confirmation(unconfirmed=2)


def test_members_that_somebody_replaced(server: ScriptedServer, batch: Batch) -> None:
    """A change that was replaced is over, and the note says what to do."""
    server.script(VIEW, shown(), shown(indexing_state="REPLACED"))
    confirmation = batch.confirm(AUDIENCE, ["t1", "t2"])
    assert confirmation.unconfirmed == 0
    assert "Somebody replaced the members of 'VIP customers'" in confirmation.note


def test_an_audience_that_is_fresh(server: ScriptedServer, batch: Batch) -> None:
    """A 404 for a token is not believed at first."""
    server.script(VIEW, GONE, GONE, shown())
    assert batch.confirm(AUDIENCE, ["t1"]) == Confirmation()


def test_an_audience_that_vanished_before_it_was_confirmed(
    server: ScriptedServer, throttles: Throttles
) -> None:
    """A 404 that stays is believed, once it comes without a token, too."""
    batch = Batch(settings(base_url=server.url, requests_per_second=None), throttles)
    server.script(VIEW, GONE)
    with pytest.raises(AudienceGoneError):
        batch.confirm(AUDIENCE, ["t1"])
    assert asked(server)[-2:] == ["t1", ""]
    batch.close()


def test_no_wish_to_wait(server: ScriptedServer, throttles: Throttles) -> None:
    """With 0 seconds nothing is asked, and everything said to be unconfirmed."""
    batch = Batch(settings(base_url=server.url, confirm_seconds=0), throttles)
    confirmation = batch.confirm(AUDIENCE, ["t1", "t2"])
    assert (confirmation.unconfirmed, server.seen) == (2, [])
    assert "confirm_seconds is 0" in confirmation.note


@pytest.mark.parametrize(("count", "size"), [(12, 12), (0, 0), (None, None)])
def test_the_size(server: ScriptedServer, batch: Batch, count: int | None, size: int | None) -> None:
    """Batch's count, or None where it keeps it to itself."""
    server.script(VIEW, shown(nb_ids=count))
    assert batch.size(AUDIENCE) == size


def test_clearing_in_one_call(server: ScriptedServer, batch: Batch) -> None:
    """Everybody is replaced by nobody, and it returns once that is applied."""
    server.script(REPLACE, token("t7"))
    server.script(VIEW, shown(indexing_state="IN_PROGRESS"), shown(nb_ids=0))
    batch.clear(AUDIENCE)
    assert server.calls(REPLACE)[0].body == {"name": "vip", "ids": []}
    assert asked(server) == ["t7", "t7", ""]


def test_clearing_where_nobody_is_not_taken(server: ScriptedServer, batch: Batch) -> None:
    """The audience is deleted, and made anew under the same names once it is gone."""
    server.script(REPLACE, Reply(400, error()))
    server.script(REMOVE, token("t8"))
    server.script(CREATE, token("t9"))
    server.script(VIEW, shown(), shown(), GONE, shown(nb_ids=0))
    batch.clear(AUDIENCE)
    assert server.calls(REMOVE)[0].body == {"name": "vip"}
    assert server.calls(CREATE)[0].body["display_name"] == "VIP customers"


@pytest.mark.parametrize(
    ("replaced", "state", "word"), [(400, "APPLIED", "deletion"), (202, "IN_PROGRESS", "clearing")]
)
def test_clearing_that_does_not_end(
    server: ScriptedServer, batch: Batch, replaced: int, state: str, word: str
) -> None:
    """What comes next must not be overtaken: it is an error, and nothing is made anew."""
    server.script(REPLACE, Reply(replaced, {"indexing_token": "t7"}))
    server.script(REMOVE, token("t8"))
    server.script(VIEW, shown(indexing_state=state))
    with pytest.raises(UnavailableError, match=f"the {word} of 'VIP customers'"):
        batch.clear(AUDIENCE)
    assert server.calls(CREATE) == []


@pytest.mark.parametrize("status", [400, 404, 202])
def test_deleting(server: ScriptedServer, batch: Batch, status: int) -> None:
    """One that is gone is fine, whatever Batch says to it."""
    server.script(REMOVE, Reply(status, {"indexing_token": "t8"}))
    server.script(VIEW, GONE)
    batch.delete(AUDIENCE)
    assert len(server.calls(REMOVE)) == 1


def test_a_deletion_that_is_refused(server: ScriptedServer, batch: Batch) -> None:
    """One that is there and cannot be deleted is an error."""
    server.script(REMOVE, Reply(400, error()))
    with pytest.raises(RefusedError, match="MALFORMED_PARAMETER"):
        batch.delete(AUDIENCE)


@pytest.mark.parametrize(("count", "words"), [(7, " (audiences in it: 7)."), (None, "project_01abc.")])
def test_debug(server: ScriptedServer, batch: Batch, count: int | None, words: str) -> None:
    """One audience is asked for, and nothing changed; profiles are never touched."""
    server.script(LIST, Reply(200, {"audiences": [], "count": count, "has_more": False}))
    result = batch.check()
    assert result.passed
    assert words in result.lines[0]
    (sent,) = server.seen
    assert (sent.method, sent.path, sent.query) == ("GET", LIST, "limit=1")
    assert sent.headers["Content-Type"] == "application/json"


def test_settings_are_kept_secret() -> None:
    """A proxy's path stays, null lifts the limit, and the key is not shown."""
    read = settings(base_url="https://proxy.test/batch/", requests_per_second=None)
    assert read.base_url == "https://proxy.test/batch"
    assert Batch.account(read) == ("batch", "proxy.test", "project_01abc")
    assert "s3cr3t" not in repr(read)


@pytest.mark.parametrize(
    "wrong",
    [
        {"project_key": "s3cr3t"},
        {"project_key": "project_ s3cr3t"},
        {"rest_api_key": ""},
        {"api_version": 2.1},
        {"api_version": "v2"},
        {"base_url": "api.batch.com"},
        {"requests_per_second": 0},
        {"confirm_seconds": -1},
        {"api_key": "s3cr3t"},
    ],
)
def test_wrong_settings_are_refused_unseen(wrong: dict[str, Any]) -> None:
    """Each names its key, and none repeats what it was given."""
    with pytest.raises(ValidationError, match=next(iter(wrong))) as caught:
        settings(**wrong)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("api_name", ["vip", "VIP-2_b", "a" * 255])
def test_api_names(api_name: str) -> None:
    """What Batch takes is taken as it is: case matters."""
    assert Batch.AudienceSettings(name="x", api_name=api_name).api_name == api_name


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"name": "VIP clients"}, r"needs api_name: .*; for example VIP_clients\.$"),
        ({"name": "!!"}, r"not made from a name\.$"),
        ({"name": "x", "api_name": "vip clients"}, r"letters without accents.*; for example vip_clients\.$"),
        ({"name": "x", "api_name": "été\n"}, r"; for example t\.$"),
        ({"name": "x", "api_name": "vip\n"}, r"; for example vip\.$"),
        ({"name": "x", "api_name": "a" * 256}, r"; for example a{255}\.$"),
    ],
)
def test_an_api_name_is_asked_for(given: dict[str, str], message: str) -> None:
    """It is never made from another name, but an example is given."""
    with pytest.raises(ValidationError) as caught:
        Batch.AudienceSettings.model_validate(given)
    (found,) = describe(caught.value, Batch.AudienceSettings)
    assert re.search(message, found.message)


def test_the_api_name_is_the_audience() -> None:
    """Two activations of one API name feed one audience; another name is another one; no other id exists."""
    other = Batch.AudienceSettings(name="Other", api_name="vip", remote_id="vip")
    assert Batch.identity(settings(), WANTED) == Batch.identity(settings(), other)
    assert not Batch.check_audience(settings(), other, {})
    wrong = other.model_copy(update={"remote_id": "4711"})
    (problem,) = Batch.check_audience(settings(), wrong, {})
    assert "remote_id is '4711' and api_name is 'vip'" in problem


def test_another_api_name_is_another_audience(batch: Batch) -> None:
    """An audience is the wanted one if it has its API name, whatever it is called."""
    assert batch.can_be(WANTED, "vip")
    assert not batch.can_be(WANTED, "VIP")
