"""The tests, one folder or file per part of the package."""
