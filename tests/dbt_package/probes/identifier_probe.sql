{% for type in var('identifier_types') %}
select
    id,
    {{ dbt_activate.normalize_identifier('raw', type) }} as normalised,
    {{ dbt_activate.is_valid_identifier('raw', type) }} as is_valid,
    {% if type in var('hashable_types') %}{{ dbt_activate.hash_identifier('raw', type) }}{% else %}null{% endif %} as hashed
from {{ source('probe', 'identifiers') }}
where type = '{{ type }}'
{{ 'union all' if not loop.last }}
{% endfor %}
