"""dbt Cloud's Administrative API, version 2, as far as artifacts need it.

Source: the OpenAPI description in dbt-labs/dbt-cloud-openapi-spec (``openapi-v2.yaml``), and
https://docs.getdbt.com/docs/dbt-apis/rate-limits: 5,000 requests a minute and account.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dbt_activate.artifacts.cloud_account import ACCOUNT_ID, API_TOKEN, HOST
from dbt_activate.artifacts.download import RETRY, TIMEOUT_SECONDS, Downloads
from dbt_activate.errors import ArtifactError, Problem
from dbt_activate.http.answer import Fault, kind_of

if TYPE_CHECKING:
    from dbt_activate.artifacts.cloud_account import CloudAccount
    from dbt_activate.http.answer import Answer
    from dbt_activate.throttle import Retry

SUCCESS, ERROR, CANCELLED = 10, 20, 30
"""The statuses of a run that has ended."""

_HINTS = {
    401: f"Check {API_TOKEN}, and that {HOST} is the account's own: a token is good in one region.",
    403: "Give the token a permission that reads jobs and runs, such as Job Viewer.",
}


@dataclass(frozen=True, slots=True)
class CloudRun:
    """A run of a job.

    Attributes:
        id: Its number.
        status: dbt Cloud's code: below 10 while it goes on.
        words: The same in dbt Cloud's words.
        steps: How many steps it has.
        is_saved: Whether its artifacts can be had, as far as dbt Cloud says.
    """

    id: int
    status: int
    words: str
    steps: int
    is_saved: bool = True

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will come of it."""
        return self.status in (SUCCESS, ERROR, CANCELLED)


class DbtCloud:
    """Asks about the runs of one account."""

    def __init__(
        self, account: CloudAccount, *, retry: Retry = RETRY, timeout_seconds: float = TIMEOUT_SECONDS
    ) -> None:
        self.account = account
        self.downloads = Downloads(
            "dbt Cloud",
            account.base_url,
            headers={"Authorization": f"Token {account.token}"},
            judge=_judge,
            retry=retry,
            timeout_seconds=timeout_seconds,
        )

    def run(self, run_id: int) -> CloudRun:
        """Return a run.

        Raises:
            ArtifactError: There is none of that number.
            DestinationError: dbt Cloud does not answer, or does not let us.
        """
        content = self.downloads.get_if_there(self._path(run_id), include_related="run_steps")
        if content is None:
            raise self._unknown(run_id)
        data = content.get("data") if isinstance(content, dict) else None
        if not isinstance(data, dict) or not isinstance(data.get("status"), int):
            message = f"{self.account.base_url} does not answer as dbt Cloud does. Check {HOST}."
            raise ArtifactError(message)
        words = str(data.get("status_humanized") or data["status"]).lower()
        return CloudRun(
            id=run_id,
            status=data["status"],
            words=words,
            steps=len(data.get("run_steps") or ()),
            is_saved=data.get("artifacts_saved") is not False,
        )

    def artifact(self, run_id: int, name: str, step: int | None = None) -> Any:
        """Return an artifact of a run; None if there is none.

        Args:
            run_id: The run.
            name: The file's name.
            step: Which step's; the last one's by default.
        """
        params = {} if step is None else {"step": step}
        return self.downloads.get_if_there(f"{self._path(run_id)}artifacts/{name}", **params)

    def close(self) -> None:
        """Close the connections."""
        self.downloads.close()

    def _path(self, run_id: int) -> str:
        return f"/api/v2/accounts/{self.account.account_id}/runs/{run_id}/"

    def _unknown(self, run_id: int) -> ArtifactError:
        message = f"has no run {run_id} in account {self.account.account_id} that this token may see."
        hint = f"Check the number of the run, {ACCOUNT_ID} and {HOST}."
        return ArtifactError([Problem("dbt Cloud", "", "", message, hint)])


def _judge(answer: Answer) -> Fault | None:
    return None if answer.succeeded else Fault(kind_of(answer.status), hint=_HINTS.get(answer.status, ""))
