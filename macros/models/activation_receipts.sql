select
    receipts.audience_key,
    receipts.run_id,
    receipts.delivery,
    receipts.opening,
    deliveries.operation,
    deliveries.identifier_type,
    deliveries.members,
    deliveries.state,
    receipts.accepted,
    receipts.rejected,
    receipts.unnamed_rejections,
    receipts.sample,
    receipts.reference,
    receipts.message,
    receipts.answered_at
from {{ dbt_activate.state_rows('receipts') }} as receipts
left join {{ dbt_activate.state_rows('deliveries') }} as deliveries
    on receipts.audience_key = deliveries.audience_key
    and receipts.run_id = deliveries.run_id
    and receipts.delivery = deliveries.delivery
