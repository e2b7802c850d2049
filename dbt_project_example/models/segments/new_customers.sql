select customer_id, email, first_order_on
from {{ ref('customers') }}
where customer_for_days < 30
