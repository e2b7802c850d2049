{# A value as it came from YAML or Jinja, as a SQL literal; null for none. #}
{% macro literal(value) %}
    {%- if value is none -%}
        {{ return('null') }}
    {%- elif value is boolean or value is number -%}
        {{ return(value | string | lower) }}
    {%- elif value.isoformat is defined -%}
        {{ return(dbt_activate.text_literal(value.isoformat())) }}
    {%- else -%}
        {{ return(dbt_activate.text_literal(value)) }}
    {%- endif -%}
{% endmacro %}
