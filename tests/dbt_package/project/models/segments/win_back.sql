select customer_id, email
from {{ ref('customers') }}
where {{ dbt_activate.matches({'not': {'last_order_on': {'within_last_days': 60}}}, as_of='2024-12-31') }}
    and not {{ dbt_activate.holdout('customer_id', percent=10, salt='win back') }}
