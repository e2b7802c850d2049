{% test not_after_today(model, column_name) %}
select {{ column_name }}
from {{ model }}
where {{ column_name }} > cast('{{ var("today") }}' as date)
{% endtest %}
