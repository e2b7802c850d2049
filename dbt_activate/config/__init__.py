"""What the user writes: activations in dbt's files, ``destinations.yml``, and settings in vars."""
