{# A moment, in UTC, as the timestamps of the state are: without a time zone. #}
{% macro timestamp_literal(moment) %}
    {{ return("cast('" ~ moment.strftime('%Y-%m-%d %H:%M:%S.%f') ~ "' as " ~ dbt_activate.column_type('timestamp') ~ ")") }}
{% endmacro %}
