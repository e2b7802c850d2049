"""Send a delivery in as few requests as the tool takes, in smaller ones once it found one too large."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from dbt_activate.delivery import Delivery, Receipt
from dbt_activate.errors import DestinationError
from dbt_activate.http.answer import RefusedAnswerError

if TYPE_CHECKING:
    from dbt_activate.delivery import Rejection

SAMPLE_SIZE = 5


def is_content_too_large(error: DestinationError) -> bool:
    """Tell whether a request was refused with a 413, "content too large" (RFC 9110, section 15.5.14)."""
    return isinstance(error, RefusedAnswerError) and error.status == 413


class Portions:
    """How many members one request may hold: halved where the tool says that it is too large.

    For good, once a smaller one passed: else it was something else. Shared by the threads of a run; at worst
    two of them halve for the same reason.
    """

    def __init__(
        self, size: int, is_too_large: Callable[[DestinationError], bool] = is_content_too_large
    ) -> None:
        """Begin with whole deliveries.

        Args:
            size: The most members that the tool documents.
            is_too_large: Tells whether an error means that fewer members may pass; a 413 by default.
        """
        self._size = size
        self._is_too_large = is_too_large

    def send(self, delivery: Delivery, send_part: Callable[[Delivery], Receipt]) -> Receipt:
        """Send a delivery part by part, and join what was answered.

        The references of several parts are joined by a space.

        Args:
            delivery: The whole.
            send_part: Sends one part, a delivery of the same number with some of its members.
        """
        receipt, start, size = Receipt(), 0, self._size
        while start < len(delivery.identifiers):
            size = min(size, self._size)
            chunk = delivery.identifiers[start : start + size]
            try:
                answered = send_part(replace(delivery, identifiers=chunk))
            except DestinationError as error:
                if not self._is_too_large(error) or len(chunk) == 1:
                    raise
                size = len(chunk) // 2
            else:
                self._size = min(self._size, size)
                receipt = _joined(receipt, answered, start)
                start += len(chunk)
        return receipt


def _joined(one: Receipt, other: Receipt, offset: int) -> Receipt:
    return Receipt(
        rejections=one.rejections + tuple(_moved(rejection, offset) for rejection in other.rejections),
        unnamed_rejections=one.unnamed_rejections + other.unnamed_rejections,
        sample=(one.sample + other.sample)[:SAMPLE_SIZE],
        reference=" ".join(filter(None, (one.reference, other.reference))) or None,
    )


def _moved(rejection: Rejection, offset: int) -> Rejection:
    return replace(rejection, position=rejection.position + offset)
