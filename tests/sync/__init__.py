"""The steps of a sync, one by one."""
