"""Where the commands among the channels run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where commands run.

    Attributes:
        folder: The project's folder.
        environment: The environment variables.
    """

    folder: Path
    environment: Mapping[str, str] = field(repr=False)
