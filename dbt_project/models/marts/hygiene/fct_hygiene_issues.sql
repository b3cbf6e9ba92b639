with
current_issues as (
    select * from {{ ref('int_hygiene__current_issues') }}
),

earlier as (
    select * from {{ ref('stg_history__hygiene_issues') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

streams as (
    select stream, is_present from {{ ref('stg_run__streams') }}
),

accepted as (
    select * from {{ ref('int_hygiene__acceptances') }}
),

found as (
    select
        current_issues.*,
        coalesce(earlier.first_seen, run.as_of_date) as first_seen,
        run.as_of_date as last_seen,
        'open' as standing,
        cast(null as date) as cleared_on
    from current_issues
    cross join run
    left join earlier on current_issues.issue_id = earlier.issue_id
),

-- What a stream that wasn't read can't say stays as it was: only a check that ran clears an issue.
gone as (
    select
        earlier.issue_id,
        earlier.rule,
        earlier.severity,
        earlier.source,
        earlier.stream,
        earlier.record_key,
        earlier.account_id,
        earlier.column_name,
        earlier.expected,
        earlier.actual,
        earlier.sentence,
        earlier.suggestion,
        earlier.mended_by_role,
        earlier.owner_name,
        earlier.geo,
        earlier.occurrences,
        earlier.first_seen,
        earlier.last_seen,
        case
            when earlier.status = 'cleared' or coalesce(streams.is_present, false) then 'cleared' else 'open'
        end as standing,
        case
            when earlier.status <> 'cleared' and coalesce(streams.is_present, false) then run.as_of_date
            else earlier.cleared_on
        end as cleared_on
    from earlier
    cross join run
    left join streams on earlier.stream = streams.stream
    left join current_issues on earlier.issue_id = current_issues.issue_id
    where current_issues.issue_id is null
),

both_kinds as (
    select * from found
    union all
    select * from gone
)

select
    both_kinds.issue_id,
    both_kinds.rule,
    both_kinds.severity,
    both_kinds.source,
    both_kinds.stream,
    both_kinds.record_key,
    both_kinds.account_id,
    both_kinds.column_name,
    both_kinds.expected,
    both_kinds.actual,
    both_kinds.sentence,
    both_kinds.suggestion,
    both_kinds.mended_by_role,
    both_kinds.owner_name,
    both_kinds.geo,
    both_kinds.occurrences,
    both_kinds.first_seen,
    both_kinds.last_seen,
    case when accepted.issue_id is not null then 'accepted' else both_kinds.standing end as status,
    both_kinds.cleared_on,
    accepted.accepted_until,
    accepted.reason as accepted_reason,
    accepted.accepted_by
from both_kinds
left join accepted on both_kinds.issue_id = accepted.issue_id and both_kinds.standing = 'open'
