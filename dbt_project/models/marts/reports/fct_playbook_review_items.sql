with
metrics as (
    select * from {{ ref('fct_intervention_metrics') }}
),

calibration as (
    select * from {{ ref('fct_calibration') }}
    where kind = 'addition'
),

criteria as (
    select * from {{ ref('stg_history__expansion_pipeline') }}
),

opportunities as (
    select * from {{ ref('int_opportunities__converted') }}
),

nps as (
    select * from {{ ref('fct_nps_summary') }}
),

intervention_settings as (
    select z from {{ ref('stg_policy__intervention_settings') }}
),

settings as (
    select * from {{ ref('stg_policy__report_settings') }}
),

run as (
    select
        as_of_date,
        fiscal_year_start_month,
        {{ fiscal_quarter_number('as_of_date', 'fiscal_year_start_month') }} as quarter_number
    from {{ ref('stg_run__context') }}
    where cadence = 'quarterly'
),

-- Success by strategy, beside accounts that nothing was done about.
strategies as (
    select
        metrics.strategy,
        sum(metrics.interventions) as interventions,
        sum(metrics.recovered) as recovered
    from metrics
    group by metrics.strategy
),

rated as (
    select
        strategies.*,
        {{ percentage('strategies.recovered', 'strategies.interventions') }} as success_rate,
        {{ wilson_low('strategies.recovered', 'strategies.interventions', 'intervention_settings.z') }} as rate_low,
        {{ wilson_high('strategies.recovered', 'strategies.interventions', 'intervention_settings.z') }} as rate_high
    from strategies
    cross join intervention_settings
),

success_by_strategy as (
    select
        row_number() over (
            order by
                case when rated.strategy = 'none' then 1 else 0 end, rated.success_rate desc nulls last, rated.strategy
        ) as place,
        case when rated.strategy = 'none' then 'Without an intervention' else {{ name_words('rated.strategy') }} end
        || ': '
        || {{ money_words('rated.recovered') }} || ' of ' || {{ money_words('rated.interventions') }}
        || ' recovered, '
        || {{ number_words('rated.success_rate') }} || ' % (between '
        || {{ number_words('rated.rate_low') }} || ' and '
        || {{ number_words('rated.rate_high') }} || ' %).' as text,
        rated.success_rate as figure,
        'percent' as unit
    from rated
),

-- Which signals foretold churn: accounts with it, against others that are the same in all else.
foretelling as (
    select
        calibration.*,
        replace(
            replace(replace(replace(calibration.parameter, 'factors.', ''), '.addition', ''), '_addition', ''),
            '.',
            ' '
        ) as signal,
        {{ divide_exact(
            'cast(calibration.churned as decimal(18, 0)) * calibration.compared_accounts',
            'cast(calibration.accounts as decimal(18, 0)) * calibration.compared_churned', places=2, input_places=0
        ) }} as lift
    from calibration
),

signals_that_foretold as (
    select
        row_number() over (order by foretelling.lift desc nulls last, foretelling.parameter_order) as place,
        {{ name_words('foretelling.signal') }}
        || ': '
        || case
            when coalesce(foretelling.accounts, 0) = 0 then 'no account had it that others can be compared with.'
            else
                {{ money_words('foretelling.churned') }} || ' of ' || {{ money_words('foretelling.accounts') }}
                || ' accounts with it left, '
                || {{ money_words('coalesce(foretelling.compared_churned, 0)') }} || ' of '
                || {{ money_words('coalesce(foretelling.compared_accounts, 0)') }} || ' without it'
                || coalesce(': ' || {{ number_words('foretelling.lift') }} || ' times as many', '') || '.'
        end as text,
        foretelling.lift as figure,
        'times' as unit
    from foretelling
),

-- Which expansion criteria held: of the accounts in the pipeline at the earliest as_of that is looked back to, those
-- that won an expansion since.
held_as_of as (
    select min(criteria.as_of_date) as as_of_date
    from criteria
    cross join run
    cross join settings
    where criteria.as_of_date >= {{ add_months_to(start_of('month', 'run.as_of_date'), '-settings.held_months') }}
),

held as (
    select criteria.*
    from criteria
    inner join held_as_of on criteria.as_of_date = held_as_of.as_of_date
    where criteria.is_primary
),

won_since as (
    select distinct opportunities.account_id
    from opportunities
    cross join held_as_of
    where
        opportunities.opportunity_type = 'expansion'
        and opportunities.outcome = 'won'
        and opportunities.close_date > held_as_of.as_of_date
),

judged as (
    select
        held.*,
        case when won_since.account_id is not null then 1 else 0 end as has_won
    from held
    left join won_since on held.account_id = won_since.account_id
),

by_criterion as (
    {%- for criterion in ['qualified'] + expansion_criteria_names() %}
        select
            '{{ criterion }}' as criterion,
            {{ loop.index }} as criterion_place,
            count(case when judged.{{ criterion }} then 1 end) as accounts,
            coalesce(sum(case when judged.{{ criterion }} then judged.has_won end), 0) as won,
            count(case when not judged.{{ criterion }} then 1 end) as others,
            coalesce(sum(case when not judged.{{ criterion }} then judged.has_won end), 0) as others_won,
            max(held_as_of.as_of_date) as as_of_date
        from held_as_of
        left join judged on true
        {{ "union all" if not loop.last }}
    {%- endfor %}
),

compared as (
    select
        by_criterion.*,
        {{ divide_exact(
            'cast(won as decimal(18, 0)) * others', 'cast(accounts as decimal(18, 0)) * others_won',
            places=2, input_places=0
        ) }} as lift
    from by_criterion
),

expansion_criteria as (
    select
        compared.criterion_place as place,
        {{ name_words('compared.criterion') }} || ': '
        || case
            when compared.as_of_date is null then 'no pipeline of an earlier date is kept.'
            else
                {{ money_words('compared.won') }} || ' of ' || {{ money_words('compared.accounts') }}
                || ' accounts that met it on ' || {{ date_words('compared.as_of_date') }}
                || ' won an expansion since, '
                || {{ money_words('compared.others_won') }} || ' of '
                || {{ money_words('compared.others') }} || ' others'
                || coalesce(': ' || {{ number_words('compared.lift') }} || ' times as many', '') || '.'
        end as text,
        compared.lift as figure,
        'times' as unit
    from compared
),

-- Survey results of this quarter and the one before, by segment.
surveyed as (
    select
        nps.fiscal_quarter,
        nps.quarter_starts_on,
        nps.segment,
        sum(nps.sent) as sent,
        sum(nps.answered) as answered,
        sum(nps.answers) as answers,
        sum(nps.promoters) as promoters,
        sum(nps.detractors) as detractors
    from nps
    cross join run
    where
        nps.quarter_starts_on
        >= {{ fiscal_quarter_starts_on('(run.quarter_number - 1)', 'run.fiscal_year_start_month') }}
    group by nps.fiscal_quarter, nps.quarter_starts_on, nps.segment
),

scored as (
    select
        surveyed.*,
        {{ divide_exact('100 * (promoters - detractors)', 'answers', places=1, input_places=0) }} as nps,
        {{ percentage('answered', 'sent') }} as response_rate
    from surveyed
),

survey_results as (
    select
        row_number() over (order by scored.quarter_starts_on desc, scored.segment) as place,
        scored.fiscal_quarter || ', ' || {{ name_words('scored.segment') }} || ': '
        || {{ count_words('scored.answers', 'answer', 'answers') }}
        || coalesce(', NPS of ' || {{ number_words('scored.nps') }}, '')
        || '; ' || {{ money_words('scored.answered') }} || ' of ' || {{ money_words('scored.sent') }}
        || ' surveys answered'
        || coalesce(', ' || {{ number_words('scored.response_rate') }} || ' %', '') || '.' as text,
        scored.nps as figure,
        'points' as unit
    from scored
),

sections as (
    {%- for section in ['success_by_strategy', 'signals_that_foretold', 'expansion_criteria', 'survey_results'] %}
        select
            '{{ section }}' as section,
            {{ loop.index }} as section_place,
            place,
            text,
            cast(figure as decimal(18, 2)) as figure,
            unit
        from {{ section }}
        {{ "union all" if not loop.last }}
    {%- endfor %}
)

select
    sections.section,
    sections.section_place,
    cast(sections.place as int) as place,
    cast(null as {{ type_text() }}) as account_id,
    sections.text,
    sections.figure,
    sections.unit
from sections
cross join run
