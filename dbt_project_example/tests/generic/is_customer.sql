{% test is_customer(model, column_name) %}
select {{ column_name }}
from {{ model }}
where {{ column_name }} not in (select customer_id from {{ ref('customers') }})
{% endtest %}
