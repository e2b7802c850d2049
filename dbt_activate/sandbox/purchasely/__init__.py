"""Purchasely: the Custom Audiences API of its apps.

After https://docs.purchasely.com/docs/custom-audiences-api. What that leaves open is a knob, or named where
it is decided.
"""

from dbt_activate.sandbox.purchasely.api import Purchasely
from dbt_activate.sandbox.purchasely.audience import CustomAudience
from dbt_activate.sandbox.purchasely.settings import App, PurchaselySettings

__all__ = ["App", "CustomAudience", "Purchasely", "PurchaselySettings"]
