{% for percent in [0, 0.5, 10, 12.5, 50, 100] %}
select customer_id, {{ percent }} as percent, 'a' as salt, {{ dbt_activate.holdout('customer_id', percent, 'a') }} as is_held_out
from {{ ref('customers') }}
union all
{% endfor %}
select customer_id, 10 as percent, 'it''s b' as salt, {{ dbt_activate.holdout('customer_id', 10, "it's b") }} as is_held_out
from {{ ref('customers') }}
