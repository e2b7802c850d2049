"""The calls on who is in an audience: add and remove, replace, clear, list.

Each change is a job, and an audience takes one at a time.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from starlette.responses import JSONResponse, Response

from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.purchasely.audience import CustomAudience
from dbt_activate.sandbox.purchasely.audiences import number
from dbt_activate.sandbox.purchasely.refusals import RefusalError
from dbt_activate.sandbox.purchasely.state import PurchaselyState

MAX_LIMIT, DEFAULT_LIMIT = 10_000, 1_000
BUSY = "Custom audience is currently being updated"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def change(state: PurchaselyState, app_id: str, call: Call, vendor_id: str) -> Response:
    """Add some and remove some.

    What one identifier in both lists comes to is not documented; here it is refused.
    """
    held = _idle(state, app_id, vendor_id)
    add, remove = _identifiers(call, "add"), _identifiers(call, "remove")
    if not add and not remove:
        raise RefusalError(422, "EMPTY_PAYLOAD")
    if not set(add).isdisjoint(remove):
        raise RefusalError(422, "INVALID_PAYLOAD", "add and remove overlap")
    valid, skipped = _split(state, [*remove, *add])

    def apply(done: set[str]) -> None:
        held.people.difference_update(done.intersection(remove))
        held.people.update(done.intersection(add))

    return _begin(state, held, valid, skipped, apply)


def replace(state: PurchaselyState, app_id: str, call: Call, vendor_id: str) -> Response:
    """Put others in the place of all who are in; once in twelve hours."""
    held = _idle(state, app_id, vendor_id)
    users = _identifiers(call, "users")
    now = time.time()
    if now < (held.replaced_at or 0) + state.settings.replace_seconds:
        raise RefusalError(429)
    held.replaced_at = now
    valid, skipped = _split(state, users)
    return _begin(state, held, valid, skipped, lambda done: held.members.update({held.identifier_type: done}))


def clear(state: PurchaselyState, app_id: str, call: Call, vendor_id: str) -> Response:
    """Take everybody out."""
    del call
    held = _idle(state, app_id, vendor_id)
    return _begin(state, held, set(held.people), 0, held.people.difference_update)


def read(state: PurchaselyState, app_id: str, call: Call, vendor_id: str) -> Response:
    """List who is in, a page at a time; nobody while a job is under way."""
    limit = number(call, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT)
    held = state.seen(app_id, vendor_id)
    if held.status == "processing":
        return JSONResponse({"users": [], "next_cursor": None, "has_more": False, "warning": BUSY})
    after = call.query.get("cursor", "")
    left = sorted(user for user in held.people if user > after)
    page, has_more = left[:limit], len(left) > limit
    return JSONResponse(
        {
            "users": page,
            "next_cursor": page[-1] if has_more else None,
            "has_more": has_more,
            "warning": None,
        }
    )


def _idle(state: PurchaselyState, app_id: str, vendor_id: str) -> CustomAudience:
    held = state.active(app_id, vendor_id)
    if held.status == "processing":
        raise RefusalError(409, "MUTATION_IN_PROGRESS")
    return held


def _begin(
    state: PurchaselyState,
    held: CustomAudience,
    valid: set[str],
    skipped: int,
    apply: Callable[[set[str]], None],
) -> Response:
    """Carry out a change, and answer as if it had only begun.

    Args:
        state: The knobs.
        held: The audience.
        valid: The identifiers that the change is about.
        skipped: How many more there were, which cannot be any.
        apply: Carries it out, for as many of the valid as the knobs say.
    """
    settings = state.settings
    outcome, done = "ready", valid
    if settings.failing_jobs:
        state.configure(failing_jobs=settings.failing_jobs - 1)
        outcome, done = "failed", set(sorted(valid)[: round(len(valid) * settings.failed_share)])
    if done or outcome == "ready":
        apply(done)
    errors = len(valid) - len(done)
    result = {"processed_count": len(done), "skipped_count": skipped, "error_count": errors}
    leaves_no_trace = settings.silent_when_all_skipped and not valid
    begun = held.begin(outcome, None if leaves_no_trace else result, settings.processing_reads)
    return JSONResponse({"custom_audience": begun}, 202)


def _split(state: PurchaselyState, identifiers: list[str]) -> tuple[set[str], int]:
    """Return the valid identifiers, and how many are empty, too long, or hold a control character."""
    longest, skipped = state.settings.max_identifier_length, state.settings.skipped
    valid = [
        one
        for one in identifiers
        if 0 < len(one) <= longest and not _CONTROL.search(one) and one not in skipped
    ]
    return set(valid), len(identifiers) - len(valid)


def _identifiers(call: Call, key: str) -> list[str]:
    try:
        found = call.json.get(key) or []
    except (ValueError, AttributeError):
        raise RefusalError(422, "INVALID_PAYLOAD", "The body must be a JSON object") from None
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise RefusalError(422, "INVALID_PAYLOAD", f"{key} must be an array of strings")
    return found
