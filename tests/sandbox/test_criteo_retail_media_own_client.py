"""Criteo's own Python client for Retail Media works against the sandbox, where it is installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from dbt_activate.sandbox import Sandbox
from dbt_activate.sandbox.criteo_retail_media import CriteoRetailMedia

sdk = pytest.importorskip("criteo_api_retailmedia_v2026_07", exc_type=ImportError)

# The client counts its token's life with `datetime.utcnow`, which Python 3.12 deprecates.
pytestmark = [
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning"),
    pytest.mark.usefixtures("unchanged_logging"),
]

ACCOUNT = "342345123523334144"


@pytest.fixture
def vendor() -> CriteoRetailMedia:
    """Criteo Retail Media."""
    return CriteoRetailMedia()


@pytest.fixture
def client(vendor: CriteoRetailMedia) -> Iterator[Any]:
    """Criteo's client, pointed at the sandbox; it fetches its own token."""
    from criteo_api_retailmedia_v2026_07.api_client_builder import ApiClientBuilder

    with (
        Sandbox(vendor) as sandbox,
        ApiClientBuilder.WithClientCredentials(
            "sandbox", "sandbox-secret", f"{sandbox.url}/criteo_retail_media"
        ) as api_client,
    ):
        yield api_client
        api_client.rest_client.pool_manager.clear()


@pytest.fixture
def audiences(client: Any) -> Any:
    """The part of the client that is about audiences."""
    from criteo_api_retailmedia_v2026_07.api.audience_api import AudienceApi

    return AudienceApi(client)


def create(audiences: Any, name: str) -> Any:
    """Create a list of customer ids, and return the answer."""
    from criteo_api_retailmedia_v2026_07 import models

    attributes = models.RmAudienceSegmentCreateEntityV1(
        name=name,
        retailer_id="1234",
        contact_list=models.RmContactListCreateV1(identifier_type="CustomerId"),
    )
    resource = models.RmAudienceSegmentCreateEntityV1Resource(
        type="RetailMediaAudienceSegment", attributes=attributes
    )
    body = models.RmAudienceSegmentBulkCreateInputV1(data=[resource])
    return audiences.bulk_create_audience_segments(ACCOUNT, rm_audience_segment_bulk_create_input_v1=body)


def test_it_lists_accounts_and_retailers(client: Any) -> None:
    """The client gets a token by itself, and reads the accounts and the retailers of one."""
    from criteo_api_retailmedia_v2026_07 import models
    from criteo_api_retailmedia_v2026_07.api.accounts_api import AccountsApi
    from criteo_api_retailmedia_v2026_07.api.campaign_api import CampaignApi

    resource = models.ValueResourceOfRetailerSearchRequestV2(
        type="RetailerSearchRequest", attributes=models.RetailerSearchRequestV2()
    )
    body = models.ValueResourceInputOfRetailerSearchRequestV2(data=resource)
    found = CampaignApi(client).search_account_retailers(
        ACCOUNT, value_resource_input_of_retailer_search_request_v2=body
    )
    assert [each.attributes.name for each in found.data] == ["Grocer", "Grocer Express"]
    assert AccountsApi(client).get_accounts().data[0].id == ACCOUNT


def test_it_fills_counts_clears_and_deletes(vendor: CriteoRetailMedia, audiences: Any) -> None:
    """A list lives its whole life through the client, with an id that no float could hold."""
    from criteo_api_retailmedia_v2026_07 import models

    number = create(audiences, "gold").data[0].id
    facts = models.RetailMediaContactlistAmendmentAttributes(
        operation="add", identifier_type="CustomerId", identifiers=["8436881", " "]
    )
    body = models.RetailMediaContactlistAmendmentRequest(
        data=models.RetailMediaContactlistAmendment(type="AddRemoveContactlist", attributes=facts)
    )
    added = audiences.add_remove_contact_list_by_audience_segment(
        number, retail_media_contactlist_amendment_request=body
    )
    assert (str(added.data.contact_list_id), added.data.nb_valid_identifiers) == (number, 1)
    counted = audiences.get_audience_segment_contact_list_statistics(ACCOUNT, number)
    assert counted.data.attributes.number_of_identifiers == 1
    audiences.clear_contact_list_by_audience_segment(number)
    assert vendor.members(number) == {}
    item = models.RmAudienceSegmentDeleteEntityV1Resource(id=number, type="RetailMediaAudienceSegment")
    audiences.bulk_delete_audience_segments(
        ACCOUNT,
        rm_audience_segment_bulk_delete_input_v1=models.RmAudienceSegmentBulkDeleteInputV1(data=[item]),
    )
    assert vendor.audiences() == []


def test_it_sees_a_clash_of_names(audiences: Any) -> None:
    """A name that is taken is a warning in a success."""
    create(audiences, "gold")
    assert [warning.code for warning in create(audiences, "gold").warnings] == ["name-must-be-unique"]
