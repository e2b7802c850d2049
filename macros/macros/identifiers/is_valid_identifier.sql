{# Whether dbt-activate would send an identifier of this type. Null where the column is null. #}
{% macro is_valid_identifier(column, type) %}
    {%- set kind = dbt_activate.identifier_type(type) -%}
    {%- set value = dbt_activate.normalize_identifier(column, type) -%}
    {%- set valid = dbt_activate.full_match(value, kind.pattern) -%}
    {%- if kind.longest -%}
        {%- set valid = "(" ~ valid ~ " and length(" ~ value ~ ") <= " ~ kind.longest ~ ")" -%}
    {%- endif -%}
    {%- if kind.nobody -%}
        {%- set valid = "(" ~ valid ~ " and " ~ value ~ " <> " ~ dbt_activate.text_literal(kind.nobody) ~ ")" -%}
    {%- endif -%}
    {%- if kind.hashable -%}
        {%- set valid = "(" ~ valid ~ " or " ~ dbt_activate.is_sha256(value) ~ ")" -%}
    {%- endif -%}
    {{ return(valid) }}
{% endmacro %}

{# Without a regular expression, so that hashing does not depend on their dialects. #}
{% macro is_sha256(expression) %}
    {{ return("(length(" ~ expression ~ ") = 64 and translate(" ~ expression ~ ", '0123456789abcdef', '') = '')") }}
{% endmacro %}
