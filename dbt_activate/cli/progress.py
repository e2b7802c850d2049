"""Progress bars on a terminal: one for each activation that is pushing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.console import Console as Terminal
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

if TYPE_CHECKING:
    from dbt_activate.reporting.events import Event


class Progress:
    """Draws bars below the lines while deliveries are under way."""

    def __init__(self) -> None:
        self._terminal = Terminal(file=sys.stdout, highlight=False)
        self._bars = Bars(
            TextColumn("          {task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("deliveries"),
            TimeRemainingColumn(),
            console=self._terminal,
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}

    @property
    def is_live(self) -> bool:
        """Whether bars are on the screen."""
        return self._bars.live.is_started

    def follow(self, event: Event) -> None:
        """Move the bar that an event is about."""
        key = str(event.data.get("activation"))
        if event.name == "ActivationPlanned" and event.data["deliveries"]:
            self._tasks[key] = self._bars.add_task(key, total=event.data["deliveries"])
            self._bars.start()
        elif event.name == "DeliveryAnswered" and key in self._tasks:
            self._bars.advance(self._tasks[key])
        elif event.name == "ActivationResult" and key in self._tasks:
            self._bars.remove_task(self._tasks.pop(key))
            if not self._tasks:
                self.stop()

    def print(self, line: str, *, colors: bool | None) -> None:
        """Write a line above the bars."""
        text = Text.from_ansi(line)
        self._terminal.print(text.plain if colors is False else text, soft_wrap=True)

    def stop(self) -> None:
        """Take the bars off the screen."""
        self._bars.stop()
