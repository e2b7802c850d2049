"""What the receiver tells of what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dbt_activate.errors import ActivateError
from dbt_activate.reporting.events import Event, Level

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dbt_activate.state.webhook_runs import WebhookRun


def listening(url: str, jobs: Iterable[str]) -> Event:
    """Deliveries are taken from now on."""
    return Event("WebhookListening", f"Listening on {url} for runs of job {', '.join(sorted(jobs))}.")


def refused(reason: str) -> Event:
    """A delivery is not dbt Cloud's, or cannot be read."""
    return Event("DeliveryRefused", f"A delivery was refused: {reason}.", Level.WARN)


def in_words(error: Exception) -> str:
    """Say what went wrong. The words of what is not ours may hold a secret, and are kept out."""
    if isinstance(error, ActivateError):
        return str(error)
    return f"unexpected {type(error).__name__}; --debug shows more"


def unnoted(run: WebhookRun, error: Exception) -> Event:
    """A run cannot be noted, and so is not taken: dbt Cloud will tell of it again."""
    message = f"{_name(run)} cannot be noted, so dbt Cloud is asked to deliver it again: {in_words(error)}"
    return Event("RunNotNoted", message, Level.WARN, _data(run))


def ignored(run: WebhookRun, reason: str) -> Event:
    """A delivery is of no concern."""
    return Event("RunIgnored", f"{_name(run)} is left alone: {reason}.", data=_data(run))


def taken(run: WebhookRun) -> Event:
    """A run waits for its sync."""
    return Event("RunTaken", f"{_name(run)} has ended, and is synced next.", data=_data(run))


def adopted(run: WebhookRun) -> Event:
    """A run was taken by a process that is gone."""
    message = f"{_name(run)} was taken before, by a process that is gone: it is synced again."
    return Event("RunAdopted", message, data=_data(run))


def postponed(run: WebhookRun, error: Exception, seconds: float) -> Event:
    """No sync could be carried out; another try follows."""
    message = f"{_name(run)} cannot be synced now; again in {seconds:g} s. {in_words(error)}"
    return Event("RunPostponed", message, Level.WARN, _data(run))


def ended(run: WebhookRun, state: str, message: str) -> Event:
    """What came of a run."""
    level = Level.ERROR if state == "failed" else Level.INFO
    return Event("RunEnded", f"{_name(run)} is {state}: {message}.", level, {**_data(run), "state": state})


def unclosed(run: WebhookRun, error: Exception) -> Event:
    """What came of a run cannot be noted."""
    message = f"{_name(run)} is synced, which cannot be noted: it will be synced again. {in_words(error)}"
    return Event("RunNotClosed", message, Level.WARN, _data(run))


def left(count: int) -> Event:
    """The receiver ends."""
    rest = f"{count} runs that were taken are synced by the next start." if count else "Nothing was left."
    return Event("WebhookStopped", f"Stopped. {rest}", data={"left": count})


def _name(run: WebhookRun) -> str:
    return f"Run {run.dbt_run_id} of job {run.job_id}"


def _data(run: WebhookRun) -> dict[str, Any]:
    return {"dbt_run_id": run.dbt_run_id, "job_id": run.job_id}
