"""What dbt Cloud delivers when a run of a job has ended.

Source: https://docs.getdbt.com/docs/deploy/webhooks#completed-run-event. Numbers come as text or as numbers,
and a part of what is shown there may be missing, or be null.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from dbt_activate.state.webhook_runs import WebhookRun

COMPLETED = "job.run.completed"
"""The event of a run that has ended, well or not."""

_SUCCESS, _CANCELLED = {"10", "success"}, {"30", "cancelled", "canceled"}

_Number = Annotated[str, StringConstraints(pattern=r"^\d{1,19}$")]
_Text = Annotated[str, BeforeValidator(lambda value: "" if value is None else value)]


class _Loose(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", hide_input_in_errors=True, coerce_numbers_to_str=True
    )


class Data(_Loose):
    """What a delivery says of the run."""

    job_id: _Number = Field(alias="jobId")
    run_id: _Number = Field(alias="runId")
    run_status: _Text = Field(default="", alias="runStatus")
    run_status_code: _Text = Field(default="", alias="runStatusCode")
    run_finished_at: _Text = Field(default="", alias="runFinishedAt")


class Delivery(_Loose):
    """One delivery."""

    account_id: _Number = Field(alias="accountId")
    event_type: str = Field(alias="eventType")
    timestamp: str
    data: Data

    @property
    def has_succeeded(self) -> bool:
        """Whether all steps of the run went well."""
        return self._status in _SUCCESS

    @property
    def was_cancelled(self) -> bool:
        """Whether a person or dbt Cloud stopped the run."""
        return self._status in _CANCELLED

    @property
    def run(self) -> WebhookRun:
        """The run that it is about."""
        ended_at = _moment(self.data.run_finished_at) or _moment(self.timestamp) or _NEVER
        return WebhookRun(self.data.run_id, self.data.job_id, ended_at)

    @property
    def _status(self) -> str:
        return self.data.run_status_code or self.data.run_status.lower()


_NEVER = datetime(1970, 1, 1)  # noqa: DTZ001  (UTC without a zone, as the state tables hold it)


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found.astimezone(UTC).replace(tzinfo=None) if found.tzinfo else found
