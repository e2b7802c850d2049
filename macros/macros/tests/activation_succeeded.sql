{# The last run of each activation of the model succeeded, and the last success is at most so many hours ago.

   A run that never ended was killed, unless its heartbeat is fresh: then the run before it is judged.
   Warns by default: a test that fails holds its segment back, and the next sync could never put it right. #}
{% test activation_succeeded(model, max_age_hours=none, activation=none) %}
    {{ config(severity='warn') }}
    {%- if execute -%}
        {{ dbt_activate.judged_rows(dbt_activate.unsuccessful_runs(dbt_activate.tested_activations(activation), max_age_hours)) }}
    {%- endif -%}
{% endtest %}

{% macro unsuccessful_runs(keys, max_age_hours) %}
{%- set runs = dbt_activate.state_table('runs') -%}
with ended as (
    select *, row_number() over (partition by audience_key order by started_at desc, run_id desc) as nth
    from {{ runs }}
    where audience_key in ({{ dbt_activate.key_list(keys) }})
        and not (status = 'running' and run_id in (
            select run_id from {{ dbt_activate.state_table('leases') }}
            where heartbeat_at > {{ dbt_activate.timestamp_literal(run_started_at - modules.datetime.timedelta(minutes=5)) }}
        ))
),

succeeded as (
    select audience_key, max(finished_at) as last_success_at
    from {{ runs }}
    where status = 'success'
    group by audience_key
)

select ended.audience_key, ended.run_id, ended.status, ended.started_at, succeeded.last_success_at, ended.message
from ended
left join succeeded on ended.audience_key = succeeded.audience_key
where ended.nth = 1
    and (
        ended.status <> 'success'
        {%- if max_age_hours is not none %}
        or succeeded.last_success_at < {{ dbt_activate.timestamp_literal(run_started_at - modules.datetime.timedelta(hours=max_age_hours)) }}
        {%- endif %}
    )
{% endmacro %}
