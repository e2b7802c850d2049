"""Holds README.md and docs/ to what the program does; ``python -m tests.docs`` brings them up to date."""
