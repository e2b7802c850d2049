"""The calls on one contact list: amend, clear, statistics."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from dbt_activate.sandbox.call import Call
from dbt_activate.sandbox.criteo.bodies import Amendment, ContactListAmendment, read_body
from dbt_activate.sandbox.criteo.identifiers import SAMPLE_SIZE, split_by_validity
from dbt_activate.sandbox.criteo.problems import Problem, ProblemError, failed, invalid, success
from dbt_activate.sandbox.criteo.segments import CONTACT_LIST, Segment, now
from dbt_activate.sandbox.criteo.settings import Client
from dbt_activate.sandbox.criteo.state import CriteoState

INT32_MAX = 2**31 - 1


def amend(state: CriteoState, client: Client, call: Call, segment_id: str) -> Response:
    """Add identifiers of one type to a contact list, or remove them from it.

    Each form of an address is held as it was sent: whether Criteo takes an address and its hash for
    one member is not documented. Adding who is in and removing who is not are fine, and count as valid.
    """
    segment = _contact_list(state, client, segment_id)
    require_writable(segment)
    amendment = read_body(call, ContactListAmendment).data.attributes
    _check_size(state, amendment)
    change = carry_out(segment, amendment.operation, amendment.identifier_type, amendment.identifiers)
    return success(call, {"type": "ContactlistAmendment", "attributes": change})


def carry_out(
    segment: Segment, operation: str, identifier_type: str, identifiers: Sequence[str]
) -> dict[str, Any]:
    """Add or remove the identifiers that are valid, and say how many are."""
    valid, not_valid = split_by_validity(identifier_type, identifiers)
    change = segment.add if operation == "add" else segment.remove
    change(identifier_type, valid)
    segment.touch()
    return {
        "contactListId": int(segment.id),
        "operation": operation,
        "requestDate": now(),
        "identifierType": identifier_type,
        "nbValidIdentifiers": len(valid),
        "nbInvalidIdentifiers": len(not_valid),
        "sampleInvalidIdentifiers": not_valid[:SAMPLE_SIZE],
    }


def clear(state: CriteoState, client: Client, call: Call, segment_id: str) -> Response:
    """Take everybody out."""
    segment = _contact_list(state, client, segment_id)
    require_writable(segment)
    segment.clear()
    segment.touch()
    return success(call, {"id": segment_id, "type": "AudienceContactlist"})


def statistics(state: CriteoState, client: Client, call: Call, segment_id: str) -> Response:
    """Count the identifiers. Criteo's own figures lag by hours; these do not."""
    segment = _contact_list(state, client, segment_id)
    attributes = counted(segment, state.settings.match_rate)
    return success(call, {"id": segment_id, "type": "ContactListStatistics", "attributes": attributes})


def counted(segment: Segment, match_rate: float) -> dict[str, Any]:
    """Write the statistics of a contact list."""
    return {
        "numberOfIdentifiers": segment.size,
        "numberOfMatches": int(segment.size * match_rate),
        "matchRate": match_rate,
    }


def _contact_list(state: CriteoState, client: Client, segment_id: str) -> Segment:
    if not segment_id.isascii() or not segment_id.isdigit() or int(segment_id) > INT32_MAX:
        raise invalid("The audience segment id must be a number of 32 bits.", pointer="audience-segment-id")
    segment = state.find(segment_id)
    if segment is None:
        raise failed(404)
    if segment.account not in client.advertisers:
        raise failed(403)
    require_contact_list(segment)
    return segment


def require_contact_list(segment: Segment) -> None:
    """Refuse a segment that takes no members.

    Raises:
        ProblemError: It is of another type.
    """
    if segment.type != CONTACT_LIST:
        raise _not_amendable(f"Audience segment {segment.id} is of type {segment.type}, not a contact list")


def require_writable(segment: Segment) -> None:
    """Refuse a contact list that is read-only.

    Raises:
        ProblemError: It is.
    """
    if segment.read_only:
        raise _not_amendable(f"Audience segment {segment.id} is read-only")


def _not_amendable(title: str) -> ProblemError:
    # That these are refused follows from `isReadOnly` and the paths; with which code is not documented.
    return ProblemError(403, Problem("access-control", "audience-invalid", title))


def _check_size(state: CriteoState, amendment: Amendment) -> None:
    if amendment.identifier_type == "gum" and amendment.gum_caller_id is None:
        raise invalid("Identifiers of type gum need a gumCallerId.", code="required-field")
    if len(amendment.identifiers) > state.settings.max_identifiers:
        raise failed(state.settings.too_many_identifiers_status)
