{# The characters that are stripped from both ends of an identifier, as a SQL text: Unicode's white space, and
   the zero-width characters that spreadsheets leave. #}
{% macro white_space() %}
    {{ return(adapter.dispatch('white_space', 'dbt_activate')([
        9, 10, 11, 12, 13, 28, 29, 30, 31, 32, 133, 160, 5760,
        8192, 8193, 8194, 8195, 8196, 8197, 8198, 8199, 8200, 8201, 8202,
        8203, 8232, 8233, 8239, 8287, 8288, 12288, 65279,
    ])) }}
{% endmacro %}

{% macro default__white_space(codes) %}
    {%- set characters = [] -%}
    {%- for code in codes -%}
        {%- do characters.append("chr(" ~ code ~ ")") -%}
    {%- endfor -%}
    {{ return("(" ~ characters | join(" || ") ~ ")") }}
{% endmacro %}

{% macro escaped_white_space(codes) %}
    {%- set characters = [] -%}
    {%- for code in codes -%}
        {%- do characters.append('\\u' ~ dbt_activate.hex_digits(code, 4)) -%}
    {%- endfor -%}
    {{ return("'" ~ characters | join ~ "'") }}
{% endmacro %}

{% macro snowflake__white_space(codes) %}
    {{ return(dbt_activate.escaped_white_space(codes)) }}
{% endmacro %}

{% macro bigquery__white_space(codes) %}
    {{ return(dbt_activate.escaped_white_space(codes)) }}
{% endmacro %}

{% macro spark__white_space(codes) %}
    {{ return(dbt_activate.escaped_white_space(codes)) }}
{% endmacro %}
