{# Whether a regular expression matches the whole of a text. The expressions of this package keep to what
   all of these engines understand, with repetitions up to 255, which is as far as Postgres counts. #}
{% macro full_match(expression, pattern) %}
    {{ return(adapter.dispatch('full_match', 'dbt_activate')(expression, pattern)) }}
{% endmacro %}

{% macro default__full_match(expression, pattern) %}
    {{ exceptions.raise_compiler_error(
        "dbt_activate: is_valid_identifier is not known for " ~ target.type ~ ". Write a macro "
        ~ target.type ~ "__full_match(expression, pattern), and name your project in the search order of dispatch."
    ) }}
{% endmacro %}

{% macro duckdb__full_match(expression, pattern) %}
    {{ return("regexp_full_match(" ~ expression ~ ", " ~ dbt_activate.text_literal(pattern) ~ ")") }}
{% endmacro %}

{% macro postgres__full_match(expression, pattern) %}
    {{ return("(" ~ expression ~ " ~ " ~ dbt_activate.text_literal("^(?:" ~ pattern ~ ")$") ~ ")") }}
{% endmacro %}

{# Its dialect is not that of Postgres, which dbt would take instead. #}
{% macro redshift__full_match(expression, pattern) %}
    {{ return(dbt_activate.default__full_match(expression, pattern)) }}
{% endmacro %}

{% macro bigquery__full_match(expression, pattern) %}
    {{ return("regexp_contains(" ~ expression ~ ", " ~ dbt_activate.text_literal("^(?:" ~ pattern ~ ")$") ~ ")") }}
{% endmacro %}

{% macro spark__full_match(expression, pattern) %}
    {{ return("(" ~ expression ~ " rlike " ~ dbt_activate.text_literal("^(?:" ~ pattern ~ ")\\z") ~ ")") }}
{% endmacro %}
