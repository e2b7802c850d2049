select
    {{ dbt_activate.normalize_identifier('email', 'email') }} as email,
    {{ dbt_activate.hash_identifier('email', 'email') }} as email_sha256
from {{ ref('customers') }}
where {{ dbt_activate.is_valid_identifier('email', 'email') }}
