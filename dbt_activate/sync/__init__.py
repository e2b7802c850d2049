"""The sync of one activation: `run` knows the order of the steps, every other module is one of them.

segment, snapshot → `diff` → `plan` → log (`ledger`) → `push` → apply (`ledger`); `audience` ties an
activation to its remote audience, `tally` counts what was answered.
"""
