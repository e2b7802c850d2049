"""The examples of the documentation, in the real orchestrators that they are for."""
