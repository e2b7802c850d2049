{# Each audience of the model has at least `min` and at most `max` members: those of the segment in the last run
   that succeeded, less those that the tool rejects by name.

   A member is one identifier: a row with two mapped columns counts for two.
   Warns by default: a test that fails holds its segment back. #}
{% test audience_size_between(model, min=none, max=none, activation=none) %}
    {{ config(severity='warn') }}
    {%- if min is none and max is none -%}
        {{ exceptions.raise_compiler_error("dbt_activate: audience_size_between needs min, max, or both.") }}
    {%- endif -%}
    {%- if execute -%}
        {{ dbt_activate.judged_rows(dbt_activate.audiences_of_other_size(dbt_activate.tested_activations(activation), min, max)) }}
    {%- endif -%}
{% endtest %}

{% macro audiences_of_other_size(keys, min, max) %}
with succeeded as (
    select *, row_number() over (partition by audience_key order by started_at desc, run_id desc) as nth
    from {{ dbt_activate.state_table('runs') }}
    where audience_key in ({{ dbt_activate.key_list(keys) }}) and status = 'success'
),

audiences as (
    select succeeded.audience_key, succeeded.members - coalesce(standing.members, 0) as size
    from succeeded
    left join ({{ dbt_activate.standing_rejections() }}) as standing on succeeded.audience_key = standing.audience_key
    where succeeded.nth = 1
)

select audience_key, size
from audiences
where 1 = 0
    {%- if min is not none %}
    or size < {{ min }}
    {%- endif %}
    {%- if max is not none %}
    or size > {{ max }}
    {%- endif %}
{% endmacro %}
