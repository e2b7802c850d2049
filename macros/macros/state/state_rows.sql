{# What to select from for a state table: the table, or nothing with the same columns where it has not been
   made yet, so that a project builds before its first sync. #}
{% macro state_rows(name) %}
    {%- set relation = source('dbt_activate', name) -%}
    {%- if not execute or load_relation(relation) is not none -%}
        {#- Rendered here, since with --empty dbt would add an alias of its own before the model's. -#}
        {{ return(relation.render()) }}
    {%- endif -%}
    {%- set columns = [] -%}
    {%- for column in graph.sources['source.dbt_activate.dbt_activate.' ~ name].columns.values() -%}
        {%- do columns.append("cast(null as " ~ dbt_activate.column_type(column.data_type) ~ ") as " ~ column.name) -%}
    {%- endfor -%}
    {{ return("(select * from (select " ~ columns | join(', ') ~ ") as columns_only where 1 = 0)") }}
{% endmacro %}
