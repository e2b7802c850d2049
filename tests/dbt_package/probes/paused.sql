select email from {{ ref('customers') }}
