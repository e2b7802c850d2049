"""An Airflow operator: ``sync`` as a task. Imports Airflow, so nothing else imports this module.

The command runs in a process of its own, which may be one of another virtual environment: dbt and Airflow
seldom agree on their dependencies. When Airflow ends the task, the command ends in an orderly way.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

try:
    from airflow.sdk import BaseOperator
except ImportError:  # Airflow 2
    from airflow.models import BaseOperator

_LEVELS = {"debug": 10, "info": 20, "warn": 30, "error": 40}


class DbtActivateSyncOperator(BaseOperator):  # type: ignore[misc]  # Airflow is not where types are checked
    """Brings audiences in step with their models, after the task that ran dbt.

    Its result (XCom) is a list with the activation, the status and the counts of each. The task fails as the
    command does: where an activation failed, a guard tripped, or the project's files are wrong.
    """

    template_fields: Sequence[str] = (
        *("project_dir", "target", "select", "exclude", "selector", "vars"),
        *("artifacts", "dbt_cloud_run_id", "env"),
    )
    ui_color = "#e8f4ea"

    def __init__(
        self,
        *,
        project_dir: str,
        target: str | None = None,
        select: Sequence[str] = (),
        exclude: Sequence[str] = (),
        selector: str | None = None,
        profiles_dir: str | None = None,
        vars: str | Mapping[str, Any] | None = None,  # noqa: A002  (dbt's name of it)
        artifacts: str | None = None,
        dbt_cloud_run_id: int | str | None = None,
        flags: Sequence[str] = (),
        executable: str | None = None,
        env: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        """Say what is to be synced; see the flags of ``dbt-activate sync``.

        Args:
            project_dir: The folder of ``dbt_project.yml``; the command runs there.
            target: The dbt target.
            select: What to sync; everything by default.
            exclude: What to leave out.
            selector: A selector of ``selectors.yml``.
            profiles_dir: The folder of ``profiles.yml``.
            vars: Variables.
            artifacts: Where dbt's artifacts are, if not in the project's target folder.
            dbt_cloud_run_id: The run of dbt Cloud whose artifacts are used.
            flags: Further flags, such as ``["--require-results"]``.
            executable: The ``dbt-activate`` to run; by default the one beside this Python.
            env: Environment variables beside those of the task, such as credentials.
            kwargs: What every operator takes.
        """
        super().__init__(**kwargs)
        self.project_dir = project_dir
        self.target = target
        self.select = select
        self.exclude = exclude
        self.selector = selector
        self.profiles_dir = profiles_dir
        self.vars = vars
        self.artifacts = artifacts
        self.dbt_cloud_run_id = dbt_cloud_run_id
        self.flags = flags
        self.executable = executable
        self.env = env
        self._process: subprocess.Popen[str] | None = None

    def execute(self, context: Any) -> list[dict[str, Any]]:
        """Sync, and write what happens to the task's log."""
        del context
        with subprocess.Popen(
            self.command(),
            cwd=self.project_dir,
            env={**os.environ, **(self.env or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
        ) as process:
            self._process = process
            try:
                results = self._hear(process)
            except BaseException:  # such as Airflow's execution_timeout, which leaves the command running
                self.on_kill()
                self._hear(process)
                raise
        if process.returncode != 0:
            message = f"dbt-activate ended with exit code {process.returncode}; see the log above."
            raise RuntimeError(message)
        return results

    def on_kill(self) -> None:
        """End the command as Ctrl-C does: what is under way is waited for, nothing new is begun."""
        if self._process and self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)

    def command(self) -> list[str]:
        """Return the command line."""
        variables = self.vars if isinstance(self.vars, str | None) else json.dumps(self.vars)
        given = {
            "--target": self.target,
            "--selector": self.selector,
            "--profiles-dir": self.profiles_dir,
            "--vars": variables,
            "--artifacts": self.artifacts,
            "--dbt-cloud-run-id": self.dbt_cloud_run_id,
        }
        command = [self.executable or _executable(), "sync", "--log-format", "json"]
        for flag, value in given.items():
            command += [] if value is None else [flag, str(value)]
        for flag, values in (("--select", self.select), ("--exclude", self.exclude)):
            for value in [values] if isinstance(values, str) else values:
                command += [flag, value]
        return [*command, *self.flags]

    def _hear(self, process: subprocess.Popen[str]) -> list[dict[str, Any]]:
        """Log what the command says until it ends; return the results that it tells."""
        return [result for line in process.stdout or () for result in self._heard(line)]

    def _heard(self, line: str) -> list[dict[str, Any]]:
        """Log a line of the command; return the result that it tells, if it does."""
        try:
            event = json.loads(line)
            info, data = event["info"], event["data"]
            name, level, message = info["name"], _LEVELS.get(info["level"], 20), info["msg"]
        except (ValueError, KeyError, TypeError):  # not the command's own: dbt, or a warning of Python
            self.log.info("%s", line.rstrip())
            return []
        self.log.log(level, "%s", message)
        return [data] if name == "ActivationResult" else []


def _executable() -> str:
    beside = Path(sys.executable).with_name("dbt-activate")
    return str(beside) if beside.exists() else shutil.which("dbt-activate") or "dbt-activate"
