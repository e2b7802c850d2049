"""The user's dbt project, read from its files. dbt itself is never imported here."""
