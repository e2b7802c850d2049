"""Send messages to channels, side by side and for a bounded time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from dbt_activate.alerts.commands import run_command
from dbt_activate.alerts.message import Message
from dbt_activate.alerts.services import ChannelDownError, any_service, send_email, slack, webhook
from dbt_activate.alerts.surroundings import Surroundings
from dbt_activate.config.channels import (
    AppriseSettings,
    CommandSettings,
    EmailSettings,
    SlackSettings,
    WebhookSettings,
)
from dbt_activate.config.notifications_file import Channel

PATIENCE_SECONDS = 60
"""How long a run waits for all its messages, at most."""

GRACE_SECONDS = 2
"""How much longer than its time-out a message may take, before it is left to itself."""


@dataclass(slots=True)
class Outcome:
    """What became of the messages to one channel.

    Attributes:
        taken: How many were taken, in their order.
        failure: Why the next one was not; None if all were. Holds no secret.
        notes: What else there is to say of those that were taken, each once.
    """

    taken: int = 0
    failure: str | None = None
    notes: tuple[str, ...] = ()


def deliver(channel: Channel, message: Message, surroundings: Surroundings) -> str:
    """Send one message.

    Returns:
        What there is to say though it was taken; mostly an empty text.

    Raises:
        ChannelDownError: It was not taken.
    """
    if channel.missing or channel.settings is None:
        raise ChannelDownError("; ".join(str(problem) for problem in channel.missing))
    match channel.settings:
        case CommandSettings() as settings:
            run_command(settings, message, surroundings.folder, surroundings.environment)
        case SlackSettings() as settings:
            slack(settings, message).notify(is_good=message.is_good)
        case WebhookSettings() as settings:
            webhook(settings, message).notify(is_good=message.is_good)
        case EmailSettings() as settings:
            return send_email(settings, message)
        case AppriseSettings() as settings:
            any_service(settings, message).notify(is_good=message.is_good)
    return ""


def deliver_all(
    waiting: Iterable[tuple[Channel, Sequence[Message]]], surroundings: Surroundings
) -> list[Outcome]:
    """Send messages to several channels, to each in order; one that is not taken ends its channel's turn.

    A thread that hangs is left behind, and ends with the process.
    """
    began, turns = time.monotonic(), list(_begin(waiting, surroundings))
    for turn, seconds in turns:
        turn.thread.join(max(0.0, began + min(seconds, PATIENCE_SECONDS) - time.monotonic()))
    return [turn.conclude() for turn, _ in turns]


def _begin(
    waiting: Iterable[tuple[Channel, Sequence[Message]]], surroundings: Surroundings
) -> Iterator[tuple[_Turn, float]]:
    for channel, messages in waiting:
        turn = _Turn(partial(deliver, channel, surroundings=surroundings), messages)
        seconds = channel.settings.patience_seconds if channel.settings else 0.0
        turn.thread.start()
        yield turn, (seconds + GRACE_SECONDS) * len(messages)


class _Turn:
    """The messages to one channel, in a thread."""

    def __init__(self, send: Callable[[Message], str], messages: Sequence[Message]) -> None:
        self._send = send
        self._messages = messages
        self._outcome = Outcome()
        self._lock = threading.Lock()
        self._is_over = False
        self.thread = threading.Thread(target=self._run, name="notification", daemon=True)

    def conclude(self) -> Outcome:
        """Say what became of them so far; nothing more is sent."""
        with self._lock:
            self._is_over = True
            if self.thread.is_alive() and self._outcome.taken < len(self._messages):
                self._outcome.failure = self._outcome.failure or "no answer in time"
            return replace(self._outcome)

    def _run(self) -> None:
        for message in self._messages:
            if self._is_over:
                return
            outcome = self._attempt(message)
            with self._lock:
                self._outcome.taken += outcome.taken
                self._outcome.notes = tuple(dict.fromkeys([*self._outcome.notes, *outcome.notes]))
                self._outcome.failure = outcome.failure
            if outcome.failure is not None:
                return

    def _attempt(self, message: Message) -> Outcome:
        try:
            note = self._send(message)
        except ChannelDownError as down:
            return Outcome(failure=str(down))
        except Exception as bug:
            return Outcome(failure=f"not sent ({type(bug).__name__})")
        return Outcome(1, notes=(note,) if note else ())
