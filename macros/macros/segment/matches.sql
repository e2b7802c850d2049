{# Conditions as a SQL expression that is true or false, and never null.

   Every entry must hold. An entry is `all` or `any` with a list of conditions, `not` with conditions, or a
   column with its tests. `place` is where the conditions stand, for messages. #}
{% macro matches(conditions, as_of=none, place='segment') %}
    {%- if conditions is not mapping or not conditions -%}
        {{ dbt_activate.raise_in_segment(place, "must be a mapping of columns to tests, such as {country: {eq: FR}}.") }}
    {%- endif -%}
    {%- set parts = [] -%}
    {%- for name, value in conditions.items() -%}
        {%- set here = place ~ '.' ~ name -%}
        {%- if name == 'all' -%}
            {%- do parts.append(dbt_activate.matches_list(value, ' and ', as_of, here)) -%}
        {%- elif name == 'any' -%}
            {%- do parts.append(dbt_activate.matches_list(value, ' or ', as_of, here)) -%}
        {%- elif name == 'not' -%}
            {%- do parts.append('not ' ~ dbt_activate.matches(value, as_of, here)) -%}
        {%- else -%}
            {%- do parts.append(dbt_activate.column_passes(name, value, as_of, here)) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return('(' ~ parts | join(' and ') ~ ')') }}
{% endmacro %}

{% macro matches_list(conditions, conjunction, as_of, place) %}
    {%- if not dbt_activate.is_list(conditions) -%}
        {{ dbt_activate.raise_in_segment(place, "must be a list of conditions, and not an empty one.") }}
    {%- endif -%}
    {%- set parts = [] -%}
    {%- for one in conditions -%}
        {%- do parts.append(dbt_activate.matches(one, as_of, place ~ '[' ~ loop.index ~ ']')) -%}
    {%- endfor -%}
    {{ return('(' ~ parts | join(conjunction) ~ ')') }}
{% endmacro %}

{% macro is_list(value) %}
    {{ return(value is sequence and value is not string and value is not mapping and value | length > 0) }}
{% endmacro %}
