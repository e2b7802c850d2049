"""What we remember between runs, in the user's own warehouse: tables beside the models.

`tables` names and makes them · `lease` lets one run at a time work on an audience · `audiences` knows
which remote audience is ours · `changes` is the log of what runs set out to do and what became of it ·
`snapshot` is who is in an audience as far as we know · `rejections` and `runs` are for people to read.

Every statement is idempotent, so that one that was cut off is simply issued again. Transactions are
used where the engine has them, and nothing depends on them.
"""
