{# The rows of a relation that fulfil conditions written in YAML: by default those of `config.meta.segment`.

   `as_of` is the day from which within_last_days counts, as 2024-12-31; by default today's. #}
{% macro segment(relation, conditions=none, as_of=none) %}
    {#- While dbt parses, the model does not know its meta yet. -#}
    {%- if not execute -%}
        {{ return("select * from " ~ relation) }}
    {%- endif -%}
    {%- set given = (config.get('meta') or {}).get('segment') if conditions is none else conditions -%}
    {%- if given is none -%}
        {{ dbt_activate.raise_in_segment("segment", "has no conditions. Write them in config.meta.segment, or pass them.") }}
    {%- endif -%}
    {{ return("select *\nfrom " ~ relation ~ "\nwhere " ~ dbt_activate.matches(given, as_of)) }}
{% endmacro %}

{% macro raise_in_segment(place, message) %}
    {{ exceptions.raise_compiler_error("dbt_activate: " ~ place ~ " " ~ message) }}
{% endmacro %}
