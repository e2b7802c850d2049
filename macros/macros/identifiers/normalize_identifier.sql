{# An identifier as dbt-activate normalises it, byte for byte: white space stripped, and ASCII letters made
   small where the type says so. #}
{% macro normalize_identifier(column, type) %}
    {%- set kind = dbt_activate.identifier_type(type) -%}
    {%- set stripped = dbt_activate.strip_white_space(column) -%}
    {%- set small = dbt_activate.small_ascii_letters(stripped) -%}
    {%- if kind.folds_case -%}
        {{ return(small) }}
    {%- elif kind.hashable -%}
        {{ return("case when " ~ dbt_activate.is_sha256(small) ~ " then " ~ small ~ " else " ~ stripped ~ " end") }}
    {%- else -%}
        {{ return(stripped) }}
    {%- endif -%}
{% endmacro %}

{% macro small_ascii_letters(expression) %}
    {{ return("translate(" ~ expression ~ ", 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')") }}
{% endmacro %}

{% macro strip_white_space(expression) %}
    {{ return(adapter.dispatch('strip_white_space', 'dbt_activate')(expression)) }}
{% endmacro %}

{% macro default__strip_white_space(expression) %}
    {{ return("trim(" ~ expression ~ ", " ~ dbt_activate.white_space() ~ ")") }}
{% endmacro %}

{% macro postgres__strip_white_space(expression) %}
    {{ return("btrim(" ~ expression ~ ", " ~ dbt_activate.white_space() ~ ")") }}
{% endmacro %}

{% macro spark__strip_white_space(expression) %}
    {{ return("trim(both " ~ dbt_activate.white_space() ~ " from " ~ expression ~ ")") }}
{% endmacro %}
