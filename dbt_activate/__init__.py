"""Turn dbt models into living audiences in marketing tools.

from dbt_activate import Project

project = Project(".", target="dev")
plan = project.plan("vip_customers")  # plan.added, plan.removed: Polars frames
run = project.sync("vip_customers")
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt_activate.errors import ActivateError, ConfigError
    from dbt_activate.project import Project
    from dbt_activate.reporting.plans import Plans
    from dbt_activate.reporting.results import ActivationResult, Status, SyncResult

__all__ = ["ActivateError", "ActivationResult", "ConfigError", "Plans", "Project", "Status", "SyncResult"]

_MODULES = {
    "ActivateError": "errors",
    "ActivationResult": "reporting.results",
    "ConfigError": "errors",
    "Plans": "reporting.plans",
    "Project": "project",
    "Status": "reporting.results",
    "SyncResult": "reporting.results",
}


def __getattr__(name: str) -> Any:
    # Imported when asked for, so that `dbt-activate --help` need not wait for all that these need.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
