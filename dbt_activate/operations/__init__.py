"""What can be done with a project: sync and plan several activations, check, look, reset."""
