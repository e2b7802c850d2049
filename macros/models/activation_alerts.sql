with numbered as (
    select *, row_number() over (partition by audience_key, warning order by number desc) as nth
    from {{ dbt_activate.state_rows('alerts') }} as alerts
)

select
    audience_key,
    warning,
    number,
    state,
    level,
    message,
    figure,
    since,
    nth = 1 and state = 'raised' as stands,
    channels,
    pending,
    notified_at
from numbered
