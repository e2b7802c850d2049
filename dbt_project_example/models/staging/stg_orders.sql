-- A customer's purchases of one day are one order, as Fader and Hardie count them.
select
    customer_id || '-' || strftime(ordered_on, '%Y%m%d') as order_id,
    customer_id,
    ordered_on,
    sum(quantity) as quantity,
    sum(amount_usd) as amount_usd
from {{ ref('raw_orders') }}
where ordered_on <= cast('{{ var("today") }}' as date)
group by customer_id, ordered_on
