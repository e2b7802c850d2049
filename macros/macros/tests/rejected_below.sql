{# Of each audience of the model, fewer members than `count`, or a smaller share than `share`, are rejected.

   Rejected are the members that the tool named and that still stand so, and as many as it only counted in the
   last run that sent any. The share is of the segment's members in the last run that was carried out.
   Warns by default: a test that fails holds its segment back. #}
{% test rejected_below(model, share=none, count=none, activation=none) %}
    {{ config(severity='warn') }}
    {%- if share is none and count is none -%}
        {{ exceptions.raise_compiler_error("dbt_activate: rejected_below needs share (0 to 1), count, or both.") }}
    {%- endif -%}
    {%- if execute -%}
        {{ dbt_activate.judged_rows(dbt_activate.rejected_audiences(dbt_activate.tested_activations(activation), share, count)) }}
    {%- endif -%}
{% endtest %}

{% macro rejected_audiences(keys, share, count) %}
with carried_out as (
    select
        *,
        row_number() over (partition by audience_key order by started_at desc, run_id desc) as nth,
        row_number() over (
            partition by audience_key order by case when deliveries > 0 then 0 else 1 end, started_at desc, run_id desc
        ) as nth_that_sent
    from {{ dbt_activate.state_table('runs') }}
    where audience_key in ({{ dbt_activate.key_list(keys) }}) and status in ('success', 'partial')
),

counted as (
    select
        audience_key,
        max(case when nth = 1 then members end) as members,
        max(case when nth_that_sent = 1 then unnamed_rejections end) as unnamed
    from carried_out
    group by audience_key
),

audiences as (
    select counted.audience_key, counted.members, counted.unnamed + coalesce(standing.members, 0) as rejected
    from counted
    left join ({{ dbt_activate.standing_rejections() }}) as standing on counted.audience_key = standing.audience_key
)

select audience_key, rejected, members
from audiences
where 1 = 0
    {%- if share is not none %}
    or (rejected > 0 and rejected >= {{ share }} * members)
    {%- endif %}
    {%- if count is not none %}
    or rejected >= {{ count }}
    {%- endif %}
{% endmacro %}

{# How many members of each audience the tool refuses to take in, by name. A member may stand there twice for a
   moment, while a run folds its rejections into those of earlier runs. #}
{% macro standing_rejections() %}
select audience_key, count(*) as members
from (
    select distinct audience_key, identifier_type, identifier
    from {{ dbt_activate.state_table('rejections') }}
    where operation = 'add'
) as rejected
group by audience_key
{% endmacro %}
