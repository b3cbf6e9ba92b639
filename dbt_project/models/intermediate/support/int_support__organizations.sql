with
organizations as (
    select * from {{ ref('stg_matching__support_organizations') }}
),

accounts as (
    select * from {{ ref('stg_landing__accounts') }}
),

name_matches as (
    select * from {{ ref('stg_matching__account_matches') }}
),

run as (
    select as_of_date, time_zone from {{ ref('stg_run__context') }}
),

dated as (
    select
        organizations.*,
        run.as_of_date,
        {{ business_date('organizations.known_from', 'run.time_zone') }} as known_from_on,
        {{ business_date('organizations.known_until', 'run.time_zone') }} as known_until_on,
        {{ business_date('organizations.created_at', 'run.time_zone') }} as created_on,
        min(organizations.known_from) over (partition by organizations.source) as first_known_from
    from organizations
    cross join run
),

reached as (
    select
        dated.*,
        {{ business_date('dated.first_known_from', 'run.time_zone') }} > dated.as_of_date as is_reconstructed
    from dated
    cross join run
),

-- Before the first pull: what that one found, without what was made later.
known as (
    select *
    from reached
    where
        (
            not is_reconstructed
            and known_from_on <= as_of_date
            and (known_until_on is null or known_until_on > as_of_date)
        )
        or (
            is_reconstructed
            and known_from = first_known_from
            and (created_on is null or created_on <= as_of_date)
        )
),

-- As for tickets: an id that is known, else the name. A name that two accounts have is nobody's.
account_names as (
    select
        account_name,
        min(account_id) as account_id
    from accounts
    group by account_name
    having count(*) = 1
),

matched as (
    select
        known.*,
        case
            when own_accounts.account_id is null then coalesce(name_matches.account_id, account_names.account_id)
        end as named_account_id
    from known
    left join accounts as own_accounts on known.account_id = own_accounts.account_id
    left join name_matches on known.organization_name = name_matches.account_name
    left join account_names on known.organization_name = account_names.account_name
)

select
    matched.source,
    matched.organization_id,
    matched.organization_name,
    matched.external_id,
    matched.domains,
    coalesce(matched.named_account_id, matched.account_id) as account_id,
    case
        when matched.named_account_id is not null then 'name'
        when matched.account_id is null then 'none'
        else matched.matched_by
    end as matched_by,
    accounts.account_name,
    accounts.account_id is not null as is_account_known,
    matched.known_from,
    matched.is_reconstructed
from matched
left join accounts on coalesce(matched.named_account_id, matched.account_id) = accounts.account_id
