"""Polars, imported when it is first used.

Its import takes as long as that of everything else that a sync needs. So a sync begins it in the
background and lets the warehouse work meanwhile, and what needs no frame does without it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
else:

    class _Polars:
        def __getattr__(self, name: str) -> Any:
            found = getattr(importlib.import_module("polars"), name)
            setattr(self, name, found)
            return found

    pl = _Polars()

__all__ = ["pl"]
