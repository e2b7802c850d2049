{# Whether a row is held out: true for about `percent` of all keys, and always for the same ones.

   A key is held out by the MD5 of salt and key, so the answer depends on neither the order of the rows nor
   the warehouse, a greater percentage holds out whom a smaller one did, and another salt draws anew. #}
{% macro holdout(column, percent, salt) %}
    {%- if percent is boolean or percent is not number or percent < 0 or percent > 100 -%}
        {{ exceptions.raise_compiler_error("dbt_activate: holdout takes a percent from 0 to 100, not " ~ percent ~ ".") }}
    {%- endif -%}
    {%- if salt is not string or not salt -%}
        {{ exceptions.raise_compiler_error("dbt_activate: holdout takes a salt: a text, such as the experiment's name.") }}
    {%- endif -%}
    {%- if percent == 100 -%}
        {{ return("(" ~ column ~ " is not null)") }}
    {%- endif -%}
    {%- set key = dbt.concat([dbt_activate.text_literal(salt ~ ':'), "cast(" ~ column ~ " as " ~ dbt.type_string() | trim ~ ")"]) -%}
    {%- set first_hex = dbt_activate.hex_digits((percent / 100 * 2 ** 32) | int, 8) -%}
    {# Hex digits of one length sort as their numbers do, under every collation. #}
    {{ return("(" ~ column ~ " is not null and substr(" ~ dbt.hash(key) | trim ~ ", 1, 8) < '" ~ first_hex ~ "')") }}
{% endmacro %}
