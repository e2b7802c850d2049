{# A share between 0 and 1 as a score from 1, the lowest fifth, to 5. #}
{% macro score(share) -%}
least(5, 1 + floor(5 * {{ share }}))::integer
{%- endmacro %}
