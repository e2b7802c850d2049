"""Criteo Marketing Solutions: advertisers, audience segments, contact lists.

After Criteo's OpenAPI document of version 2026-07
(https://api.criteo.com/2026-07/marketingsolutions/open-api-specifications.json) and its developer
pages (https://developers.criteo.com). What those leave open is named where it is decided.
"""

from dbt_activate.sandbox.criteo.api import Criteo
from dbt_activate.sandbox.criteo.segments import Segment
from dbt_activate.sandbox.criteo.settings import Client, CriteoSettings

__all__ = ["Client", "Criteo", "CriteoSettings", "Segment"]
