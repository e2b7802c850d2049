"""Connections made by dbt's own adapter, with every way to authenticate that it knows.

The only module that imports dbt. dbt offers no public call for "connect to this target": what is done here is
what its runtime does, less the parsing of the project, and holds for dbt 1.8 to 1.12. The shape of the
configuration is dbt's ``AdapterRequiredConfig``
(https://github.com/dbt-labs/dbt-adapters, ``dbt/adapters/contracts/connection.py``).
"""

from __future__ import annotations

import contextlib
import multiprocessing
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from dbt_activate.errors import ConfigError, Problem

if TYPE_CHECKING:
    from dbt_activate.warehouse import Target

CONNECTION_NAME = "dbt-activate"

TURN = threading.Lock()
"""Held while a connection is open: dbt-duckdb keeps its one environment in a class attribute."""


class DbtConnection:
    """An open connection of dbt's adapter.

    Attributes:
        handle: What the adapter's driver gives.
    """

    def __init__(self, target: Target) -> None:
        """Connect; whatever the adapter or its driver raises goes through."""
        self._adapter = _adapter(target)
        self._adapter.acquire_connection(CONNECTION_NAME)
        try:
            self.handle: Any = self._adapter.connections.get_thread_connection().handle
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Disconnect, and let go of the database file."""
        self.handle = None
        self._adapter.cleanup_connections()
        # dbt-duckdb keeps the environment of a connection that failed half-way, and the file's lock with it.
        with contextlib.suppress(AttributeError):
            self._adapter.connections.close_all_connections()


def credentials(target: Target) -> Any:
    """Check a target's output as dbt does, and return dbt's credentials object of it.

    Raises:
        ConfigError: dbt or its adapter is not installed, or it refuses the output.
    """
    kind = _credentials_class(target)
    try:
        values = kind.translate_aliases(dict(target.output))
        kind.validate(values)
        return kind.from_dict(values)
    except Exception as error:  # each adapter has its own, which may quote a secret of the output
        cause = type(error).__name__
    message = f"dbt's adapter refuses this output ({cause})."
    raise ConfigError([_problem(target, message, "`dbt debug` says what is wrong with it.")])


def _credentials_class(target: Target) -> Any:
    try:
        from dbt.adapters.factory import FACTORY

        return FACTORY.load_plugin(target.type)
    except Exception as error:  # what is raised depends on which part is not installed
        cause = type(error).__name__
    message = f"only dbt's own adapter can serve this output, and it does not load ({cause})."
    raise ConfigError(
        [_problem(target, message, f"Install it with: pip install 'dbt-activate[{target.type}]'")]
    )


def _adapter(target: Target) -> Any:
    made = credentials(target)
    from dbt.adapters.factory import FACTORY

    config = SimpleNamespace(
        credentials=made,
        profile_name=target.profile_name,
        target_name=target.name,
        threads=1,
        project_name="dbt_activate",
        query_comment=SimpleNamespace(comment="", append=False, job_label=False),
        cli_vars={},
        target_path="target",
        log_cache_events=False,
    )
    adapter: Any = FACTORY.plugins[target.type].adapter
    return adapter(config, multiprocessing.get_context("spawn"))


def _problem(target: Target, message: str, hint: str) -> Problem:
    where = f"profile {target.profile_name}, target {target.name}"
    return Problem("profiles.yml", where, "", message, hint)
