"""Read a segment and what we know of its audience, and make the plan of their difference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from dbt_activate.errors import ConfigError, Problem
from dbt_activate.identifiers import Form, hashed
from dbt_activate.lazy_polars import pl
from dbt_activate.state.changes import ChangeLog
from dbt_activate.state.loss import find_snapshot
from dbt_activate.state.rejections import Rejections
from dbt_activate.state.snapshot import Snapshot
from dbt_activate.sync.diff import IDENTIFIER, Diff, diff_members, identifiers, unchanged
from dbt_activate.sync.plan import TYPE, Plan, nobody, stacked
from dbt_activate.sync.segment import find_segment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbt_activate.config.activation import Activation, FieldMapping
    from dbt_activate.destination import Destination
    from dbt_activate.identifiers import IdentifierType
    from dbt_activate.state.tables import Tables
    from dbt_activate.sync.segment import Segment
    from dbt_activate.warehouse import Session


def make_plan(
    session: Session,
    tables: Tables,
    activation: Activation,
    destination: type[Destination],
    *,
    full_refresh: bool = False,
) -> Plan:
    """Compare a segment with its audience as the state tables know it.

    Reads only, and asks the destination nothing: it works where no state was ever written.

    Raises:
        RelationMissingError: The model was never built.
        ConfigError: The model lacks a mapped column.
        WarehouseError: The audience's snapshot is gone.
    """
    segment = find_segment(session, tables.warehouse, activation)
    return _Planner(session, tables, activation, segment, destination, full_refresh).plan()


@dataclass(frozen=True, slots=True)
class _Planner:
    session: Session
    tables: Tables
    activation: Activation
    segment: Segment
    destination: type[Destination]
    full_refresh: bool

    def plan(self) -> Plan:
        known = find_snapshot(self.session, self.tables, self.activation.key)
        is_open = known and self._log.openings(self.session)
        held_types = self._snapshot.member_types(self.session) if known else []
        # Asked before anything is loaded: meanwhile Polars is imported, which nothing has needed until here.
        sizes = {} if is_open or self.full_refresh else self._unchanged_sizes(held_types)
        unsure = self._log.unsure(self.session) if is_open else nobody()
        unsure = self._with_held(unsure, held_types) if self.full_refresh else unsure
        mapped = [field.member_type for field in self.activation.fields]
        types = list(dict.fromkeys([*mapped, *held_types, *unsure[TYPE].unique().sort()]))
        diffs = {
            name: unchanged(sizes[name]) if name in sizes else self._diff(name, unsure, name in held_types)
            for name in types
        }
        # Somebody who leaves under an old type may be there under the mapped one, too, and would go with it:
        # so after such removals everybody is added again.
        if self.destination.one_identifier and any(
            diffs[name].removed.height for name in types if name not in mapped
        ):
            unsure = self._with_held(unsure, [name for name in held_types if name in mapped])
            diffs |= {name: self._diff(name, unsure, name in held_types) for name in mapped}
        plan = Plan(self.activation, diffs, _as_compared(unsure, diffs))
        return self._held_back(plan) if known and not self.activation.retry_rejected else plan

    def _diff(self, member_type: str, unsure: pl.DataFrame, is_held: bool) -> Diff:
        fields = self._fields(member_type)
        raw = self.segment.values(self.session, fields) if fields else identifiers()
        held = self._snapshot.members(self.session, member_type) if is_held else identifiers()
        open_members = unsure.filter(pl.col(TYPE) == member_type).select(IDENTIFIER)
        name, _, form = member_type.partition(":")
        return diff_members(raw, held, open_members, self._kind(name), Form(form or Form.PLAIN))

    def _unchanged_sizes(self, held_types: list[str]) -> dict[str, int]:
        """Return the sizes of the types whose segment is just what the snapshot holds."""
        sizes = {}
        for name in held_types:
            if fields := self._fields(name):
                query = self.segment.query(fields)
                if size := self._snapshot.size_if_unchanged(self.session, name, query):
                    sizes[name] = size
        return sizes

    def _fields(self, member_type: str) -> list[FieldMapping]:
        return [field for field in self.activation.fields if field.member_type == member_type]

    def _with_held(self, unsure: pl.DataFrame, member_types: list[str]) -> pl.DataFrame:
        """Count whoever is held as unsure, too: to be sent again, and to be kept if that is rejected."""
        held = stacked({name: self._snapshot.members(self.session, name) for name in member_types})
        return pl.concat([unsure, held]).unique() if unsure.height else held

    def _held_back(self, plan: Plan) -> Plan:
        """Leave out members that were rejected before, where they are not to be tried again."""
        rejected = self._rejections.read(self.session).filter(pl.col("operation") == "add")
        # Who is unsure may be in the audience, and must stay in our books.
        excluded = rejected.select(TYPE, IDENTIFIER).join(plan.unsure, on=[TYPE, IDENTIFIER], how="anti")
        diffs = {
            name: _less(diff, excluded.filter(pl.col(TYPE) == name)) for name, diff in plan.diffs.items()
        }
        fewer = replace(plan, diffs=diffs)
        return replace(fewer, held_back=plan.added_count - fewer.added_count)

    def _kind(self, name: str) -> IdentifierType:
        if kind := self.destination.identifier_type(name):
            return kind
        raise ConfigError(
            [
                Problem(
                    file=self.activation.model.path,
                    where=f"activation {self.activation.key}",
                    key=f"mapping.{name}",
                    message=f"its audience holds members of the type {name!r}, which this version of the "
                    "destination does not take, so they cannot be removed.",
                    hint="Install the version that took them and sync with an empty mapping of that type, or "
                    "forget the audience with `dbt-activate reset`.",
                )
            ]
        )

    @property
    def _snapshot(self) -> Snapshot:
        return Snapshot(self.tables, self.activation.key)

    @property
    def _log(self) -> ChangeLog:
        return ChangeLog(self.tables, self.activation.key)

    @property
    def _rejections(self) -> Rejections:
        return Rejections(self.tables, self.activation.key)


def _as_compared(unsure: pl.DataFrame, diffs: Mapping[str, Diff]) -> pl.DataFrame:
    """Put the unsure into the form in which their types were compared: that is how they are logged."""
    folded = [name for name, diff in diffs.items() if diff.folded is not None]
    if not folded:
        return unsure
    is_folded = pl.col(TYPE).is_in(folded)
    clear = unsure.filter(is_folded)
    hashes = pl.Series(IDENTIFIER, [hashed(value) for value in clear[IDENTIFIER]], dtype=pl.String)
    return pl.concat([unsure.filter(~is_folded), clear.with_columns(hashes)]).unique()


def _less(diff: Diff, excluded: pl.DataFrame) -> Diff:
    return replace(diff, added=diff.added.join(excluded, on=IDENTIFIER, how="anti"))
