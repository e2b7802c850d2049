with taken as (
    -- What counts here is what counts for the snapshot: the answer to a delivery that was not opened again.
    select changes.*, receipts.answered_at
    from {{ dbt_activate.state_rows('changes') }} as changes
    inner join {{ dbt_activate.state_rows('deliveries') }} as deliveries
        on changes.audience_key = deliveries.audience_key
        and changes.run_id = deliveries.run_id
        and changes.delivery = deliveries.delivery
    inner join {{ dbt_activate.state_rows('receipts') }} as receipts
        on changes.audience_key = receipts.audience_key
        and changes.run_id = receipts.run_id
        and changes.delivery = receipts.delivery
    where receipts.accepted and receipts.opening = 1 and deliveries.opening = 1
),

not_rejected as (
    select taken.*, runs.destination, runs.activation, runs.model, runs.target
    from taken
    inner join {{ dbt_activate.state_rows('runs') }} as runs on taken.run_id = runs.run_id
    where not exists (
        -- Who stands rejected was not taken by any run since the first rejection.
        select 1
        from {{ dbt_activate.state_rows('rejections') }} as rejections
        where rejections.audience_key = taken.audience_key
            and rejections.operation = taken.operation
            and rejections.identifier_type = taken.identifier_type
            and rejections.identifier = taken.identifier
            and (runs.finished_at is null or runs.finished_at >= rejections.first_at)
    )
),

-- A member that is sent again in the same direction, as by a full refresh, has not moved.
ordered as (
    select
        *,
        lag(operation) over (
            partition by audience_key, identifier_type, identifier order by answered_at, run_id, delivery
        ) as operation_before
    from not_rejected
)

select
    audience_key,
    destination,
    activation,
    model,
    target,
    identifier_type,
    identifier,
    case operation when 'add' then 'entered' else 'left' end as event,
    answered_at as happened_at,
    run_id
from ordered
where operation_before is null or operation_before <> operation
