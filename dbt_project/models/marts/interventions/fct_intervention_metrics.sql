with
outcomes as (
    select * from {{ ref('fct_intervention_outcomes') }}
    where is_counted
),

response_times as (
    select * from {{ ref('int_interventions__response_times') }}
),

run as (
    select fiscal_year_start_month from {{ ref('stg_run__context') }}
),

settings as (
    select * from {{ ref('stg_policy__intervention_settings') }}
),

dated as (
    select
        outcomes.*,
        coalesce(outcomes.segment, '(none)') as segment_name,
        {{ fiscal_quarter_number('outcomes.opened_on', 'run.fiscal_year_start_month') }} as quarter_number,
        case when outcomes.has_recovered then outcomes.recovery_days end as days
    from outcomes
    cross join run
),

cells as (
    select
        strategy,
        segment_name as segment,
        quarter_number,
        count(*) as interventions,
        count(distinct account_id) as accounts,
        count(case when has_recovered then 1 end) as recovered,
        count(case when not has_recovered and is_closed then 1 end) as not_recovered,
        count(case when not has_recovered and not is_closed then 1 end) as under_way,
        count(days) as days_count,
        sum(cast(days as decimal(20, 0))) as days_sum,
        sum(cast(days as decimal(20, 0)) * days) as days_squares,
        count(score_gain) as gain_count,
        sum(cast(score_gain as decimal(20, 1))) as gain_sum,
        sum(cast(score_gain * score_gain as decimal(20, 2))) as gain_squares
    from dated
    group by strategy, segment_name, quarter_number
),

-- Critical alerts of a cell's accounts in its quarter, each once.
members as (
    select distinct
        strategy,
        segment_name as segment,
        quarter_number,
        account_id
    from dated
),

responses as (
    select
        members.strategy,
        members.segment,
        members.quarter_number,
        count(*) as critical_alerts,
        count(response_times.response_hours) as response_count,
        sum(cast(response_times.response_hours as decimal(24, 6))) as response_sum,
        sum(response_times.response_hours * response_times.response_hours) as response_squares
    from members
    inner join response_times
        on members.account_id = response_times.account_id and members.quarter_number = response_times.raised_quarter
    group by members.strategy, members.segment, members.quarter_number
),

baseline as (
    select
        segment,
        quarter_number,
        interventions,
        {{ percentage('recovered', 'interventions') }} as success_rate
    from cells
    where strategy = 'none'
)

select
    cells.strategy,
    cells.segment,
    {{ fiscal_quarter_name('cells.quarter_number', 'run.fiscal_year_start_month') }} as fiscal_quarter,
    {{ fiscal_quarter_starts_on('cells.quarter_number', 'run.fiscal_year_start_month') }} as quarter_starts_on,
    cast(cells.interventions as int) as interventions,
    cast(cells.accounts as int) as accounts,
    cast(cells.recovered as int) as recovered,
    cast(cells.not_recovered as int) as not_recovered,
    cast(cells.under_way as int) as under_way,
    {{ percentage('cells.recovered', 'cells.interventions') }} as success_rate,
    {{ wilson_low('cells.recovered', 'cells.interventions', 'settings.z') }} as success_rate_from,
    {{ wilson_high('cells.recovered', 'cells.interventions', 'settings.z') }} as success_rate_to,
    settings.success_rate_low as success_rate_target_low,
    settings.success_rate_high as success_rate_target_high,
    {{ mean_of_sums('cells.days_sum', 'cells.days_count') }} as recovery_days,
    {{ mean_low('cells.days_sum', 'cells.days_squares', 'cells.days_count', 'settings.z') }} as recovery_days_from,
    {{ mean_high('cells.days_sum', 'cells.days_squares', 'cells.days_count', 'settings.z') }} as recovery_days_to,
    settings.recovery_days_low as recovery_days_target_low,
    settings.recovery_days_high as recovery_days_target_high,
    cast(cells.gain_count as int) as score_gains,
    {{ mean_of_sums('cells.gain_sum', 'cells.gain_count') }} as score_gain,
    {{ mean_low('cells.gain_sum', 'cells.gain_squares', 'cells.gain_count', 'settings.z') }} as score_gain_from,
    {{ mean_high('cells.gain_sum', 'cells.gain_squares', 'cells.gain_count', 'settings.z') }} as score_gain_to,
    settings.score_gain_low as score_gain_target_low,
    settings.score_gain_high as score_gain_target_high,
    cast(coalesce(responses.critical_alerts, 0) as int) as critical_alerts,
    cast(coalesce(responses.response_count, 0) as int) as critical_alerts_answered,
    {{ mean_of_sums('responses.response_sum', 'responses.response_count') }} as response_hours,
    {{ mean_low(
        'responses.response_sum', 'responses.response_squares', 'responses.response_count', 'settings.z'
    ) }} as response_hours_from,
    {{ mean_high(
        'responses.response_sum', 'responses.response_squares', 'responses.response_count', 'settings.z'
    ) }} as response_hours_to,
    settings.response_hours_below as response_hours_target,
    case when cells.strategy <> 'none' then cast(coalesce(baseline.interventions, 0) as int) end as baseline_accounts,
    case when cells.strategy <> 'none' then baseline.success_rate end as baseline_success_rate
from cells
cross join run
cross join settings
left join responses
    on
        cells.strategy = responses.strategy
        and cells.segment = responses.segment
        and cells.quarter_number = responses.quarter_number
left join baseline on cells.segment = baseline.segment and cells.quarter_number = baseline.quarter_number
