{# An identifier, normalised, as small-letter hex of its SHA-256. What is such a hash already stays as it is. #}
{% macro hash_identifier(column, type) %}
    {%- if not dbt_activate.identifier_type(type).hashable -%}
        {{ exceptions.raise_compiler_error(
            "dbt_activate: no destination takes " ~ type ~ " hashed. To hash it all the same, write sha256(…)."
        ) }}
    {%- endif -%}
    {%- set value = dbt_activate.normalize_identifier(column, type) -%}
    {{ return(
        "case when " ~ dbt_activate.is_sha256(value) ~ " then " ~ value ~ " else " ~ dbt_activate.sha256(value) ~ " end"
    ) }}
{% endmacro %}
