with
issues as (
    select * from {{ ref('fct_hygiene_issues') }}
),

accounts as (
    select account_id, account_name, csm_name from {{ ref('int_accounts__profiled') }}
),

run as (
    select * from {{ ref('stg_run__context') }}
)

select
    {{ published_by() }},
    issues.issue_id,
    issues.rule,
    issues.severity,
    issues.source,
    issues.stream,
    issues.record_key,
    issues.column_name,
    issues.account_id,
    accounts.account_name,
    issues.owner_name,
    issues.geo,
    issues.mended_by_role,
    case issues.mended_by_role
        when 'account_owner' then issues.owner_name
        when 'activity_owner' then issues.owner_name
        when 'opportunity_owner' then issues.owner_name
        when 'csm' then coalesce(accounts.csm_name, issues.owner_name)
    end as mended_by,
    issues.expected,
    issues.actual,
    issues.sentence,
    issues.suggestion,
    issues.occurrences,
    issues.first_seen,
    issues.last_seen,
    issues.status,
    issues.cleared_on,
    issues.accepted_until,
    issues.accepted_reason,
    issues.accepted_by
from issues
left join accounts on issues.account_id = accounts.account_id
cross join run
