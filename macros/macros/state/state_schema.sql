{# The schema of the state tables: what `vars: {dbt_activate: {schema: …}}` says, else the target's with
   `_activate` behind it. #}
{% macro state_schema() %}
    {{ return((var('dbt_activate', none) or {}).get('schema') or target.schema ~ '_activate') }}
{% endmacro %}

{# A state table, or none where it has not been made yet. #}
{% macro state_table(name) %}
    {{ return(adapter.get_relation(database=target.database, schema=dbt_activate.state_schema(), identifier=name)) }}
{% endmacro %}
