"""Promises about conduct: a check changes nothing, closing leaves nothing, wrong credentials are said so."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from dbt_activate.delivery import Operation
from dbt_activate.errors import AuthenticationError, DestinationError
from dbt_activate.testing.calls import Call, Setting, each_call, require_call
from dbt_activate.testing.scene import RETRY, Scene


class ConductPromises:
    """What a person may rely on around the sending."""

    def test_checking_changes_nothing(self, scene: Scene) -> None:
        """Good credentials pass, with something to read, and the tool is as it was."""
        setting = Setting(scene, "VIP customers")
        before = scene.double.audiences()
        result = scene.destination.check()
        assert result.passed, result.lines
        assert result.lines
        scene.double.settle()
        assert scene.double.audiences() == before
        assert setting.audience.remote_id in before

    def test_making_a_destination_sends_nothing(self, scene: Scene) -> None:
        """Neither making one nor getting ready sends a request."""
        before = scene.double.request_count()
        scene.connect().get_ready()
        assert scene.double.request_count() == before

    def test_wrong_credentials_fail_the_check(self, scene: Scene) -> None:
        """The check says so, by its result or by its error, and does not show them."""
        wrong = _wrong_entry(scene)
        try:
            result = scene.connect(wrong).check()
        except AuthenticationError as error:
            said = str(error)
        else:
            assert not result.passed
            said = "\n".join(result.lines)
        assert said
        assert not [value for value in _changed(scene, wrong) if value in said]

    @each_call
    def test_wrong_credentials_are_not_tried_again(self, scene: Scene, call: Call) -> None:
        """Every call says that they are refused, after one request: more may lock an account."""
        require_call(scene, call)
        wrong = _wrong_entry(scene)
        setting = Setting(scene, "VIP customers")
        scene.reconnect(entry=wrong)
        before = scene.double.request_count()
        with pytest.raises(AuthenticationError) as caught:
            call(setting)
        assert scene.double.request_count() - before < RETRY.attempts
        assert not [value for value in _changed(scene, wrong) if value in str(caught.value)]

    def test_closing_leaves_nothing_behind(self, scene: Scene) -> None:
        """After it is closed, no thread of its own runs on and no connection stays open."""
        before = set(threading.enumerate())
        destination = scene.connect()
        destination.get_ready()
        audience = destination.create(scene.wanted())
        destination.push(audience, scene.delivery(Operation.ADD, scene.people(3)))
        destination.close()
        _wait_until(lambda: not (_ours(set(threading.enumerate()) - before)), "threads run on")
        _wait_until(lambda: not _connections(scene), "connections stay open")

    def test_closing_twice_or_unused(self, scene: Scene) -> None:
        """One that sent nothing can be closed, and one that is closed can be closed again."""
        destination = scene.connect()
        destination.close()
        destination.close()

    def test_a_tool_that_is_not_there(self, scene: Scene) -> None:
        """Where nobody listens, the error says so in words."""
        if "base_url" not in scene.double.entry():
            pytest.skip("This destination has no address.")
        with socket.socket() as nobody:
            nobody.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
            moved = {"base_url": url, **({"token_url": url} if "token_url" in scene.double.entry() else {})}
            with pytest.raises(DestinationError):
                scene.connect({**scene.double.entry(), **moved}).find(scene.wanted(), None)


def _wrong_entry(scene: Scene) -> dict[str, object]:
    wrong = scene.double.wrong_entry()
    if wrong is None:
        pytest.skip("This tool has no credentials.")
    return dict(wrong)


def _changed(scene: Scene, wrong: dict[str, object]) -> list[str]:
    """Return the texts of a wrong entry that the good one does not have."""
    good = scene.double.entry()
    return [value for key, value in wrong.items() if isinstance(value, str) and value != good.get(key)]


def _ours(threads: set[threading.Thread]) -> set[threading.Thread]:
    """Leave out threads of a double in this process, which may serve a connection each."""
    return {thread for thread in threads if "sandbox" not in thread.name and "Dummy" not in thread.name}


def _connections(scene: Scene) -> list[socket.socket]:
    """Return this process's open connections to the tool."""
    gc.collect()
    port = urlsplit(str(scene.double.entry().get("base_url", ""))).port
    return [one for one in gc.get_objects() if isinstance(one, socket.socket) and _leads_to(one, port)]


def _leads_to(one: socket.socket, port: int | None) -> bool:
    try:
        return bool(one.getpeername()[1] == port)
    except (OSError, IndexError):
        return False


def _wait_until(is_so: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + 2
    while not is_so():
        assert time.monotonic() < deadline, f"After close(), {otherwise}."
        time.sleep(0.01)
