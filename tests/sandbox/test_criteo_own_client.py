"""Criteo's own Python client works against the sandbox."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from criteo_api_marketingsolutions_v2026_07.api.advertiser_api import AdvertiserApi
from criteo_api_marketingsolutions_v2026_07.api.audience_api import AudienceApi
from criteo_api_marketingsolutions_v2026_07.api_client_builder import ApiClientBuilder
from criteo_api_marketingsolutions_v2026_07.exceptions import ApiException
from criteo_api_marketingsolutions_v2026_07.models import (
    AudienceSegmentBulkCreateInputV1,
    AudienceSegmentCreateEntityV1,
    AudienceSegmentCreateEntityV1Resource,
    AudienceSegmentSearchEntityV1,
    AudienceSegmentSearchEntityV1Resource,
    AudienceSegmentSearchInputV1,
    ContactlistAmendment,
    ContactlistAmendmentAttributes,
    ContactlistAmendmentRequest,
)

from dbt_activate.sandbox import Sandbox

# The client counts its token's life with `datetime.utcnow`, which Python 3.12 deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning"),
    pytest.mark.usefixtures("unchanged_logging"),
]


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Any]:
    """Criteo's client, pointed at the sandbox; it fetches its own token."""
    with ApiClientBuilder.WithClientCredentials("sandbox", "sandbox-secret", sandbox.url) as api_client:
        yield api_client
        api_client.rest_client.pool_manager.clear()


def create(client: Any, name: str) -> str:
    """Create a contact list and return its id."""
    attributes = AudienceSegmentCreateEntityV1(advertiser_id="73550", name=name, contact_list={})
    resource = AudienceSegmentCreateEntityV1Resource(type="AudienceSegment", attributes=attributes)
    body = AudienceSegmentBulkCreateInputV1(data=[resource])
    answer = AudienceApi(client).create_audience_segments(audience_segment_bulk_create_input_v1=body)
    segment_id: str = answer.data[0].id
    return segment_id


def amend(client: Any, segment_id: str, operation: str, identifiers: list[str]) -> Any:
    """Add or remove e-mail addresses and return the attributes of the answer."""
    attributes = ContactlistAmendmentAttributes(
        operation=operation, identifier_type="email", identifiers=identifiers
    )
    body = ContactlistAmendmentRequest(
        data=ContactlistAmendment(type="ContactlistAmendment", attributes=attributes)
    )
    answer = AudienceApi(client).update_contact_list_by_audience_segment(
        segment_id, contactlist_amendment_request=body
    )
    return answer.data.attributes


def test_it_lists_advertisers(client: Any) -> None:
    """The client gets a token by itself and reads the portfolio."""
    found = AdvertiserApi(client).list_advertisers().data
    assert [advertiser.attributes.advertiser_name for advertiser in found] == ["Shop FR", "Shop DE"]


def test_it_creates_and_finds_a_segment(client: Any) -> None:
    """A segment made through the client is found by its search."""
    segment_id = create(client, "lapsed")
    filters = AudienceSegmentSearchEntityV1(advertiser_ids=["73550"], audience_segment_types=["ContactList"])
    body = AudienceSegmentSearchInputV1(
        data=AudienceSegmentSearchEntityV1Resource(type="AudienceSegment", attributes=filters)
    )
    found = AudienceApi(client).search_audience_segments(limit=100, audience_segment_search_input_v1=body)
    assert (found.meta.total_items, found.data[0].id) == (1, segment_id)
    assert found.data[0].attributes.contact_list.is_read_only is False


def test_it_adds_removes_and_counts(sandbox: Sandbox, client: Any) -> None:
    """Members go in and out through the client, and its statistics agree."""
    segment_id = create(client, "lapsed")
    added = amend(client, segment_id, "add", ["a@b.co", "c@d.co", "nonsense"])
    assert (added.nb_valid_identifiers, added.nb_invalid_identifiers) == (2, 1)
    amend(client, segment_id, "remove", ["a@b.co"])
    counts = AudienceApi(client).get_audience_segment_contact_list_statistics(segment_id).data.attributes
    assert counts.number_of_identifiers == 1
    assert sandbox.criteo.members(segment_id) == {"email": {"c@d.co"}}
    cleared = AudienceApi(client).delete_contact_list_by_audience_segment(segment_id)
    assert (cleared.data.id, sandbox.criteo.members(segment_id)) == (segment_id, {})


def test_it_sees_a_clash_of_names(client: Any) -> None:
    """The client raises on a name that is taken, with the code in the body."""
    create(client, "lapsed")
    with pytest.raises(ApiException, match="name-must-be-unique") as caught:
        create(client, "lapsed")
    assert caught.value.status == 400
