"""dbt's artifacts from elsewhere: a web address, an object store, or a run of dbt Cloud."""
