"""Warehouses: the same promises on every route, with real databases and real processes."""
