"""The command line, the only place that imports click. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading

from dbt_activate.cli.app import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line, and exit."""
    # A short command makes little but modules, which stay: looking for garbage among them is a twentieth
    # of its time.
    gc.set_threshold(100_000, 20, 20)
    for stream in (sys.stdout, sys.stderr):
        # A terminal that has no arrow gets a question mark and not a traceback.
        stream.reconfigure(errors="replace")  # type: ignore[union-attr]  # they are text streams here
    # Schedulers stop a task by SIGTERM: what is under way is waited for, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        app()
    finally:
        _leave_at_once_if_told_to()


def _leave_at_once_if_told_to() -> None:
    """End the process with threads still at work: only a second Ctrl-C leaves any."""
    leaving = sys.exc_info()[1]
    if isinstance(leaving, SystemExit) and leaving.code == 2 and threading.active_count() > 1:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(2)
