"""``python -m dbt_activate``."""

from dbt_activate.cli import main

if __name__ == "__main__":
    main()
