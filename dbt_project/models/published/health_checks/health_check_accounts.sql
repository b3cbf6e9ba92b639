with
candidates as (
    select * from {{ ref('fct_health_check_candidates') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
),

summed as (
    select
        account_id,
        cast(count(*) as int) as candidate_count,
        cast(sum(amount) as decimal(18, 2)) as candidate_amount,
        min(due_date) as next_due_date,
        min({{ adapter.quote('rank') }}) as best_rank
    from candidates
    group by account_id
)

select
    {{ published_by() }},
    summed.account_id,
    most_urgent.account_name,
    most_urgent.owner_name,
    most_urgent.geo,
    most_urgent.region,
    most_urgent.segment,
    summed.candidate_count,
    summed.candidate_amount,
    most_urgent.status as most_urgent_status,
    most_urgent.target_id as most_urgent_target_id,
    most_urgent.due_date as most_urgent_due_date,
    summed.next_due_date,
    most_urgent.{{ adapter.quote('rank') }} as most_urgent_rank
from summed
inner join candidates as most_urgent
    on
        summed.account_id = most_urgent.account_id
        and summed.best_rank = most_urgent.{{ adapter.quote('rank') }}
cross join run
