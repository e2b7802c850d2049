"""Keeps out of the logs what libraries would write there of a request.

At the level DEBUG, urllib3 logs the path and the query of each request. A query can name somebody, as the
cursor of a list of people does; and where a user writes the requests, so can a path, or hold a key.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_LOGGER = "urllib3.connectionpool"

_is_private = ContextVar("is_private", default=False)


class _Discretion(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        """Let pass what is not about a private request."""
        del record
        return not _is_private.get()


_DISCRETION = _Discretion()


@contextmanager
def discretion() -> Iterator[None]:
    """Let urllib3 log nothing of the requests that this thread makes meanwhile."""
    logging.getLogger(_LOGGER).addFilter(_DISCRETION)  # the same filter is never added twice
    token = _is_private.set(True)
    try:
        yield
    finally:
        _is_private.reset(token)
