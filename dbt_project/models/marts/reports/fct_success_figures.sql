with
accounts as (
    select
        account_id,
        lifecycle,
        churned_on
    from {{ ref('stg_landing__accounts') }}
),

contracts as (
    select
        account_id,
        start_date,
        end_date
    from {{ ref('stg_landing__contracts') }}
),

health as (
    select
        account_id,
        csm_name
    from {{ ref('fct_account_health') }}
),

standing as (
    select
        account_id,
        arr
    from {{ ref('int_accounts__standing') }}
),

opportunities as (
    select * from {{ ref('int_opportunities__converted') }}
),

tickets as (
    select * from {{ ref('stg_landing__tickets') }}
),

answers as (
    select
        account_id,
        survey_id,
        responded_on,
        score
    from {{ ref('stg_landing__survey_responses') }}
    where score is not null and responded_on is not null
),

interventions as (
    select * from {{ ref('fct_intervention_outcomes') }}
    where origin <> 'none'
),

forecast as (
    select
        quarter_starts_on,
        contracts_ended,
        contracts_renewed
    from {{ ref('fct_renewal_forecast') }}
),

backtest as (
    select * from {{ ref('fct_score_backtest') }}
),

known as (
    {{ streams_known(['opportunities', 'tickets', 'survey_responses', 'interventions']) }}
),

settings as (
    select * from {{ ref('stg_policy__report_settings') }}
),

survey_settings as (
    select
        promoter_at_least,
        detractor_at_most
    from {{ ref('stg_policy__survey_settings') }}
),

run as (
    select
        as_of_date,
        fiscal_year_start_month,
        {{ fiscal_quarter_number('as_of_date', 'fiscal_year_start_month') }} as quarter_number
    from {{ ref('stg_run__context') }}
),

windows as (
    select
        run.as_of_date,
        run.fiscal_year_start_month,
        run.quarter_number,
        {{ window_starts_on('run.as_of_date', 'settings.year_days') }} as year_from,
        {{ window_starts_on('run.as_of_date', 'settings.csat_days') }} as csat_from,
        {{ fiscal_quarter_starts_on(
            '(run.quarter_number + 1 - settings.renewal_quarters)', 'run.fiscal_year_start_month'
        ) }} as quarters_from,
        'the ' || {{ days_words('settings.year_days') }} || ' to ' || {{ date_words('run.as_of_date') }} as year_words,
        'tickets of the ' || {{ days_words('settings.csat_days') }} || ' to ' || {{ date_words('run.as_of_date') }}
            as csat_words,
        'on ' || {{ date_words('run.as_of_date') }} as day_words
    from run
    cross join settings
),

-- Customers on the day before the year: those with a contract that day who had not left. Who left on a day that isn't
-- known can't be put before or after it.
customers_then as (
    select distinct
        contracts.account_id,
        accounts.churned_on
    from contracts
    inner join accounts on contracts.account_id = accounts.account_id
    cross join windows
    where
        contracts.start_date < windows.year_from
        and contracts.end_date >= {{ add_days('windows.year_from', '-1') }}
        and (accounts.churned_on >= windows.year_from or accounts.churned_on is null)
        and (accounts.churned_on is not null or coalesce(accounts.lifecycle, '') <> 'churned')
),

annual_churn as (
    select
        {{ percentage(
            'count(case when customers_then.churned_on <= windows.as_of_date then 1 end)',
            'count(customers_then.account_id)'
        ) }} as value,
        count(customers_then.account_id) as n
    from windows
    left join customers_then on true
),

early_warning as (
    select
        max(figure) as value,
        max(accounts) as n
    from backtest
    where section = 'warning' and item = 'all' and measure = 'median_days'
),

-- At the longest horizon that was looked at.
red_retention as (
    select
        100 - max(case when horizon_days = longest then figure end) as value,
        max(case when horizon_days = longest then accounts end) as n,
        max(longest) as horizon_days
    from (
        select
            backtest.*,
            max(horizon_days) over (partition by section) as longest
        from backtest
        where section = 'status' and item = 'RED' and measure = 'churn_rate'
    ) as by_horizon
),

expansion_arr as (
    select
        case
            when count(opportunities.opportunity_id) = 0 then 0
            else sum(opportunities.amount)
        end as value,
        count(opportunities.opportunity_id) as n
    from windows
    left join opportunities
        on
            opportunities.opportunity_type = 'expansion'
            and opportunities.outcome = 'won'
            and opportunities.close_date >= windows.year_from
),

accounts_per_csm as (
    select
        {{ divide_exact('count(csm_name)', 'count(distinct csm_name)', places=2, input_places=0) }} as value,
        count(distinct csm_name) as n
    from health
),

-- The first intervention of the year: the last answer before it, the latest one after it.
helped as (
    select
        interventions.account_id,
        min(interventions.opened_on) as opened_on
    from interventions
    cross join windows
    where interventions.opened_on >= windows.year_from
    group by interventions.account_id
),

answered as (
    select
        answers.account_id,
        answers.score,
        case when answers.responded_on < helped.opened_on then 'before' else 'after' end as side,
        row_number() over (
            partition by
                answers.account_id, case when answers.responded_on < helped.opened_on then 'before' else 'after' end
            order by answers.responded_on desc, answers.survey_id desc
        ) as place
    from answers
    inner join helped on answers.account_id = helped.account_id
    where answers.responded_on <> helped.opened_on
),

both_answers as (
    select
        account_id,
        max(case when side = 'before' then score end) as score_before,
        max(case when side = 'after' then score end) as score_after
    from answered
    where place = 1
    group by account_id
),

nps_gain as (
    select
        {{ divide_exact(
            '100 * (count(case when score_after >= survey_settings.promoter_at_least then 1 end)'
            ~ ' - count(case when score_after <= survey_settings.detractor_at_most then 1 end)'
            ~ ' - count(case when score_before >= survey_settings.promoter_at_least then 1 end)'
            ~ ' + count(case when score_before <= survey_settings.detractor_at_most then 1 end))',
            'count(*)', places=6, input_places=0
        ) }} as value,
        count(*) as n
    from both_answers
    cross join survey_settings
    where both_answers.score_before is not null and both_answers.score_after is not null
),

rated as (
    select
        tickets.priority,
        tickets.csat >= settings.satisfied_at_least as is_satisfied
    from tickets
    cross join windows
    cross join settings
    where tickets.created_on >= windows.csat_from and tickets.csat is not null
),

satisfaction as (
    select
        {{ percentage('count(case when is_satisfied then 1 end)', 'count(*)') }} as value,
        count(*) as n,
        {{ percentage(
            "count(case when is_satisfied and priority = 'urgent' then 1 end)",
            "count(case when priority = 'urgent' then 1 end)"
        ) }} as urgent_value,
        count(case when priority = 'urgent' then 1 end) as urgent_n
    from rated
),

renewals as (
    select
        {{ percentage('coalesce(sum(forecast.contracts_renewed), 0)', 'coalesce(sum(forecast.contracts_ended), 0)') }}
            as value,
        coalesce(sum(forecast.contracts_ended), 0) as n
    from windows
    left join forecast
        on
            forecast.quarter_starts_on >= windows.quarters_from
            and forecast.quarter_starts_on <= windows.as_of_date
),

closed as (
    select
        interventions.account_id,
        count(*) as interventions,
        max(case when interventions.has_recovered then 1 else 0 end) as is_recovered
    from interventions
    cross join windows
    where interventions.closed_on >= windows.year_from
    group by interventions.account_id
),

-- An account that was recovered keeps its ARR of today, once.
returns as (
    select
        cast({{ divide_exact(
            'sum(case when closed.is_recovered = 1 then standing.arr else 0 end)',
            'cast(sum(closed.interventions) as decimal(18, 0)) * max(cast(settings.intervention_cost as decimal(18, 2)))',
            places=6, input_places=2
        ) }} as decimal(24, 6)) as value,
        coalesce(sum(closed.interventions), 0) as n
    from closed
    cross join settings
    inner join standing on closed.account_id = standing.account_id
),

figures as (
    select
        'annual_churn' as metric,
        cast(annual_churn.value as decimal(24, 6)) as value,
        annual_churn.n,
        windows.year_words as period,
        case when annual_churn.n = 0 then 'no account had a contract when the period began' end as reason
    from annual_churn
    cross join windows
    union all
    select
        'early_warning_days' as metric,
        cast(early_warning.value as decimal(24, 6)) as value,
        early_warning.n,
        'all scores that were kept' as period,
        'no account is known to have left after a score that was kept' as reason
    from early_warning
    union all
    select
        'red_retention' as metric,
        cast(red_retention.value as decimal(24, 6)) as value,
        red_retention.n,
        'all scores that were kept'
        || coalesce(', ' || {{ days_words('red_retention.horizon_days') }} || ' after each', '') as period,
        'no RED score that was kept is old enough to tell' as reason
    from red_retention
    union all
    select
        'expansion_arr' as metric,
        cast(case when known.opportunities_known then expansion_arr.value end as decimal(24, 6)) as value,
        expansion_arr.n,
        windows.year_words as period,
        case
            when not known.opportunities_known then 'opportunities can not be used'
            else 'no amount of the expansions won is known'
        end as reason
    from expansion_arr
    cross join windows
    cross join known
    union all
    select
        'qbr_preparation_time' as metric,
        cast(null as decimal(24, 6)) as value,
        0 as n,
        windows.day_words as period,
        'no source says how long preparing a QBR takes' as reason
    from windows
    union all
    select
        'accounts_per_csm' as metric,
        cast(accounts_per_csm.value as decimal(24, 6)) as value,
        accounts_per_csm.n,
        windows.day_words as period,
        'no account names a CSM' as reason
    from accounts_per_csm
    cross join windows
    union all
    select
        'nps_gain' as metric,
        cast(nps_gain.value as decimal(24, 6)) as value,
        nps_gain.n,
        'interventions opened in ' || windows.year_words as period,
        case
            when not known.interventions_known then 'interventions can not be used'
            when not known.survey_responses_known then 'answers to surveys can not be used'
            else 'no account answered before and after an intervention'
        end as reason
    from nps_gain
    cross join windows
    cross join known
    union all
    select
        'csat' as metric,
        cast(case when known.tickets_known then satisfaction.value end as decimal(24, 6)) as value,
        satisfaction.n,
        windows.csat_words as period,
        case when not known.tickets_known then 'tickets can not be used' else 'no ticket was rated' end as reason
    from satisfaction
    cross join windows
    cross join known
    union all
    select
        'critical_satisfaction' as metric,
        cast(case when known.tickets_known then satisfaction.urgent_value end as decimal(24, 6)) as value,
        satisfaction.urgent_n as n,
        windows.csat_words as period,
        case when not known.tickets_known then 'tickets can not be used' else 'no urgent ticket was rated' end as reason
    from satisfaction
    cross join windows
    cross join known
    union all
    select
        'renewal_rate' as metric,
        cast(renewals.value as decimal(24, 6)) as value,
        renewals.n,
        'contracts that ended from ' || {{ date_words('windows.quarters_from') }} || ' to '
        || {{ date_words('windows.as_of_date') }} as period,
        'no contract ended' as reason
    from renewals
    cross join windows
    union all
    select
        'intervention_return' as metric,
        cast(returns.value as decimal(24, 6)) as value,
        returns.n,
        'interventions closed in ' || windows.year_words as period,
        case
            when not known.interventions_known then 'interventions can not be used'
            when settings.intervention_cost is null
                then 'no cost of an intervention is set (intervention_cost in policies/reports.yaml)'
            else 'no intervention was closed'
        end as reason
    from returns
    cross join windows
    cross join known
    cross join settings
)

select
    metric,
    value,
    cast(coalesce(n, 0) as int) as n,
    period,
    case when value is null then reason end as reason
from figures
