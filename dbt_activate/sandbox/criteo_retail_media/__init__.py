"""Criteo Retail Media: accounts, retailers, audience segments, contact lists.

After Criteo's OpenAPI document of version 2026-07
(https://api.criteo.com/2026-07/retailmedia/open-api-specifications.json) and its developer pages
(https://developers.criteo.com/retail-media). What those leave open is a setting, or named where it is
decided. The gateway is that of all of Criteo's products.
"""

from dbt_activate.sandbox.criteo_retail_media.api import CriteoRetailMedia
from dbt_activate.sandbox.criteo_retail_media.segments import RetailMediaSegment
from dbt_activate.sandbox.criteo_retail_media.settings import (
    Account,
    RetailMediaClient,
    RetailMediaSettings,
)

__all__ = ["Account", "CriteoRetailMedia", "RetailMediaClient", "RetailMediaSegment", "RetailMediaSettings"]
