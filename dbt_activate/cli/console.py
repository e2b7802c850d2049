"""What the user sees: lines in dbt's shape, or one JSON object each in dbt's envelope."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sys
import threading
import uuid
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, ClassVar, Self

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dbt_activate.cli.progress import Progress
    from dbt_activate.reporting.events import Event
    from dbt_activate.reporting.listing import Listing

_LEVELS = ("debug", "info", "warn", "error")
_COLORS = {"info": "green", "warn": "yellow", "error": "red"}


class Console:
    """Writes events and lists. Safe to use from several threads."""

    KEY: ClassVar[str] = "dbt_activate.console"

    def __init__(
        self,
        *,
        log_format: str = "text",
        quiet: bool = False,
        debug: bool = False,
        use_colors: bool | None = None,
        logs_to_stderr: bool = False,
    ) -> None:
        self.debug = debug
        self.is_json = log_format == "json"
        self._lowest = "debug" if debug else "error" if quiet else "info"
        self._to_stderr = logs_to_stderr
        self._colors = use_colors if use_colors is not None else False if "NO_COLOR" in os.environ else None
        self.invocation_id = str(uuid.uuid4())
        self._lock = threading.RLock()
        self._progress: Progress | None = None
        self._handler = _Passing(self)
        self._level_before = logging.NOTSET

    @classmethod
    def current(cls, ctx: click.Context) -> Console:
        """Return the console of the command under way; a plain one if it did not get that far."""
        console = ctx.find_root().meta.get(cls.KEY)
        return console if isinstance(console, Console) else Console()

    def __enter__(self) -> Self:
        logger = logging.getLogger("dbt_activate")
        self._level_before = logger.level
        logger.addHandler(self._handler)
        logger.setLevel(logging.DEBUG if self.debug else logging.WARNING)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        logger = logging.getLogger("dbt_activate")
        logger.removeHandler(self._handler)
        logger.setLevel(self._level_before)
        if self._progress:
            self._progress.stop()
            self._progress = None

    def emit(self, event: Event) -> None:
        """Write an event, if it matters enough. Nobody may be reading any more: the work goes on."""
        with self._lock, contextlib.suppress(BrokenPipeError):
            if self._may_draw:
                self._draw(event)
            if _LEVELS.index(event.level) >= _LEVELS.index(self._lowest):
                self._write(event.name, event.level, event.message, event.data)

    def error(self, name: str, message: str, data: Mapping[str, Any] | None = None) -> None:
        """Write what ended the command; the facts are for machines."""
        with self._lock:
            self._write(name, "error", message, data or {}, to_stderr=not self.is_json)

    def say(self, text: str) -> None:
        """Write what was asked for, to stdout."""
        if self.is_json:
            self._write("Output", "info", text, {})
        else:
            click.echo(text, color=self._colors)

    def show(self, listing: Listing[Any], output: str, empty: str) -> None:
        """Write a list as it was asked for; `empty` says in words that there is nothing."""
        if output == "json":
            click.echo(json.dumps(listing.records(), ensure_ascii=False, indent=2, default=str))
        elif self.is_json:
            self._write("Listing", "info", listing.text(), {"rows": listing.records()})
        else:
            click.echo(listing.text() or empty, color=self._colors)

    @property
    def _may_draw(self) -> bool:
        return not self.is_json and self._lowest == "info" and not self._to_stderr and sys.stdout.isatty()

    def _draw(self, event: Event) -> None:
        if self._progress is None:
            if not event.data.get("deliveries"):
                return
            from dbt_activate.cli.progress import Progress

            self._progress = Progress()
        self._progress.follow(event)

    def _write(
        self, name: str, level: str, message: str, data: Mapping[str, Any], *, to_stderr: bool = False
    ) -> None:
        to_stderr = to_stderr or self._to_stderr
        if self.is_json:
            click.echo(self._envelope(name, level, message, data), err=to_stderr)
            return
        line = f"{datetime.now():%H:%M:%S}  {_colored(message, level)}"  # noqa: DTZ005  (the reader's own clock)
        if self._progress and self._progress.is_live:
            self._progress.print(line, colors=self._colors)
        else:
            click.echo(line, err=to_stderr, color=self._colors)

    def _envelope(self, name: str, level: str, message: str, data: Mapping[str, Any]) -> str:
        info = {
            "name": name,
            "code": "",
            "level": level,
            "msg": message,
            "ts": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            "invocation_id": self.invocation_id,
            "pid": os.getpid(),
            "thread": threading.current_thread().name,
            "category": "",
            "extra": {},
        }
        return json.dumps({"info": info, "data": dict(data)}, ensure_ascii=False, default=str)


class _Passing(logging.Handler):
    """Passes what our modules log on to the console."""

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self.setFormatter(logging.Formatter("%(name)s: %(message)s"))

    def emit(self, record: logging.LogRecord) -> None:
        """Write one record."""
        from dbt_activate.reporting.events import Event, Level

        level = {logging.DEBUG: Level.DEBUG, logging.INFO: Level.DEBUG, logging.WARNING: Level.WARN}
        self._console.emit(Event("Log", self.format(record), level.get(record.levelno, Level.ERROR)))


def _colored(message: str, level: str) -> str:
    """Color what stands in brackets at the end of the first line, as dbt does."""
    first, line_break, rest = message.partition("\n")
    head, bracket, status = first.rpartition(" [")
    color = _COLORS.get(level)
    if not (bracket and color and status.endswith("]")) or status == "RUN]":
        return message
    return f"{head} [{click.style(status[:-1], fg=color)}]{line_break}{rest}"
