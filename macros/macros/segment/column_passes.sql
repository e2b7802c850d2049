{# All tests of one column, such as {gte: 10, lt: 20}.

   A null passes only is_null, ne and not_in, so that every test is true or false, and `not` its opposite. #}
{% macro column_passes(name, tests, as_of, place) %}
    {%- if name is not string or '"' in name or '`' in name or not name -%}
        {{ dbt_activate.raise_in_segment(place, "is not the name of a column. Quote names that YAML takes for something else, such as on and yes.") }}
    {%- endif -%}
    {%- if tests is not mapping or not tests -%}
        {{ dbt_activate.raise_in_segment(place, "must be a mapping of tests to values, such as {eq: FR}.") }}
    {%- endif -%}
    {%- set parts = [] -%}
    {%- for test, value in tests.items() -%}
        {%- do parts.append(dbt_activate.passes(dbt_activate.column_name(name), test, value, as_of, place ~ '.' ~ test)) -%}
    {%- endfor -%}
    {{ return('(' ~ parts | join(' and ') ~ ')') }}
{% endmacro %}

{% macro column_name(name) %}
    {{ return(adapter.dispatch('column_name', 'dbt_activate')(name)) }}
{% endmacro %}

{% macro default__column_name(name) %}
    {{ return(adapter.quote(name)) }}
{% endmacro %}

{# Here quoting asks for small letters, where a name without quotes is kept in capitals. #}
{% macro snowflake__column_name(name) %}
    {{ return(name if modules.re.fullmatch('[A-Za-z_][A-Za-z0-9_]*', name) else adapter.quote(name)) }}
{% endmacro %}
