with
logged as (
    select * from {{ ref('int_health_checks__logged') }}
    where is_evidenced and is_held
),

accounts as (
    select account_id, segment from {{ ref('int_accounts__profiled') }}
),

scopes as (
    select segment, scope_id from {{ ref('int_health_checks__scopes') }}
    where product is null
),

rules as (
    select scope_id, influence_days from {{ ref('stg_policy__health_check_rules') }}
),

delivered as (
    select
        logged.activity_id,
        logged.account_id,
        logged.owner_name,
        logged.occurred_at,
        logged.occurred_on,
        logged.opportunity_id,
        {{ lower_text(trim_spaces('logged.opportunity_name')) }} as opportunity_name,
        {{ add_days('logged.occurred_on', 'rules.influence_days') }} as influences_until
    from logged
    inner join accounts on logged.account_id = accounts.account_id
    inner join scopes
        on
            coalesce(accounts.segment, '') = coalesce(scopes.segment, '')
            and logged.scope_id = scopes.scope_id
    inner join rules on scopes.scope_id = rules.scope_id
),

opportunities as (
    select * from {{ ref('int_health_checks__opportunities') }}
),

-- A name that two opportunities of the account share names neither.
named as (
    select
        account_id,
        {{ lower_text(trim_spaces('opportunity_name')) }} as opportunity_name,
        min(opportunity_id) as opportunity_id
    from opportunities
    where opportunity_name is not null
    group by account_id, {{ lower_text(trim_spaces('opportunity_name')) }}
    having count(*) = 1
),

links as (
    select opportunities.opportunity_id, delivered.activity_id
    from opportunities
    inner join delivered
        on
            opportunities.account_id = delivered.account_id
            and opportunities.created_on >= delivered.occurred_on
            and opportunities.created_on <= delivered.influences_until
    where not opportunities.is_stand_in
    union
    select opportunities.opportunity_id, delivered.activity_id
    from opportunities
    inner join delivered on opportunities.opportunity_id = delivered.opportunity_id
    union
    select named.opportunity_id, delivered.activity_id
    from named
    inner join delivered
        on named.account_id = delivered.account_id and named.opportunity_name = delivered.opportunity_name
    where delivered.opportunity_id is null
),

credited as (
    select
        links.opportunity_id,
        links.activity_id,
        delivered.owner_name as delivered_by,
        delivered.occurred_on as delivered_on,
        row_number() over (
            partition by links.opportunity_id order by delivered.occurred_at desc, delivered.activity_id desc
        ) as place_from_latest,
        count(*) over (partition by links.opportunity_id) as health_checks
    from links
    inner join delivered on links.activity_id = delivered.activity_id
)

select
    credited.opportunity_id || ':' || credited.activity_id as influence_id,
    credited.opportunity_id,
    credited.activity_id,
    opportunities.account_id,
    opportunities.opportunity_name,
    opportunities.opportunity_type,
    opportunities.created_on,
    credited.delivered_on,
    credited.delivered_by,
    case when credited.place_from_latest = 1 then 1 else 0 end as credit_last_touch,
    credited.health_checks,
    opportunities.amount,
    opportunities.outcome
from credited
inner join opportunities on credited.opportunity_id = opportunities.opportunity_id
