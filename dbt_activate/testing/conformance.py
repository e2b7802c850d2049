"""The suite: all promises, held against one destination."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import pytest

from dbt_activate.destination import Destination
from dbt_activate.testing.audiences import AudiencePromises
from dbt_activate.testing.conduct import ConductPromises
from dbt_activate.testing.double import ToolDouble
from dbt_activate.testing.facts import FactPromises
from dbt_activate.testing.members import MemberPromises
from dbt_activate.testing.privacy import PrivacyPromises
from dbt_activate.testing.scene import Scene
from dbt_activate.testing.troubles import TroublePromises


class DestinationConformance(
    FactPromises, AudiencePromises, MemberPromises, TroublePromises, ConductPromises, PrivacyPromises
):
    """What every destination promises. A test module subclasses it, with a name that begins with ``Test``.

    Attributes:
        destination_class: The destination.
    """

    destination_class: ClassVar[type[Destination]]

    @pytest.fixture
    def double(self) -> Iterator[ToolDouble] | ToolDouble:
        """Make the tool to look into, with nothing in it; to be overridden."""
        raise NotImplementedError(f"{type(self).__name__} gives no double: override the fixture `double`.")

    @pytest.fixture
    def scene(self, double: ToolDouble) -> Iterator[Scene]:
        """Put the destination in front of the tool."""
        made = Scene(self.destination_class, double)
        yield made
        double.clear_faults()
        made.close()
