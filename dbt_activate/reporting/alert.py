"""A warning that stands for an activation."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbt_activate.config.watches import Kind, Severity


@dataclass(frozen=True, slots=True)
class Alert:
    """A warning that stands for an activation.

    Attributes:
        kind: What is warned of.
        level: How urgent it is.
        message: What was found, in figures; holds no identifier and no secret.
        figure: The figure that was compared; None where there is none.
        since: Since when it stands; UTC. None where that is not known.
    """

    kind: Kind
    level: Severity
    message: str
    figure: float | None = None
    since: datetime | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"
