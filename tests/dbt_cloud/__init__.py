"""dbt Cloud, as its documentation describes it, and what we make of it."""
