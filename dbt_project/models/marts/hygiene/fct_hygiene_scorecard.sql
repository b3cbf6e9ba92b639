with
issues as (
    select
        *,
        coalesce(owner_name, '(none)') as owner,
        coalesce(geo, '(none)') as geography
    from {{ ref('fct_hygiene_issues') }}
),

earlier as (
    select
        coalesce(owner_name, '(none)') as owner,
        coalesce(geo, '(none)') as geography,
        rule,
        count(case when status = 'open' then 1 end) as open_before
    from {{ ref('stg_history__hygiene_issues') }}
    group by coalesce(owner_name, '(none)'), coalesce(geo, '(none)'), rule
),

counted as (
    select
        owner,
        geography,
        rule,
        count(case when status = 'open' then 1 end) as open_issues,
        count(case when status = 'cleared' then 1 end) as cleared_issues,
        count(case when status = 'accepted' then 1 end) as accepted_issues,
        {{ median_of_whole("case when status = 'cleared' then " ~ days_between('first_seen', 'cleared_on') ~ " end") }}
            as median_days_to_clear
    from issues
    group by owner, geography, rule
)

select
    counted.owner,
    counted.geography,
    counted.rule,
    counted.open_issues,
    counted.cleared_issues,
    counted.accepted_issues,
    cast(counted.median_days_to_clear as decimal(9, 1)) as median_days_to_clear,
    counted.open_issues - coalesce(earlier.open_before, 0) as change_in_open,
    case
        when earlier.open_before is null then 'new'
        when counted.open_issues > earlier.open_before then 'worse'
        when counted.open_issues < earlier.open_before then 'better'
        else 'same'
    end as trend
from counted
left join earlier
    on
        counted.owner = earlier.owner
        and counted.geography = earlier.geography
        and counted.rule = earlier.rule
