"""Holds the conformance suite against every destination, and against broken ones."""
