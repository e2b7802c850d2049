select customer_id, email, last_order_on
from {{ ref('customers') }}
where quiet_for_days >= 45
