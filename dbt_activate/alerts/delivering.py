"""Send messages to channels, side by side and for a bounded time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from dbt_activate.alerts.commands import run_command
from dbt_activate.alerts.message import Message
from dbt_activate.alerts.services import ChannelDownError, any_service, email, slack, webhook
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


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where commands run.

    Attributes:
        folder: The project's folder.
        environment: The environment variables.
    """

    folder: Path
    environment: Mapping[str, str] = field(repr=False)


@dataclass(slots=True)
class Outcome:
    """What became of the messages to one channel.

    Attributes:
        taken: How many were taken, in their order.
        failure: Why the next one was not; None if all were. Holds no secret.
    """

    taken: int = 0
    failure: str | None = None


def deliver(channel: Channel, message: Message, surroundings: Surroundings) -> None:
    """Send one message.

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
            email(settings, message).notify(is_good=message.is_good)
        case AppriseSettings() as settings:
            any_service(settings, message).notify(is_good=message.is_good)


def deliver_all(
    waiting: Iterable[tuple[Channel, Sequence[Message]]], surroundings: Surroundings
) -> list[Outcome]:
    """Send messages to several channels, to each in order; one that is not taken ends its channel's turn.

    A thread that hangs is left behind, and ends with the process.
    """
    turns = list(_begin(waiting, surroundings))
    deadline = time.monotonic() + PATIENCE_SECONDS
    for turn, seconds in turns:
        turn.thread.join(max(0.0, min(seconds, deadline - time.monotonic())))
    return [turn.conclude() for turn, _ in turns]


def _begin(
    waiting: Iterable[tuple[Channel, Sequence[Message]]], surroundings: Surroundings
) -> Iterator[tuple[_Turn, float]]:
    for channel, messages in waiting:
        turn = _Turn(partial(deliver, channel, surroundings=surroundings), messages)
        seconds = channel.settings.timeout_seconds if channel.settings else 0.0
        turn.thread.start()
        yield turn, (seconds + GRACE_SECONDS) * len(messages)


class _Turn:
    """The messages to one channel, in a thread."""

    def __init__(self, send: Callable[[Message], None], messages: Sequence[Message]) -> None:
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
            return Outcome(self._outcome.taken, self._outcome.failure)

    def _run(self) -> None:
        for message in self._messages:
            if self._is_over:
                return
            failure = self._attempt(message)
            with self._lock:
                if failure is not None:
                    self._outcome.failure = failure
                    return
                self._outcome.taken += 1

    def _attempt(self, message: Message) -> str | None:
        try:
            self._send(message)
        except ChannelDownError as down:
            return str(down)
        except Exception as bug:
            return f"not sent ({type(bug).__name__})"
        return None
