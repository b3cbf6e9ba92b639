with
opportunities as (
    select * from {{ ref('stg_landing__opportunities') }}
)

-- Staging has read a win that closes after as_of as open, so a close date here is on or before it.
select
    account_id,
    cast(count(case when type = 'expansion' and is_won and close_date is not null then 1 end) as int) as expansions_won
from opportunities
group by account_id
