"""Selligent: organizations, lists of profiles, and their static segments.

After the description of the Portal API v1 that every tenant serves (``/Portal/Api/swagger/``) and the
vendor's developer pages (https://developers.meetmarigold.com/engage/api/smc-v1). What those leave open is
a knob in `SelligentSettings`.
"""

from dbt_activate.sandbox.selligent.api import Selligent
from dbt_activate.sandbox.selligent.settings import Account, Field, ProfileList, SelligentSettings
from dbt_activate.sandbox.selligent.state import Segment

__all__ = ["Account", "Field", "ProfileList", "Segment", "Selligent", "SelligentSettings"]
