"""Channels: what real servers and programs are given, and what is said of those that are down."""

from __future__ import annotations

import json
import logging
import os
import socket
import sys
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from dbt_activate.alerts.delivering import GRACE_SECONDS, Outcome, deliver_all
from dbt_activate.alerts.message import MOST_CHANGES, Message, messages
from dbt_activate.alerts.surroundings import Surroundings
from dbt_activate.config.channels import CHANNEL_TYPES
from dbt_activate.config.notifications_file import Channel
from dbt_activate.state.alerts import AlertRecord
from tests.alerts.post_office import Letterbox, dripping_server, has_ipv6, web_server

NOON = datetime(2026, 6, 1, 12)  # noqa: DTZ001  (the state holds UTC without a zone)
RAISED = AlertRecord("criteo.vip", "held", 1, "raised", "warn", "held: <its model> failed & more", None, NOON)
OVER = AlertRecord("criteo.vip", "overdue", 2, "recovered", "error", "it was synced", 3.5, NOON)
SECRET = "T0K3N-s3cret"


def channel(kind: str, **keys: Any) -> Channel:
    """Make a channel."""
    settings = CHANNEL_TYPES[kind].model_validate({"type": kind, **keys})
    return Channel("team", settings, settings)


def letter(*records: AlertRecord) -> Message:
    """Make the one message of some changes."""
    [(_, message)] = messages(records or (RAISED, OVER), "shop", "prod")
    return message


def send(to: Channel, *several: Message, folder: Path | None = None) -> Outcome:
    """Send messages to one channel."""
    [outcome] = deliver_all([(to, several or [letter()])], Surroundings(folder or Path(), dict(os.environ)))
    return outcome


def closed_port() -> int:
    """Return a port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def test_a_webhook_of_slack_is_given_text(web: Letterbox) -> None:
    """Nothing but ``text``, in which what Slack reads as its own marks is escaped."""
    assert send(channel("slack", url=f"{web.url}/services/T1/B1/{SECRET}?thread=a b")) == Outcome(1)
    assert web.paths == [f"/services/T1/B1/{SECRET}?thread=a+b"]
    assert web.letters == [
        {
            "text": "*dbt-activate: 1 warning, 1 recovered (shop, target prod)*\n"
            "WARN criteo.vip: held: held: &lt;its model&gt; failed &amp; more (2026-06-01 12:00Z)\n"
            "RECOVERED criteo.vip: overdue: it was synced (2026-06-01 12:00Z)"
        }
    ]


def test_a_webhook_is_given_data(web: Letterbox) -> None:
    """Title, text, and each change by itself; with the headers that it needs."""
    send(channel("webhook", url=web.url, headers={"Authorization": f"Bearer {SECRET}"}))
    [given] = web.letters
    assert set(given) == {"title", "message", "type", "alerts"}
    assert given["alerts"][1] == {
        "activation": "criteo.vip",
        "warning": "overdue",
        "state": "recovered",
        "level": "error",
        "message": "it was synced",
        "figure": 3.5,
        "since": "2026-06-01T12:00:00Z",
        "project": "shop",
        "target": "prod",
    }
    assert web.headers[0]["Authorization"] == f"Bearer {SECRET}"


def test_an_address_is_kept_as_it_is(web: Letterbox) -> None:
    """Values that are empty or stand twice, and marks that are escaped, reach the server so."""
    send(channel("webhook", url=f"{web.url}/a%2Fb?sp=&step=1&step=2&sig=a%2Bb%3D"))
    assert web.paths == ["/a%2Fb?sp=&step=1&step=2&sig=a%2Bb%3D"]


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_an_address_may_be_of_ipv6() -> None:
    """Its host stands in brackets, as in every URL."""
    with web_server("::1") as box:
        assert send(channel("slack", url=f"http://[::1]:{box.port}/hook")) == Outcome(1)
    assert box.paths == ["/hook"]


@pytest.mark.parametrize("signs_in", [False, True])
def test_a_mail_is_sent_by_smtp(mail: Letterbox, signs_in: bool) -> None:
    """To everybody it is meant for, in plain text, signed in where there is a user."""
    mail.password = SECRET
    user = {"user": "robot", "password": SECRET} if signs_in else {}
    to = ["anna@shop.test", "ben@shop.test"]
    mail_channel = channel(
        "email", host="127.0.0.1", port=mail.port, security="none", sender="dbt@shop.test", to=to, **user
    )
    assert send(mail_channel) == Outcome(1)
    assert [one["To"] for one in mail.letters] == to
    assert mail.letters[0]["From"] == "dbt-activate <dbt@shop.test>"
    assert mail.letters[0]["Subject"] == "dbt-activate: 1 warning, 1 recovered (shop, target prod)"
    assert mail.letters[0].get_content_type() == "text/plain"
    assert "RECOVERED criteo.vip: overdue: it was synced" in mail.letters[0].get_content()


def test_a_command_is_handed_the_same_data(tmp_path: Path) -> None:
    """On its standard input, without a shell, in the project's folder."""
    program = "import pathlib, sys; pathlib.Path('given.json').write_text(sys.stdin.read())"
    assert send(channel("command", command=[sys.executable, "-c", program]), folder=tmp_path) == Outcome(1)
    given = json.loads((tmp_path / "given.json").read_text())
    assert set(given) == {"title", "message", "alerts"}
    assert [one["state"] for one in given["alerts"]] == ["raised", "recovered"]


def test_any_service_is_reached_by_its_url(web: Letterbox) -> None:
    """Whatever Apprise knows."""
    assert send(channel("apprise", url=f"json://127.0.0.1:{web.port}/hook")) == Outcome(1)
    assert web.letters[0]["title"] == "dbt-activate: 1 warning, 1 recovered (shop, target prod)"


def test_a_service_that_takes_short_texts_gets_several(web: Letterbox) -> None:
    """Mattermost takes 4,000 characters; a longer message would be cut, or refused for ever."""
    record = replace(RAISED, message="failed " * 20)
    url = f"mmost://127.0.0.1:{web.port}/aaaaaaaaaaaaaaaaaaaaaaaaaa"
    assert send(channel("apprise", url=url), letter(*[record] * MOST_CHANGES)) == Outcome(1)
    assert max(map(len, web.texts)) <= 4000
    assert sum(text.count("WARN criteo.vip") for text in web.texts) == MOST_CHANGES


def test_nobody_is_flooded_with_pieces(web: Letterbox) -> None:
    """What would make many messages, such as a long text by SMS, is cut to one instead."""
    record = replace(RAISED, message="failed " * 100)
    url = f"mmost://127.0.0.1:{web.port}/aaaaaaaaaaaaaaaaaaaaaaaaaa"
    assert send(channel("apprise", url=url), letter(*[record] * MOST_CHANGES)) == Outcome(1)
    [text] = web.texts
    assert len(text) <= 4000
    assert "50 warnings (shop, target prod)" in text


def test_who_wants_a_long_text_otherwise_says_so(web: Letterbox) -> None:
    """What the URL says of it holds."""
    record = replace(RAISED, message="failed " * 20)
    url = f"mmost://127.0.0.1:{web.port}/aaaaaaaaaaaaaaaaaaaaaaaaaa?overflow=upstream"
    assert send(channel("apprise", url=url), letter(*[record] * MOST_CHANGES)) == Outcome(1)
    assert len(web.texts) == 1


def test_what_is_refused_is_said_without_secrets(web: Letterbox) -> None:
    """The status is said, and of the address only what is no secret."""
    web.status = 403
    for one in (
        channel("slack", url=f"{web.url}/services/{SECRET}"),
        channel("webhook", url=f"http://me:{SECRET}@127.0.0.1:{web.port}", headers={"X-Key": SECRET}),
        channel("apprise", url=f"json://127.0.0.1:{web.port}/{SECRET}"),
    ):
        outcome = send(one)
        assert (outcome.taken, "403" in str(outcome.failure)) == (0, True)
        assert SECRET not in str(outcome.failure)
        assert SECRET not in repr(one)


def test_a_wrong_password_is_not_repeated(mail: Letterbox) -> None:
    """A mail server that refuses it is down."""
    mail.password = "another"
    keys = {
        "host": "127.0.0.1",
        "port": mail.port,
        "security": "none",
        "sender": "a@b.test",
        "to": ["a@b.test"],
    }
    outcome = send(channel("email", user="robot", password=SECRET, **keys))
    assert outcome.taken == 0
    assert outcome.failure
    assert SECRET not in outcome.failure


def test_one_address_that_is_refused_holds_no_other_up(mail: Letterbox) -> None:
    """The mail counts as taken, so that nobody gets it twice; that somebody did not get it is said."""
    mail.refused = {"gone@shop.test"}
    keys: dict[str, Any] = {"host": "127.0.0.1", "port": mail.port, "security": "none", "sender": "a@b.test"}
    outcome = send(channel("email", to=["gone@shop.test", "ben@shop.test"], **keys), letter(), letter(OVER))
    assert [one["To"] for one in mail.letters] == ["ben@shop.test"] * 2
    assert (outcome.taken, outcome.failure) == (2, None)
    assert outcome.notes == ("1 of 2 addresses did not take it",)
    outcome = send(channel("email", to=["gone@shop.test"], **keys))
    assert (outcome.taken, bool(outcome.failure), outcome.notes) == (0, True, ())


def test_every_address_has_its_own_time(mail: Letterbox) -> None:
    """A mail server that is slow, and not too slow, is not taken for one that is down."""
    mail.pause_seconds, mail.refused = 0.4, {"0@shop.test"}
    keys: dict[str, Any] = {"host": "127.0.0.1", "port": mail.port, "security": "none", "sender": "a@b.test"}
    to = [f"{number}@shop.test" for number in range(9)]
    outcome = send(channel("email", to=to, timeout_seconds=1, **keys))
    assert outcome == Outcome(1, notes=("1 of 9 addresses did not take it",))
    assert [one["To"] for one in mail.letters] == to[1:]


@pytest.mark.parametrize("kind", ["slack", "webhook", "email", "apprise"])
def test_nobody_listens(kind: str) -> None:
    """Nothing is raised: it is said that the channel was not reached."""
    port = closed_port()
    keys: dict[str, Any] = {"url": f"{'json' if kind == 'apprise' else 'http'}://127.0.0.1:{port}/{SECRET}"}
    if kind == "email":
        keys = {"host": "127.0.0.1", "port": port, "sender": "a@b.test", "to": ["a@b.test"]}
    outcome = send(channel(kind, **keys))
    assert (outcome.taken, SECRET in str(outcome.failure)) == (0, False)
    assert outcome.failure


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (["/not/there"], "the command cannot be run: No such file or directory"),
        (
            [sys.executable, "-c", "import sys; print('secret'); sys.exit(3)"],
            "the command ended with exit code 3",
        ),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "the command took longer than 0.2 seconds"),
    ],
)
def test_a_command_that_fails(command: list[str], why: str) -> None:
    """It says how, and nothing of what the program wrote."""
    assert send(channel("command", command=command, timeout_seconds=0.2)) == Outcome(0, why)


def test_a_command_may_leave_something_running() -> None:
    """It is done once it ends by itself, though what it started still holds its output open."""
    assert send(channel("command", command=["sh", "-c", "sleep 20 &"], timeout_seconds=5)) == Outcome(1)


def test_a_server_that_never_answers_is_not_waited_for(web: Letterbox) -> None:
    """After the time-out the channel counts as down."""
    web.hush.clear()
    outcome = send(channel("webhook", url=web.url, timeout_seconds=0.2))
    assert (outcome.taken, bool(outcome.failure)) == (0, True)


def test_a_channel_without_its_variable_is_down() -> None:
    """Nothing is sent to a half of an address."""
    from dbt_activate.errors import Problem

    whole = channel("slack", url="http://127.0.0.1:9")
    lacking = Channel("team", whole.scope, None, (Problem("notifications.yml:2", "", "url", "is not set."),))
    assert send(lacking) == Outcome(0, "notifications.yml:2: url: is not set.")


def test_one_that_is_down_holds_nobody_up(web: Letterbox) -> None:
    """Channels are told side by side, each in order, and one that fails is told no more."""
    dead = channel("webhook", url=f"http://127.0.0.1:{closed_port()}")
    several = [letter(RAISED), letter(OVER)]
    outcomes = deliver_all(
        [(dead, several), (channel("slack", url=web.url), several)], Surroundings(Path(), dict(os.environ))
    )
    assert [one.taken for one in outcomes] == [0, 2]
    assert ["WARN" in text for text in web.texts] == [True, False]


def test_channels_that_hang_are_waited_for_together() -> None:
    """Each has its own time from the start on, also where a server answers byte by byte without an end."""
    with dripping_server() as port:
        slow = channel("webhook", url=f"http://127.0.0.1:{port}", timeout_seconds=0.5)
        began = time.monotonic()
        outcomes = deliver_all([(slow, [letter()])] * 3, Surroundings(Path(), dict(os.environ)))
        took = time.monotonic() - began
    assert outcomes == [Outcome(0, "no answer in time")] * 3
    assert took < 2 * (0.5 + GRACE_SECONDS)


def test_libraries_log_nothing_of_a_message(web: Letterbox, caplog: pytest.LogCaptureFixture) -> None:
    """Even where somebody logs everything, no address is written."""
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("apprise").setLevel(logging.DEBUG)
        send(channel("slack", url=f"{web.url}/services/{SECRET}"))
        send(channel("slack", url=f"http://127.0.0.1:{closed_port()}/services/{SECRET}"))
        logging.getLogger("apprise").warning("of others")
    assert SECRET not in caplog.text
    assert "of others" in caplog.text


def test_many_changes_are_several_messages() -> None:
    """No message is so long that a service would cut it, and none is lost."""
    parts = list(messages([RAISED] * (2 * MOST_CHANGES + 1), "shop", "prod"))
    assert [len(message.lines) for _, message in parts] == [MOST_CHANGES, MOST_CHANGES, 1]
