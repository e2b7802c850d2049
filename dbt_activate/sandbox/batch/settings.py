"""The knobs of the Batch sandbox."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class BatchSettings(BaseModel):
    """What can be set about the Batch sandbox. The defaults are what Batch documents, or what is likely.

    Attributes:
        rest_api_key: The company's key, which opens all its projects.
        projects: The keys of the company's projects.
        versions: The API versions served; any other answers 404.
        rate_limit: Requests that a project takes in one window; None for no limit.
        rate_window_seconds: The length of that window.
        retry_after: Whether a 429 says how long to wait; Batch documents no header.
        refused_keys_status: How wrong keys are refused: Batch documents 401, others have seen 403.
        error_shape: How errors are written, which is not documented: ``prefixed`` with ``error_code`` and
            ``error_message``, ``plain`` with ``code`` and ``message``, or ``text`` that is no JSON.
        max_ids: The most ids of one request.
        too_many_ids_status: How a request with more is refused.
        max_body_bytes: The largest request; a larger one answers 413. None for no limit: Batch names none.
        unknown_audience_status: How a change of an audience that is not there is refused.
        taken_name_status: How a name that is taken is answered; 202 leaves the audience as it is.
        empty_replace: What replacing everybody by nobody does: it ``clears``, is ``refused`` with a 400,
            or is ``ignored`` behind a 202.
        indexing_polls: How often a token is asked for until it is applied; None for ever.
        indexing_state: How a change is called until then; Batch's pages have both.
        applies_late: Whether members change only once their token is found applied, in the order of the
            changes. By default they change at once, so that a test can look.
        hidden_views: How often an audience that was just made is not known yet.
        lingering_views: How often an audience that was just deleted is still shown, and keeps its name.
        partial_errors: How many ids of an update are named as not taken inside its 202, as in Batch's
            profile API.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    rest_api_key: SecretStr = SecretStr("sandbox-rest-key")
    projects: tuple[str, ...] = Field(
        default=("project_01sandbox0000000000000shop", "project_01sandbox00000000000outlet"), min_length=1
    )
    versions: tuple[str, ...] = ("2.1", "2.2", "2.3", "2.4", "2.6", "2.7", "2.8", "2.9", "2.11", "2.13")
    rate_limit: int | None = Field(default=1, ge=1)
    rate_window_seconds: float = Field(default=1.0, gt=0)
    retry_after: bool = False
    refused_keys_status: Literal[401, 403] = 401
    error_shape: Literal["prefixed", "plain", "text"] = "prefixed"
    max_ids: int = Field(default=10_000, ge=1)
    too_many_ids_status: Literal[400, 413] = 400
    max_body_bytes: int | None = Field(default=None, ge=1)
    unknown_audience_status: Literal[400, 404] = 400
    taken_name_status: Literal[202, 400, 409] = 400
    empty_replace: Literal["clears", "refused", "ignored"] = "clears"
    indexing_polls: int | None = Field(default=1, ge=0)
    indexing_state: Literal["IN_PROGRESS", "IN_PROCESS"] = "IN_PROGRESS"
    applies_late: bool = False
    hidden_views: int = Field(default=0, ge=0)
    lingering_views: int = Field(default=0, ge=0)
    partial_errors: int = Field(default=0, ge=0)
