"""The command line, the only place that imports click. Nothing heavy is imported before a command runs."""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import sys
from pathlib import Path
from typing import TextIO

from dbt_activate.cli.app import app

__all__ = ["app", "main"]


def main() -> None:
    """Run the command line, and exit."""
    # A short command makes little but modules, which stay: looking for garbage among them is a twentieth
    # of its time.
    gc.set_threshold(1_000_000, 20, 20)
    sys.stdout, sys.stderr = _writable(sys.stdout), _writable(sys.stderr)
    # Schedulers stop a task by SIGTERM: what is under way is waited for, as after Ctrl-C.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    code = 0
    try:
        app()
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    _leave(code)


def _writable(stream: TextIO | None) -> TextIO:
    """Return a stream that takes whatever is written."""
    if stream is None:  # it was closed before we began: nobody reads, and the work goes on
        return Path(os.devnull).open("w", encoding="utf-8")
    # A terminal that has no arrow gets a question mark and not a traceback.
    stream.reconfigure(errors="replace")  # type: ignore[attr-defined]  # they are text streams here
    return stream


def _leave(code: int) -> None:
    """End the process at once: all that has to be closed or written is.

    Python's own way out would take apart every module, which takes a tenth of a second, and would wait
    for threads that a second Ctrl-C means to leave behind.
    """
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # whoever read it has left: there is nobody to tell
            stream.flush()
    os._exit(code)
