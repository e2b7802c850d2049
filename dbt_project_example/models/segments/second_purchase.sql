select customer_id, email, mobile_ad_id, first_order_on
from {{ ref('customers') }}
where orders = 1 and customer_for_days between 14 and 27
