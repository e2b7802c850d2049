"""Destinations, each against a real socket."""
