with
scores as (
    select
        account_id,
        score
    from {{ ref('int_health_score__scores') }}
    where basis = 'now'
),

standing as (
    select * from {{ ref('int_accounts__standing') }}
),

cutoffs as (
    select * from {{ ref('stg_policy__score_cutoffs') }}
),

accounts as (
    select * from {{ ref('int_accounts__profiled') }}
),

measures as (
    select
        account_id,
        capacity_utilisation
    from {{ ref('int_health_score__values') }}
),

usage as (
    select * from {{ ref('int_usage__by_account') }}
),

tickets as (
    select
        account_id,
        expansion_tickets
    from {{ ref('int_tickets__by_account') }}
),

known as (
    {{ streams_known(['usage', 'tickets']) }}
),

settings as (
    select * from {{ ref('stg_policy__expansion_settings') }}
),

windows as (
    select capacity_utilisation_days from {{ ref('stg_policy__score_settings') }}
),

types as (
    select * from {{ ref('stg_policy__expansion_types') }}
),

judged as (
    select
        scores.account_id,
        scores.score,
        standing.arr,
        {{ status_of('scores.score', 'cutoffs') }} as status
    from scores
    inner join standing on scores.account_id = standing.account_id
    inner join cutoffs on standing.segment_key = cutoffs.segment_key
),

-- Only accounts of the colour that growth is looked for in. A stream that may not be used says nothing.
healthy as (
    select
        judged.account_id,
        judged.score,
        judged.arr,
        accounts.self_managed,
        accounts.new_site_planned,
        accounts.new_site_count,
        accounts.new_site_timeline,
        accounts.capacity_upgrade_arr,
        accounts.new_site_arr,
        accounts.managed_services_arr,
        measures.capacity_utilisation,
        case when known.usage_known then usage.latest_usage_on end as latest_usage_on,
        case when known.usage_known then usage.latest_services_used end as services_used,
        case when known.usage_known then usage.latest_services_contracted end as services_contracted,
        case when known.tickets_known then coalesce(tickets.expansion_tickets, 0) end as tickets
    from judged
    cross join known
    cross join settings
    inner join accounts on judged.account_id = accounts.account_id
    inner join measures on judged.account_id = measures.account_id
    left join usage on judged.account_id = usage.account_id
    left join tickets on judged.account_id = tickets.account_id
    where judged.status = settings.status
),

capacity_upgrades as (
    select
        healthy.account_id,
        'capacity_upgrade' as type,
        healthy.capacity_upgrade_arr as potential_arr,
        'Capacity used was ' || {{ number_words('healthy.capacity_utilisation') }} || ' % on average over the last '
        || {{ days_words('windows.capacity_utilisation_days') }} || ', over '
        || {{ number_words('settings.capacity_above') }} || ' %.' as justification
    from healthy
    cross join settings
    cross join windows
    where healthy.capacity_utilisation > settings.capacity_above
),

new_sites as (
    select
        account_id,
        'new_site' as type,
        new_site_arr as potential_arr,
        case
            when new_site_count is null then 'A new site is planned'
            else {{ count_words('new_site_count', 'new site is', 'new sites are') }} || ' planned'
        end
        || coalesce(', ' || new_site_timeline, '') || '.' as justification
    from healthy
    where new_site_planned
),

adoptions as (
    select
        account_id,
        'service_adoption' as type,
        cast(0 as decimal(18, 2)) as potential_arr,
        'Of ' || {{ number_words('services_contracted') }} || ' services contracted, '
        || {{ number_words('services_used') }} || ' were used on ' || {{ date_words('latest_usage_on') }} || '.'
            as justification
    from healthy
    where services_contracted > services_used
),

managed as (
    select
        healthy.account_id,
        'managed_services' as type,
        healthy.managed_services_arr as potential_arr,
        'Managed by the customer, with ' || {{ count_words('healthy.tickets', 'ticket', 'tickets') }}
        || ' in the last ' || {{ days_words('settings.tickets_days') }} || ', more than '
        || cast(settings.tickets_above as {{ type_text() }}) || '.' as justification
    from healthy
    cross join settings
    where healthy.self_managed and healthy.tickets > settings.tickets_above
),

potentials as (
    select * from capacity_upgrades
    union all
    select * from new_sites
    union all
    select * from adoptions
    union all
    select * from managed
)

select
    potentials.account_id,
    potentials.type,
    cast(types.type_rank as int) as type_rank,
    healthy.score,
    healthy.arr as current_arr,
    cast(potentials.potential_arr as decimal(18, 2)) as potential_arr,
    types.description,
    potentials.justification,
    case when potentials.type = 'new_site' then healthy.new_site_timeline else types.timing end as timing
from potentials
inner join healthy on potentials.account_id = healthy.account_id
inner join types on potentials.type = types.type
