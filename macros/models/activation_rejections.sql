-- While a run folds its rejections into those of earlier runs, a member may stand there twice.
with latest as (
    select
        *,
        row_number() over (
            partition by audience_key, operation, identifier_type, identifier order by last_at desc, attempts desc
        ) as nth
    from {{ dbt_activate.state_rows('rejections') }} as rejections
)

select audience_key, run_id, operation, identifier_type, identifier, code, reason, first_at, last_at, attempts
from latest
where nth = 1
