"""Make an audience when answers may be lost: once, and without a doubt whether it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dbt_activate.errors import (
    AccessError,
    AudienceTakenError,
    AuthenticationError,
    DestinationError,
    RefusedError,
    UnavailableError,
)
from dbt_activate.http.answer import LostAnswerError, RefusedAnswerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dbt_activate.delivery import Audience

ATTEMPTS = 3

CERTAIN = (AccessError, AudienceTakenError, AuthenticationError, RefusedError)
"""Errors that say that nothing was made."""


def make_audience(
    create: Callable[[], Audience],
    find: Callable[[], Audience | None],
    taken: Callable[[RefusedAnswerError], DestinationError | None] | None = None,
) -> Audience:
    """Make an audience, or return the one that is there by now: ours, or that of somebody who was faster.

    Args:
        create: Asks for it once, with a request that is not idempotent.
        find: Looks for it by what makes it one.
        taken: Returns what to raise where a refusal may mean that it is there, and it cannot be found; None
            where that refusal is final, as all are by default.

    Raises:
        RefusedError: Certainly nothing was made; likewise AccessError, AuthenticationError and
            AudienceTakenError.
        UnavailableError: It may have been made: an answer was lost, and what became of it cannot be seen.
    """
    lost: LostAnswerError | None = None
    try:
        for _ in range(ATTEMPTS):
            try:
                return create()
            except LostAnswerError as error:
                lost, failure = error, None
            except RefusedAnswerError as refused:
                failure = taken and taken(refused)
                if failure is None:
                    raise
            if found := find():
                return found
            if failure:
                raise failure
    except CERTAIN as error:
        if lost is None:
            raise
        doubt = UnavailableError(f"{lost} Whether it was made cannot be seen: {error}")
    else:
        doubt = lost or UnavailableError("The audience was not made.")
    raise doubt
