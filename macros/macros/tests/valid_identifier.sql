{# Every value of the column is an identifier that dbt-activate would send. Nulls are none. #}
{% test valid_identifier(model, column_name, type) %}
select {{ column_name }}
from {{ model }}
where not {{ dbt_activate.is_valid_identifier(column_name, type) }}
{% endtest %}
