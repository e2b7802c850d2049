"""What a sync would do: plans, their frames, and how they are shown to others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dbt_activate.errors import ActivateError
from dbt_activate.reporting.plan_document import plan_json
from dbt_activate.reporting.plan_markdown import plan_markdown
from dbt_activate.reporting.results import Results

if TYPE_CHECKING:
    import polars as pl

    from dbt_activate.config.comparison import Change
    from dbt_activate.sync.plan import Plan


@dataclass(frozen=True, slots=True)
class Plans(Results):
    """What a sync would do. With exactly one activation, `added` and `removed` are its own.

    Attributes:
        changes: What changed in all of the project's activations since the manifest that ``state`` names;
            None without one.
    """

    changes: tuple[Change, ...] | None = None

    @property
    def only(self) -> Plan:
        """The plan of the one activation that was selected.

        Raises:
            ActivateError: Several were selected, or none, or it could not be planned.
        """
        if len(self.items) == 1:
            return self.items[0].required_plan()
        known = ", ".join(one.key for one in self.items) or "none"
        raise ActivateError(
            f"{len(self.items)} activations were planned ({known}). Select one, or look at one of them: "
            'plans["vip_customers"].plan.added'
        )

    @property
    def added(self) -> pl.DataFrame:
        """Who would enter: ``identifier_type``, ``identifier``."""
        return self.only.added

    @property
    def removed(self) -> pl.DataFrame:
        """Who would leave: ``identifier_type``, ``identifier``."""
        return self.only.removed

    def markdown(self) -> str:
        """Write the plans for a comment on a pull request. No identifier is in it."""
        return plan_markdown(self.items, self.changes or ())

    def json(self) -> str:
        """Write the plans and the changes as JSON. No identifier is in it."""
        return plan_json(self.items, self.changes)
