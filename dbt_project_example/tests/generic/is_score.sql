{% test is_score(model, column_name) %}
select {{ column_name }}
from {{ model }}
where {{ column_name }} is null or {{ column_name }} not in (1, 2, 3, 4, 5)
{% endtest %}
