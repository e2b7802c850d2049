"""The results of dbt's invocations, as the dbt package's ``record_results`` writes them into the state.

So that a sync on another machine can gate without dbt's files, and that it is known what was built since.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from dbt_activate.dbt.run_results import NodeResult, RunResults

if TYPE_CHECKING:
    from dbt_activate.state.tables import Tables
    from dbt_activate.warehouse import Session

INVOCATIONS, RESULTS = "dbt_invocations", "dbt_results"
LABEL = f"the table {INVOCATIONS}"
FRESHNESS = "freshness"


@dataclass(frozen=True, slots=True)
class Recorded:
    """What is recorded of one project and target.

    Attributes:
        latest: The results of the last invocation; None if none is recorded.
        freshness: The results of the last ``dbt source freshness``; None if none is recorded.
        invocations: When each invocation that is recorded was; UTC.
        built_at: When the last invocation was that did each node, by unique id; UTC.
    """

    latest: RunResults | None = None
    freshness: RunResults | None = None
    invocations: Mapping[str, datetime] = field(default_factory=dict)
    built_at: Mapping[str, datetime] = field(default_factory=dict)

    def covers(self, *invocation_ids: str) -> bool:
        """Tell whether all of these are recorded, and so, it is assumed, whatever was between them."""
        return all(one in self.invocations for one in invocation_ids)

    def was_built_since(self, unique_id: str, invocation_id: str) -> bool:
        """Tell whether a node was done, well or not, by a later invocation than one that is recorded.

        Only the times of invocations are compared, which are all dbt's: another machine's clock may differ.
        """
        built_at = self.built_at.get(unique_id)
        return built_at is not None and built_at > self.invocations[invocation_id]


def read_recorded(
    session: Session, tables: Tables, existing: frozenset[str], project: str, target: str
) -> Recorded:
    """Read what is recorded of a project and a target; nothing where the package is not in use.

    Args:
        session: A session.
        tables: The state tables.
        existing: Which tables there are.
        project: dbt's name of the project.
        target: The dbt target.
    """
    if not {INVOCATIONS, RESULTS} <= existing:
        return Recorded()
    invocations, results = tables.name(INVOCATIONS), tables.name(RESULTS)
    known = session.rows(
        f"select invocation_id, generated_at, command from {invocations} where project = ? and target = ? "
        "order by generated_at desc, invocation_id",
        [project, target],
    )
    done = session.rows(
        f"select r.unique_id, max(i.generated_at) from {invocations} i "
        f"join {results} r on r.invocation_id = i.invocation_id where i.project = ? and i.target = ? "
        "group by r.unique_id",
        [project, target],
    )
    # As dbt writes them into files of their own, the last of each kind counts.
    runs = next((one for one in known if one[2] != FRESHNESS), None)
    freshness = next((one for one in known if one[2] == FRESHNESS), None)
    return Recorded(
        latest=_read_results(session, results, *runs) if runs else None,
        freshness=_read_results(session, results, *freshness) if freshness else None,
        invocations={id_: generated_at for id_, generated_at, _ in known},
        built_at=dict(done),
    )


def _read_results(
    session: Session, table: str, id_: str, generated_at: datetime, command: str | None
) -> RunResults:
    rows = session.rows(
        f"select unique_id, status, failures, completed_at from {table} where invocation_id = ?", [id_]
    )
    name, _, portion = (command or "").partition(" ")  # as the package writes it: `build --empty`
    nodes = {row[0]: NodeResult(*row) for row in rows}
    return RunResults(LABEL, id_, generated_at, name, nodes, portion=portion)
