"""dbt's artifacts from elsewhere than the target folder."""
