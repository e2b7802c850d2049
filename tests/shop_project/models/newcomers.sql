select 'new' || number || '@shop.test' as email
from range(1, 11) as numbers (number)
