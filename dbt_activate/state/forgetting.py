"""Forget all that the state tables know of one audience, but for the record of its runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dbt_activate.state.tables import Tables
    from dbt_activate.warehouse import Session


def forget_audience(session: Session, tables: Tables, audience_key: str) -> None:
    """Forget an audience; its next sync begins as if there had been none before.

    Call it only under the audience's lease. Cut off in between, it can simply be done again: what names
    the remote audience goes last.
    """
    with session.transaction():
        session.execute(f"drop table if exists {tables.snapshot(audience_key)}")
        # Changes before their deliveries, so that none is left that no delivery speaks of.
        for table in ("changes", "receipts", "deliveries", "rejections", "alerts", "audiences"):
            session.execute(f"delete from {tables.name(table)} where audience_key = ?", [audience_key])
