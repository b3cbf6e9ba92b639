with
acceptances as (
    select * from {{ ref('stg_landing__hygiene_acceptances') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

-- A later one takes the place of an earlier one, also after it has ended itself or was taken back.
latest as (
    select
        *,
        row_number() over (
            partition by issue_id
            order by accepted_at desc nulls last, acceptance_id desc nulls last
        ) as place
    from acceptances
)

select
    latest.issue_id,
    latest.accepted_until,
    latest.reason,
    latest.accepted_by
from latest
cross join run
where latest.place = 1 and latest.status = 'accepted' and latest.accepted_until >= run.as_of_date
