"""Alerts: find out what people should know of, remember what they were told, and tell them."""
