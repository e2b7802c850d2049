with orders as (

    select
        *,
        date_diff('day', ordered_on, cast('{{ var("today") }}' as date)) as days_ago
    from {{ ref('stg_orders') }}

),

customers as (

    select
        customer_id,
        min(ordered_on) as first_order_on,
        max(ordered_on) as last_order_on,
        max(days_ago) as customer_for_days,
        min(days_ago) as quiet_for_days,
        count(*) as orders,
        sum(amount_usd) as spend_usd,
        coalesce(sum(amount_usd) filter (where days_ago < 60), 0) as spend_60_days_usd
    from orders
    group by customer_id

),

-- Ranks and not ntile, so that equal customers have equal scores.
ranked as (

    select
        *,
        percent_rank() over (order by last_order_on) as recency,
        percent_rank() over (order by orders) as frequency,
        percent_rank() over (order by spend_usd) as monetary
    from customers

)

select
    customer_id,
    'customer-' || customer_id || '@example.com' as email,
    {{ mobile_ad_id('customer_id') }} as mobile_ad_id,
    first_order_on,
    last_order_on,
    customer_for_days,
    quiet_for_days,
    orders,
    spend_usd,
    spend_60_days_usd,
    {{ score('recency') }} as recency_score,
    {{ score('frequency') }} as frequency_score,
    {{ score('monetary') }} as monetary_score
from ranked
