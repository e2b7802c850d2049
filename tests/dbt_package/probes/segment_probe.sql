{% for conditions in var('conditions') %}
select {{ loop.index0 }} as number, id, {{ dbt_activate.matches(conditions, as_of='2024-12-31') }} as passes
from {{ source('probe', 'people') }}
{{ 'union all' if not loop.last }}
{% endfor %}
