"""Keeps to ourselves what libraries log of a message: addresses and passwords may be in it."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LOGGERS = ("apprise", "urllib3.connectionpool")
_SHORTEST_SECRET = 4
_HIDDEN = "***"

_said: ContextVar[list[str] | None] = ContextVar("said", default=None)


class _Overhearing(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Take a record away from everybody else, if it is about a message of ours."""
        said = _said.get()
        if said is None:
            return True
        if record.levelno >= logging.WARNING:
            said.append(record.getMessage())
        return False


_OVERHEARING = _Overhearing()


@contextmanager
def overheard() -> Iterator[list[str]]:
    """Let libraries log nothing of what this thread makes them do meanwhile; collect their warnings."""
    for name in _LOGGERS:
        logging.getLogger(name).addFilter(_OVERHEARING)  # the same filter is never added twice
    said: list[str] = []
    token = _said.set(said)
    try:
        yield said
    finally:
        _said.reset(token)


def without(secrets: Iterable[str], text: str) -> str:
    """Take secrets out of a text. What is shorter than four characters would take too much along."""
    for secret in sorted({one for one in secrets if len(one) >= _SHORTEST_SECRET}, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    return text
