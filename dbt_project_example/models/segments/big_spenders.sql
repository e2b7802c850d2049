select customer_id, email, mobile_ad_id, spend_60_days_usd
from {{ ref('customers') }}
where spend_60_days_usd >= 150
