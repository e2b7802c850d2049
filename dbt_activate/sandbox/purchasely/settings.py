"""The knobs of the Purchasely sandbox."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class App(BaseModel):
    """An app, with its client API key.

    Attributes:
        key: Its key; every app has its own.
        has_custom_audiences: Whether its account has the paid option.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    key: SecretStr
    has_custom_audiences: bool = True


class PurchaselySettings(BaseModel):
    """What can be set about the Purchasely sandbox. The defaults are what Purchasely documents.

    Attributes:
        apps: The apps, by id.
        rate_limit: Requests that a key may make in one window; None for no limit.
        rate_window_seconds: The length of that window.
        says_when: Whether a 429 has a ``Retry-After``; that is not documented.
        max_body_bytes: The largest request; a larger one answers 413.
        processing_reads: How many reads of an audience show it ``processing`` after a change.
        failing_jobs: How many of the next changes are taken, and then fail.
        failed_share: Which share of its identifiers a change that fails carries out all the same.
        silent_when_all_skipped: Whether a change of which every identifier is skipped leaves no trace:
            neither ``last_synced_at`` nor ``last_job_result`` moves. That is not documented.
        max_identifier_length: A longer identifier is skipped; the number is not published.
        skipped: Identifiers that are skipped besides, whatever their form.
        replace_seconds: How long an audience's members cannot be replaced again.
        clash_status: How a ``vendor_id`` that is taken is refused; that is not documented.
        archived_keys: Whether the ``vendor_id`` of an archived audience is ``free`` or still ``taken``;
            that is not documented.
        archived_reads: Whether reading an archived audience finds it ``missing`` or still ``shown``; that is
            not documented.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    apps: dict[str, App] = {
        "app_sandbox": App(key=SecretStr("sandbox-key")),
        "app_other": App(key=SecretStr("other-key")),
    }
    rate_limit: int | None = Field(default=60, ge=1)
    rate_window_seconds: float = Field(default=60, gt=0)
    says_when: bool = False
    max_body_bytes: int = Field(default=10_000_000, ge=1)
    processing_reads: int = Field(default=1, ge=0)
    failing_jobs: int = Field(default=0, ge=0)
    failed_share: float = Field(default=0, ge=0, le=1)
    silent_when_all_skipped: bool = False
    max_identifier_length: int = Field(default=512, ge=1)
    skipped: frozenset[str] = frozenset()
    replace_seconds: float = Field(default=12 * 3600, ge=0)
    clash_status: Literal[409, 422] = 422
    archived_keys: Literal["free", "taken"] = "free"
    archived_reads: Literal["missing", "shown"] = "missing"
