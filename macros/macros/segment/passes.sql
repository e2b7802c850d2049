{# One test of one column. #}
{% macro passes(column, test, value, as_of, place) %}
    {%- set comparisons = {'eq': '=', 'gt': '>', 'gte': '>=', 'lt': '<', 'lte': '<='} -%}
    {%- set complements = {'ne': 'eq', 'not_in': 'in', 'is_not_null': 'is_null'} -%}
    {%- if test in complements -%}
        {{ return("not " ~ dbt_activate.passes(column, complements[test], value, as_of, place)) }}
    {%- elif test in comparisons -%}
        {%- set tested = column ~ ' ' ~ comparisons[test] ~ ' ' ~ dbt_activate.tested_value(value, place) -%}
    {%- elif test == 'in' -%}
        {%- set tested = column ~ ' in (' ~ dbt_activate.tested_values(value, place) | join(', ') ~ ')' -%}
    {%- elif test == 'between' -%}
        {%- set tested = dbt_activate.is_between(column, value, place) -%}
    {%- elif test == 'is_null' -%}
        {{ return(dbt_activate.is_null(column, value, place)) }}
    {%- elif test in ('contains', 'starts_with') -%}
        {%- set tested = dbt_activate.has_text(column, test, value, place) -%}
    {%- elif test == 'within_last_days' -%}
        {%- set tested = dbt_activate.is_within_last_days(column, value, as_of, place) -%}
    {%- else -%}
        {%- set others = ['in', 'between', 'is_null', 'contains', 'starts_with', 'within_last_days'] -%}
        {%- set known = comparisons | list + complements | list + others -%}
        {{ dbt_activate.raise_in_segment(place, "is not known. Tests are " ~ known | sort | join(', ') ~ ".") }}
    {%- endif -%}
    {{ return('(' ~ column ~ ' is not null and ' ~ tested ~ ')') }}
{% endmacro %}

{% macro tested_value(value, place) %}
    {%- if value is none or value is undefined -%}
        {{ dbt_activate.raise_in_segment(place, "has no value. To ask for null, write is_null: true.") }}
    {%- elif value is mapping or (value is sequence and value is not string) -%}
        {{ dbt_activate.raise_in_segment(place, "takes one value.") }}
    {%- elif value is number and value | string in ('nan', 'inf', '-inf') -%}
        {{ dbt_activate.raise_in_segment(place, "is not a number that a warehouse can compare.") }}
    {%- endif -%}
    {{ return(dbt_activate.literal(value)) }}
{% endmacro %}

{% macro tested_values(values, place) %}
    {%- if not dbt_activate.is_list(values) -%}
        {{ dbt_activate.raise_in_segment(place, "takes a list of values, and not an empty one.") }}
    {%- endif -%}
    {%- if values | select('boolean') | list and values | select('string') | list -%}
        {{ dbt_activate.raise_in_segment(place, "mixes texts with true or false. YAML reads NO and ON so: quote them.") }}
    {%- endif -%}
    {%- set literals = [] -%}
    {%- for value in values -%}
        {%- do literals.append(dbt_activate.tested_value(value, place)) -%}
    {%- endfor -%}
    {{ return(literals) }}
{% endmacro %}

{% macro is_between(column, value, place) %}
    {%- set limits = dbt_activate.tested_values(value, place) -%}
    {%- if limits | length != 2 -%}
        {{ dbt_activate.raise_in_segment(place, "takes a list of two values: the least and the greatest.") }}
    {%- endif -%}
    {{ return(column ~ ' between ' ~ limits | join(' and ')) }}
{% endmacro %}

{% macro is_null(column, value, place) %}
    {%- if value is not boolean -%}
        {{ dbt_activate.raise_in_segment(place, "takes true or false.") }}
    {%- endif -%}
    {{ return('(' ~ column ~ (' is null' if value else ' is not null') ~ ')') }}
{% endmacro %}

{# Without LIKE, which would take % and _ for wildcards. #}
{% macro has_text(column, test, value, place) %}
    {%- if value is not string or not value -%}
        {{ dbt_activate.raise_in_segment(place, "takes a text, and not an empty one.") }}
    {%- endif -%}
    {%- set text = dbt_activate.text_literal(value) -%}
    {%- if test == 'contains' -%}
        {{ return(dbt.position(text, column) | trim ~ ' > 0') }}
    {%- endif -%}
    {{ return('substr(' ~ column ~ ', 1, ' ~ value | length ~ ') = ' ~ text) }}
{% endmacro %}

{# From so many days ago to the day itself, both included; nothing after it. #}
{% macro is_within_last_days(column, value, as_of, place) %}
    {%- if value is boolean or value is not integer or value < 0 -%}
        {{ dbt_activate.raise_in_segment(place, "takes a whole number of days.") }}
    {%- endif -%}
    {%- if as_of is not none and not modules.re.fullmatch('\\d{4}-\\d{2}-\\d{2}', as_of | string) -%}
        {{ dbt_activate.raise_in_segment(place, "counts from as_of, which must be a day such as 2024-12-31.") }}
    {%- endif -%}
    {%- set today = 'current_date' if as_of is none else "cast('" ~ as_of ~ "' as date)" -%}
    {%- set first = "cast(" ~ dbt.dateadd('day', -value, today) | trim ~ " as date)" -%}
    {{ return('cast(' ~ column ~ ' as date) between ' ~ first ~ ' and ' ~ today) }}
{% endmacro %}
