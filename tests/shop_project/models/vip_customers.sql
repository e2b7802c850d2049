select
    'vip' || number || '@shop.test' as email,
    '6d92078a-8246-4ba4-ae5b-76104861e' || lpad(number::varchar, 3, '0') as mobile_ad_id
from range(1, 101) as numbers (number)
