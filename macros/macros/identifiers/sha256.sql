{# A text as small-letter hex of the SHA-256 of its UTF-8 bytes; nothing is normalised. #}
{% macro sha256(expression) %}
    {{ return(adapter.dispatch('sha256', 'dbt_activate')(expression)) }}
{% endmacro %}

{% macro default__sha256(expression) %}
    {{ return("sha2(" ~ expression ~ ", 256)") }}
{% endmacro %}

{% macro duckdb__sha256(expression) %}
    {{ return("sha256(" ~ expression ~ ")") }}
{% endmacro %}

{% macro postgres__sha256(expression) %}
    {{ return("encode(sha256(convert_to(" ~ expression ~ ", 'UTF8')), 'hex')") }}
{% endmacro %}

{% macro redshift__sha256(expression) %}
    {{ return("sha2(" ~ expression ~ ", 256)") }}
{% endmacro %}

{% macro bigquery__sha256(expression) %}
    {{ return("to_hex(sha256(" ~ expression ~ "))") }}
{% endmacro %}
