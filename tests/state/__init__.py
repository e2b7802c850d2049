"""The state tables, one by one."""
