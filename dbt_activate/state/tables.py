"""The names and columns of the state tables."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbt_activate.warehouse import Session, Warehouse

_COLUMNS = {
    "audiences": """
        audience_key varchar, destination varchar, activation varchar, model varchar,
        remote_id varchar, name varchar, description varchar, is_ours boolean, pending varchar,
        making varchar, version bigint, updated_at timestamp""",
    "runs": """
        run_id varchar, audience_key varchar, destination varchar, activation varchar, model varchar,
        target varchar, invocation_id varchar, started_at timestamp, finished_at timestamp, status varchar,
        message varchar, members bigint, added bigint, removed bigint, invalid bigint, rejected bigint,
        unnamed_rejections bigint, deliveries bigint, unconfirmed bigint, full_refresh boolean,
        results_id varchar, fingerprint varchar, invoked_at timestamp""",
    "deliveries": """
        audience_key varchar, run_id varchar, delivery integer, operation varchar, identifier_type varchar,
        members bigint, state varchar, opening integer""",
    "receipts": """
        audience_key varchar, run_id varchar, delivery integer, opening integer, accepted boolean,
        rejected bigint, unnamed_rejections bigint, sample varchar, reference varchar, message varchar,
        answered_at timestamp""",
    "changes": """
        audience_key varchar, run_id varchar, delivery integer, operation varchar, identifier_type varchar,
        identifier varchar""",
    "rejections": """
        audience_key varchar, run_id varchar, operation varchar, identifier_type varchar, identifier varchar,
        code varchar, reason varchar, first_at timestamp, last_at timestamp, attempts integer,
        recorded_by varchar""",
    "alerts": """
        audience_key varchar, warning varchar, number integer, state varchar, level varchar, message varchar,
        figure real, since timestamp, channels varchar, pending varchar, notified_at timestamp""",
    "leases": """
        audience_key varchar, run_id varchar, holder varchar, process varchar, claimed_at timestamp,
        heartbeat_at timestamp""",
    "webhook_runs": """
        dbt_run_id varchar, job_id varchar, ended_at timestamp, state varchar, message varchar,
        holder varchar, process varchar, taken_at timestamp, heartbeat_at timestamp""",
}
_MEMBERS = "identifier_type varchar, identifier varchar"
_LONGEST_NAME = 54  # Postgres cuts names at 63 bytes


@dataclass(frozen=True, slots=True)
class Tables:
    """The state tables of one target, as quoted names.

    Attributes:
        warehouse: Where they are; quotes names.
        schema: Their schema, by default the target's with ``_activate`` behind it, so that one target
            can never move another's state.
    """

    warehouse: Warehouse
    schema: str

    def name(self, table: str) -> str:
        """Return the quoted, qualified name of a state table."""
        return self.warehouse.quote(self.schema, table)

    def snapshot(self, audience_key: str) -> str:
        """Return the quoted, qualified name of an audience's snapshot table."""
        return self.name(self.snapshot_table(audience_key))

    @staticmethod
    def snapshot_table(audience_key: str) -> str:
        """Name an audience's snapshot table: readable, and distinct for distinct keys."""
        name = "snapshot_" + audience_key.replace(".", "__")
        is_plain = re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*\.[a-z0-9]+(_[a-z0-9]+)*", audience_key)
        if is_plain and len(name) <= _LONGEST_NAME:
            return name
        name = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
        digest = hashlib.sha256(audience_key.encode()).hexdigest()[:8]
        return f"{name[:_LONGEST_NAME]}_{digest}"

    def create(self, session: Session, audience_key: str | None = None) -> None:
        """Make the schema and the tables that are not there yet; of one audience also its snapshot."""
        wanted = {**_COLUMNS, **({self.snapshot_table(audience_key): _MEMBERS} if audience_key else {})}
        missing = wanted.keys() - self.existing(session)
        if missing:
            session.execute(f"create schema if not exists {self.warehouse.quote(self.schema)}")
        for table in sorted(missing):
            session.execute(f"create table if not exists {self.name(table)} ({wanted[table]})")

    def existing(self, session: Session) -> frozenset[str]:
        """Return which of the state tables have been made, snapshots among them."""
        return session.tables(self.warehouse.database, self.schema)
