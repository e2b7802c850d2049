with numbers as (
    select cast(generated_number as integer) as customer_id
    from ({{ dbt.generate_series(2000) }}) as series
)

select
    customer_id,
    ' Customer' || customer_id || '@Shop.Example' as email,
    case customer_id % 4 when 1 then 'FR' when 2 then 'DE' when 3 then 'SE' end as country,
    customer_id * 7 % 1000 as spend_usd,
    cast('2024-12-31' as date) - customer_id % 200 as last_order_on
from numbers
