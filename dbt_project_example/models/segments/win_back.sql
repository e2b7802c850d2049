select customer_id, email, mobile_ad_id, last_order_on, spend_usd
from {{ ref('customers') }}
where quiet_for_days >= 30 and monetary_score = 5
