with
interventions as (
    select * from {{ ref('int_interventions__opened') }}
),

at_risk as (
    select
        account_id,
        at_risk_since
    from {{ ref('fct_at_risk_accounts') }}
),

health as (
    select
        account_id,
        score
    from {{ ref('fct_account_health') }}
),

scored_before as (
    select
        account_id,
        as_of_date,
        score
    from {{ ref('stg_history__account_health') }}
),

earlier as (
    select * from {{ ref('stg_history__intervention_outcomes') }}
),

accounts as (
    select * from {{ ref('int_accounts__profiled') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

settings as (
    select * from {{ ref('stg_policy__intervention_settings') }}
),

-- Accounts that became at risk, with or without anything done about it. One that has not recovered stays the same.
waiting as (
    select
        earlier.intervention_id,
        earlier.account_id,
        earlier.opened_on,
        earlier.recovered_on
    from earlier
    where earlier.origin = 'none'
),

not_recovered as (
    select account_id from waiting
    where recovered_on is null
),

qualified as (
    select
        intervention_id,
        account_id,
        opened_on
    from waiting
    union all
    select
        {{ text_key(['at_risk.account_id', 'at_risk.at_risk_since']) }} as intervention_id,
        at_risk.account_id,
        at_risk.at_risk_since as opened_on
    from at_risk
    -- As a left join without a match, DuckDB 2.0 forgets the condition of not_recovered.
    where
        not exists (
            select 1
            from not_recovered
            where not_recovered.account_id = at_risk.account_id
        )
),

tracked as (
    select
        interventions.origin,
        interventions.intervention_id,
        interventions.account_id,
        interventions.strategy,
        interventions.opened_on,
        interventions.closed_on,
        interventions.outcome,
        interventions.is_closed
    from interventions
    union all
    select
        'none' as origin,
        qualified.intervention_id,
        qualified.account_id,
        'none' as strategy,
        qualified.opened_on,
        cast(null as date) as closed_on,
        cast(null as {{ type_text() }}) as outcome,
        false as is_closed
    from qualified
),

counted as (
    select
        tracked.*,
        earlier.intervention_id is not null as is_known,
        earlier.recovered_on as recovered_before_on,
        earlier.recovered_score as recovered_before_score,
        earlier.opening_score as opening_before_score,
        earlier.closed_score as closed_before_score,
        coalesce(earlier.runs_recovered, 0) as runs_before
    from tracked
    cross join run
    cross join settings
    left join earlier
        on
            tracked.origin = earlier.origin
            and tracked.intervention_id = earlier.intervention_id
            and tracked.opened_on = earlier.opened_on
    where tracked.opened_on >= {{ window_starts_on('run.as_of_date', 'settings.kept_days') }}
),

-- The scores that are new to an intervention: today's, and where it is seen for the first time those before.
scores as (
    select
        counted.origin,
        counted.intervention_id,
        counted.opened_on,
        counted.runs_before,
        run.as_of_date,
        health.score
    from counted
    cross join run
    left join health on counted.account_id = health.account_id
    union all
    select
        counted.origin,
        counted.intervention_id,
        counted.opened_on,
        counted.runs_before,
        scored_before.as_of_date,
        scored_before.score
    from counted
    inner join scored_before on counted.account_id = scored_before.account_id
    where not counted.is_known
),

after_opening as (
    select
        scores.*,
        coalesce(scores.score >= settings.recovered_at_least, false) as is_back,
        row_number() over (
            partition by scores.origin, scores.intervention_id order by scores.as_of_date asc nulls last
        ) as run_number
    from scores
    cross join settings
    where scores.as_of_date > scores.opened_on
),

failing as (
    select
        after_opening.*,
        max(case when not is_back then run_number end) over (
            partition by origin, intervention_id
            order by as_of_date asc nulls last
            rows between unbounded preceding and current row
        ) as last_below
    from after_opening
),

streaks as (
    select
        failing.origin,
        failing.intervention_id,
        failing.as_of_date,
        failing.score,
        case
            when failing.last_below is null then failing.runs_before + failing.run_number
            else failing.run_number - failing.last_below
        end as runs_recovered
    from failing
),

recovered as (
    select
        streaks.origin,
        streaks.intervention_id,
        min(case when streaks.runs_recovered >= settings.recovered_runs then streaks.as_of_date end) as recovered_on,
        max(case when streaks.as_of_date = run.as_of_date then streaks.runs_recovered end) as runs_recovered
    from streaks
    cross join run
    cross join settings
    group by streaks.origin, streaks.intervention_id
),

recovered_scores as (
    select
        recovered.origin,
        recovered.intervention_id,
        recovered.recovered_on,
        recovered.runs_recovered,
        streaks.score as recovered_score
    from recovered
    left join streaks
        on
            recovered.origin = streaks.origin
            and recovered.intervention_id = streaks.intervention_id
            and recovered.recovered_on = streaks.as_of_date
),

openings as (
    select
        scores.origin,
        scores.intervention_id,
        scores.score,
        row_number() over (
            partition by scores.origin, scores.intervention_id
            order by
                case when scores.as_of_date <= scores.opened_on then 0 else 1 end asc nulls last,
                case when scores.as_of_date <= scores.opened_on then scores.as_of_date end desc nulls last,
                scores.as_of_date asc nulls last
        ) as place
    from scores
    cross join settings
    where
        scores.score is not null
        and {{ days_between('scores.opened_on', 'scores.as_of_date') }} <= settings.opening_within_days
),

judged as (
    select
        counted.origin,
        counted.intervention_id,
        counted.account_id,
        counted.strategy,
        counted.opened_on,
        counted.closed_on,
        counted.outcome,
        counted.is_closed,
        coalesce(counted.opening_before_score, openings.score) as opening_score,
        coalesce(counted.recovered_before_on, recovered_scores.recovered_on) as recovered_on,
        case
            when counted.recovered_before_on is not null then counted.recovered_before_score
            else recovered_scores.recovered_score
        end as recovered_score,
        cast(coalesce(recovered_scores.runs_recovered, 0) as int) as runs_recovered,
        case when counted.is_closed then coalesce(counted.closed_before_score, health.score) end as closed_score,
        health.score as score_now
    from counted
    left join recovered_scores
        on counted.origin = recovered_scores.origin and counted.intervention_id = recovered_scores.intervention_id
    left join openings
        on
            counted.origin = openings.origin
            and counted.intervention_id = openings.intervention_id
            and openings.place = 1
    left join health on counted.account_id = health.account_id
),

-- A baseline is of accounts with nothing done about them while they were at risk.
helped as (
    select distinct judged.intervention_id
    from judged
    cross join run
    inner join interventions on judged.account_id = interventions.account_id
    where
        judged.origin = 'none'
        and interventions.opened_on <= coalesce(judged.recovered_on, run.as_of_date)
        and (interventions.closed_on is null or interventions.closed_on >= judged.opened_on)
)

select
    judged.origin,
    judged.intervention_id,
    judged.account_id,
    accounts.account_name,
    accounts.owner_name,
    accounts.csm_name,
    accounts.geo,
    accounts.region,
    accounts.segment,
    judged.strategy,
    judged.opened_on,
    judged.closed_on,
    judged.outcome,
    judged.is_closed,
    helped.intervention_id is null as is_counted,
    judged.opening_score,
    judged.runs_recovered,
    judged.recovered_on is not null as has_recovered,
    judged.recovered_on,
    judged.recovered_score,
    {{ days_between('judged.opened_on', 'judged.recovered_on') }} as recovery_days,
    judged.closed_score,
    judged.score_now,
    cast(
        case
            when judged.recovered_on is not null then judged.recovered_score
            when judged.is_closed then judged.closed_score
            else judged.score_now
        end - judged.opening_score as decimal(5, 1)
    ) as score_gain
from judged
inner join accounts on judged.account_id = accounts.account_id
left join helped on judged.origin = 'none' and judged.intervention_id = helped.intervention_id
