"""Batch, the customer engagement platform: projects, audiences, tokens of what is still being indexed.

After https://doc.batch.com/developer/api/cep/audiences. What that leaves open is a knob of
`BatchSettings`.
"""

from dbt_activate.sandbox.batch.api import Batch
from dbt_activate.sandbox.batch.audiences import BatchAudience
from dbt_activate.sandbox.batch.settings import BatchSettings

__all__ = ["Batch", "BatchAudience", "BatchSettings"]
