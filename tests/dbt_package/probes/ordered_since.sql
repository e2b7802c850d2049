{{ dbt_activate.segment(ref('customers')) }}
