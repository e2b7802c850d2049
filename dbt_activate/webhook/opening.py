"""Makes a receiver for a project: what it needs is looked up before anything is listened to."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from dbt_activate.artifacts.cloud_account import read_account
from dbt_activate.errors import ConfigError
from dbt_activate.state.webhook_runs import WebhookRun, WebhookRuns
from dbt_activate.webhook.intake import Concern
from dbt_activate.webhook.receiver import Receiver, read_secret

if TYPE_CHECKING:
    from dbt_activate.operations.workspace import Workspace
    from dbt_activate.reporting.events import Emit
    from dbt_activate.reporting.results import SyncResult


def open_receiver(
    workspace: Workspace,
    sync: Callable[[int], SyncResult],
    emit: Emit,
    jobs: Iterable[int],
    *,
    also_failed: bool,
    address: tuple[str, int],
) -> Receiver:
    """Make a receiver ready.

    Args:
        workspace: The project.
        sync: Syncs after the run of a number.
        emit: Is told what happens.
        jobs: The jobs whose runs count.
        also_failed: Whether runs that failed count.
        address: Where to listen.

    Raises:
        ConfigError: The project's files are wrong, or a setting of dbt Cloud is missing.
    """
    _check_installed()
    if workspace.place.artifacts is not None:
        raise ConfigError("A receiver reads the artifacts of the run that it is told of: name no others.")
    account, secret = read_account(workspace.environment), read_secret(workspace.environment)
    concern = Concern(account.account_id, frozenset(map(str, jobs)), also_failed)
    if not concern.jobs:
        raise ConfigError("A receiver needs the number of at least one job.")
    _ = workspace.destinations  # what is wrong there is said now, not at the first delivery
    runs = WebhookRuns(workspace.warehouse, workspace.tables, workspace.place.clock)
    host, port = address

    def sync_after(run: WebhookRun) -> str:
        return _in_words(sync(int(run.dbt_run_id)))

    return Receiver(secret, concern, runs, sync_after, emit, host=host, port=port)


def _in_words(result: SyncResult) -> str:
    failed, all_ = len(result.failures), len(result)
    return f"{failed} of {all_} activations failed" if failed else f"{all_} activations went well"


def _check_installed() -> None:
    try:
        import uvicorn  # noqa: F401  (only whether it is there)
    except ModuleNotFoundError:
        raise ConfigError(
            "The receiver needs uvicorn. Install it with: pip install 'dbt-activate[webhook]'"
        ) from None
