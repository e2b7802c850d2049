"""Warnings and notifications of one sync, of which nothing may harm the sync itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from dbt_activate.errors import ConfigError
from dbt_activate.reporting.lines import not_notified

if TYPE_CHECKING:
    from dbt_activate.alerts.desk import Desk
    from dbt_activate.config.notifications_file import Notifications
    from dbt_activate.operations.workspace import Workspace
    from dbt_activate.reporting.events import Emit
    from dbt_activate.reporting.results import SyncResult

logger = logging.getLogger("dbt_activate.operations.alerting")

Value = TypeVar("Value")


@dataclass(frozen=True)  # without slots: the desk is opened once
class Alerting:
    """The warnings of one sync.

    Attributes:
        workspace: The project.
        invocation_id: Names the sync.
        emit: Is told what is found.
    """

    workspace: Workspace
    invocation_id: str
    emit: Emit

    def take_in(self, result: SyncResult, names_rejections: Mapping[str, bool]) -> SyncResult:
        """Return the results with what there is to warn of; see `Desk.take_in`."""
        return self._unharmed(lambda: self._desk.take_in(result, names_rejections), result)

    def send(self) -> None:
        """Tell the channels; see `Desk.send`."""
        self._unharmed(lambda: self._desk.send(), None)

    @cached_property
    def _desk(self) -> Desk:
        from dbt_activate.alerts.desk import Desk
        from dbt_activate.alerts.surroundings import Surroundings

        workspace = self.workspace
        return Desk(
            warehouse=workspace.warehouse,
            tables=workspace.tables,
            project=workspace.project.name,
            target=workspace.target.name,
            history_days=workspace.settings.history_days,
            invocation_id=self.invocation_id,
            notifications=self._notifications(),
            surroundings=Surroundings(workspace.project.root, workspace.environment),
            emit=self.emit,
            clock=workspace.place.clock,
        )

    def _notifications(self) -> Notifications:
        from dbt_activate.config.notifications_file import Notifications

        try:
            found = self.workspace.notifications
        except ConfigError as error:
            found = Notifications(problems=error.problems)
        for problem in found.problems:
            self.emit(not_notified(str(problem)))
        return found

    def _unharmed(self, do: Callable[[], Value], otherwise: Value) -> Value:
        try:
            return do()
        except Exception as bug:
            logger.debug("not foreseen", exc_info=bug)
            self.emit(not_notified(f"Warnings were not dealt with: {type(bug).__name__} (a bug)."))
            return otherwise
