with
-- A plan that was carried out wrote no score; what wrote one says which.
written as (
    select
        account_id,
        acted_at,
        transition_id,
        written_score
    from {{ ref('stg_landing__action_log') }}
    where to_status = 'done' and written_score is not null
),

ranked as (
    select
        account_id,
        written_score,
        row_number() over (
            partition by account_id
            order by acted_at desc nulls last, transition_id desc nulls last
        ) as place
    from written
)

select
    account_id,
    cast(written_score as decimal(5, 1)) as written_score
from ranked
where place = 1
