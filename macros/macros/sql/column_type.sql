{# A type as sources.yml writes it, as this warehouse calls it. #}
{% macro column_type(name) %}
    {%- set types = {
        'varchar': dbt.type_string(),
        'bigint': dbt.type_bigint(),
        'integer': dbt.type_int(),
        'real': dbt.type_float(),
        'boolean': dbt.type_boolean(),
        'timestamp': dbt.type_timestamp(),
    } -%}
    {{ return(types[name] | trim) }}
{% endmacro %}
