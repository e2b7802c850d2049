{# The query of a generic test over the state, or one without rows where there is no state yet: what was never
   synced is not judged. `query` reads from the state tables by their names. #}
{% macro judged_rows(query) %}
    {%- if dbt_activate.state_table('runs') is not none -%}
        {{ return(query) }}
    {%- endif -%}
    {%- if flags.WHICH in ('build', 'test', 'retry') -%}
        {%- do log(
            "dbt_activate: " ~ model.name ~ " passes: nothing was synced from this target yet (no tables in "
            ~ dbt_activate.state_schema() ~ ").", info=true
        ) -%}
    {%- endif -%}
    {{ return("select 1 as nothing from (select 1 as one) as never_synced where 1 = 0") }}
{% endmacro %}

{# Keys as what stands in the parentheses of `in`; where there are none, something that nothing equals. #}
{% macro key_list(keys) %}
    {%- set literals = [] -%}
    {%- for key in keys -%}
        {%- do literals.append(dbt_activate.text_literal(key)) -%}
    {%- endfor -%}
    {{ return(literals | join(', ') or 'null') }}
{% endmacro %}
