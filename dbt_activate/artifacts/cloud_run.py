"""The artifacts of a run of dbt Cloud: waited for, and of the step that tells how the models went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NoReturn

from dbt_activate.artifacts.cloud_account import WAIT_SECONDS
from dbt_activate.artifacts.dbt_cloud import CANCELLED, SUCCESS, CloudRun, DbtCloud
from dbt_activate.artifacts.download import RETRY, TIMEOUT_SECONDS, keep
from dbt_activate.artifacts.origin import MANIFEST, RUN_RESULTS, SOURCES
from dbt_activate.dbt.run_results import SILENT, command_of
from dbt_activate.errors import ArtifactError, Problem
from dbt_activate.http.polling import poll

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dbt_activate.artifacts.cloud_account import CloudAccount
    from dbt_activate.throttle import Retry

SAVING_SECONDS = 60.0
"""How long to wait at most for the artifacts of a run that has ended: dbt Cloud saves them after its end.

A run that failed before dbt began has none, and never says that they are saved.
"""


class CloudRunOrigin:
    """The artifacts of one run.

    Attributes:
        name: What to call it in messages.
    """

    def __init__(
        self,
        account: CloudAccount,
        run_id: int,
        say: Callable[[str], None],
        *,
        retry: Retry = RETRY,
        timeout_seconds: float = TIMEOUT_SECONDS,
    ) -> None:
        self.name = f"dbt-cloud-run-{run_id}"
        self._run_id = run_id
        self._say = say
        self._wait_seconds = account.wait_seconds
        self._cloud = DbtCloud(account, retry=retry, timeout_seconds=timeout_seconds)

    def fetch(self, folder: Path) -> None:
        """Put the manifest into a folder, and what there is of the other files."""
        try:
            run = self._ended()
            step, results = self._results(run)
            manifest = self._artifact(MANIFEST, step) or self._artifact(MANIFEST)
            if manifest is None:
                raise self._problem(
                    f"ended with {run.words}, and dbt Cloud keeps no {MANIFEST} of it.",
                    "Did it fail before dbt began, or is it too old? Take a later run.",
                )
            keep(folder, MANIFEST, manifest)
            keep(folder, RUN_RESULTS, results)
            keep(folder, SOURCES, self._artifact(SOURCES))
        finally:
            self._cloud.close()

    def _ended(self) -> CloudRun:
        run = self._cloud.run(self._run_id)
        if not run.has_ended:
            self._say(f"dbt Cloud run {self._run_id} is {run.words}: waiting until it has ended.")
            run = self._wait(lambda now: now.has_ended, self._wait_seconds) or self._never_ends(run)
        if run.status == CANCELLED:
            raise self._problem(
                "was cancelled: some of its models and tests may not have run.", "Sync after the next run."
            )
        if not run.is_saved:
            self._say(f"dbt Cloud run {self._run_id} has ended: waiting until its artifacts are saved.")
            run = self._wait(lambda now: now.is_saved, min(SAVING_SECONDS, self._wait_seconds)) or run
        return run

    def _wait(self, is_ready: Callable[[CloudRun], bool], seconds: float) -> CloudRun | None:
        def ask() -> CloudRun | None:
            now = self._cloud.run(self._run_id)
            return now if is_ready(now) else None

        downloads = self._cloud.downloads
        return poll(ask, throttle=downloads.throttle, retry=downloads.retry, limit_seconds=seconds)

    def _never_ends(self, run: CloudRun) -> NoReturn:
        raise self._problem(
            f"is still {run.words} after {self._wait_seconds:g} s of waiting.",
            f"Sync once it has ended, or set {WAIT_SECONDS} higher.",
        )

    def _results(self, run: CloudRun) -> tuple[int | None, Any]:
        """Return the last results that tell how models and tests went, and the step that they are of.

        A job that also generates docs, as a tick in its settings has it, ends with a step that does not.
        """
        last = self._artifact(RUN_RESULTS)
        if _tells(last):
            return None, last
        for step in range(run.steps - 1, 0, -1):
            results = self._artifact(RUN_RESULTS, step)
            if _tells(results):
                return step, results
        if run.status != SUCCESS:
            raise self._problem(
                f"ended with {run.words}, and no {RUN_RESULTS} of it says which models and tests failed.",
                "Nothing is sent by it. Sync after the next run.",
            )
        return None, last

    def _artifact(self, name: str, step: int | None = None) -> Any:
        return self._cloud.artifact(self._run_id, name, step)

    def _problem(self, message: str, hint: str) -> ArtifactError:
        return ArtifactError([Problem(f"dbt Cloud run {self._run_id}", "", "", message, hint)])


def _tells(results: Any) -> bool:
    return isinstance(results, Mapping) and command_of(results) not in SILENT
