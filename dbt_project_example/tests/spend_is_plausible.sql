-- Who spends more than this in two months is a mistake in the data rather than a customer.
select customer_id, spend_60_days_usd
from {{ ref('big_spenders') }}
where spend_60_days_usd > {{ var('implausible_spend_usd') }}
