"""Warnings: what stands, what is over, and who is told of it."""
