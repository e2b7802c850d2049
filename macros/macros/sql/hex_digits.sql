{# A whole number as so many hex digits in small letters. dbt v2 has no `format` that would do it. #}
{% macro hex_digits(number, count) %}
    {%- set digits = [] -%}
    {%- for place in range(count - 1, -1, -1) -%}
        {%- do digits.append('0123456789abcdef'[number // 16 ** place % 16]) -%}
    {%- endfor -%}
    {{ return(digits | join) }}
{% endmacro %}
