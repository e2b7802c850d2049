{# A text as a SQL literal, whatever is in it. #}
{% macro text_literal(value) %}
    {{ return(adapter.dispatch('text_literal', 'dbt_activate')(value | string)) }}
{% endmacro %}

{% macro default__text_literal(value) %}
    {{ return("'" ~ value | replace("'", "''") ~ "'") }}
{% endmacro %}

{# In these, a backslash escapes what comes after it. #}
{% macro snowflake__text_literal(value) %}
    {{ return("'" ~ value | replace("\\", "\\\\") | replace("'", "''") ~ "'") }}
{% endmacro %}

{% macro bigquery__text_literal(value) %}
    {%- set escaped = value | replace("\\", "\\\\") | replace("'", "\\'") | replace("\n", "\\n") | replace("\r", "\\r") -%}
    {{ return("'" ~ escaped ~ "'") }}
{% endmacro %}

{% macro spark__text_literal(value) %}
    {{ return("'" ~ value | replace("\\", "\\\\") | replace("'", "\\'") ~ "'") }}
{% endmacro %}
