{% set dimensions = score_dimension_names() %}

with
at_risk as (
    select * from {{ ref('fct_account_health') }}
    where tier in ('at_risk', 'critical')
),

churn as (
    select
        account_id,
        acts_on_probability,
        expected_loss,
        save_probability,
        intervention_priority
    from {{ ref('fct_account_churn') }}
),

themes as (
    select
        account_id,
        place,
        {{ name_words('theme') }} || ': ' || main_evidence as pain_point
    from {{ ref('int_health_score__themes') }}
),

interventions as (
    select * from {{ ref('int_interventions__opened') }}
),

earlier as (
    select * from {{ ref('stg_history__at_risk_accounts') }}
),

kept as (
    select * from {{ ref('stg_history__account_dimensions') }}
),

phases as (
    select * from {{ ref('stg_policy__risk_phases') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

settings as (
    select fell_points from {{ ref('stg_policy__intervention_settings') }}
),

standing as (
    select
        at_risk.account_id,
        coalesce(earlier.at_risk_since, run.as_of_date) as at_risk_since,
        cast(floor(
            {{ days_between('coalesce(earlier.at_risk_since, run.as_of_date)', 'run.as_of_date') }} / 7.0
        ) as int) as weeks_at_risk
    from at_risk
    cross join run
    left join earlier on at_risk.account_id = earlier.account_id
),

-- What fell: each dimension against the earliest that is kept of it.
series as (
    select
        at_risk.account_id,
        {%- for dimension in dimensions %}
            kept.{{ dimension }},
        {%- endfor %}
        kept.as_of_date
    from at_risk
    inner join kept on at_risk.account_id = kept.account_id
),

firsts as (
    select
        {%- for dimension in dimensions %}
            min(case when {{ dimension }} is not null then as_of_date end) as {{ dimension }}_on,
        {%- endfor %}
        account_id
    from series
    group by account_id
),

first_values as (
    select
        {%- for dimension in dimensions %}
            max(case when series.as_of_date = firsts.{{ dimension }}_on then series.{{ dimension }} end)
                as {{ dimension }},
        {%- endfor %}
        series.account_id
    from series
    inner join firsts on series.account_id = firsts.account_id
    group by series.account_id
),

fell_on as (
    select
        {%- for dimension in dimensions %}
            min(case
                when series.{{ dimension }} <= first_values.{{ dimension }} - settings.fell_points
                    then series.as_of_date
            end) as {{ dimension }},
        {%- endfor %}
        series.account_id
    from series
    cross join settings
    inner join first_values on series.account_id = first_values.account_id
    group by series.account_id
),

-- Only what is down still counts.
fallen as (
    {%- for dimension in dimensions %}
        select
            at_risk.account_id,
            '{{ dimension }}' as dimension,
            {{ loop.index }} as dimension_rank,
            coalesce(fell_on.{{ dimension }}, run.as_of_date) as fallen_on,
            first_values.{{ dimension }} as from_points,
            cast(at_risk.{{ dimension }} as decimal(5, 1)) as to_points
        from at_risk
        cross join run
        cross join settings
        inner join first_values on at_risk.account_id = first_values.account_id
        inner join fell_on on at_risk.account_id = fell_on.account_id
        where cast(at_risk.{{ dimension }} as decimal(5, 1)) <= first_values.{{ dimension }} - settings.fell_points
        {{ "union all" if not loop.last }}
    {%- endfor %}
),

fallen_in_order as (
    select
        fallen.*,
        row_number() over (
            partition by account_id
            order by fallen_on asc nulls last, from_points - to_points desc nulls last, dimension_rank asc nulls last
        ) as place
    from fallen
),

pains as (
    select
        themes.account_id,
        {{ join_text('themes.pain_point', '; ', ['themes.place']) }} as pain_points
    from themes
    inner join at_risk on themes.account_id = at_risk.account_id
    group by themes.account_id
),

under_way as (
    select
        interventions.account_id,
        interventions.strategy,
        interventions.opened_on,
        row_number() over (
            partition by interventions.account_id
            order by
                interventions.opened_on desc nulls last,
                interventions.origin asc nulls last,
                interventions.intervention_id desc nulls last
        ) as place
    from interventions
    where not interventions.is_closed
)

select
    at_risk.account_id,
    at_risk.account_name,
    at_risk.owner_name,
    at_risk.csm_name,
    at_risk.geo,
    at_risk.region,
    at_risk.segment,
    cast(row_number() over (
        order by churn.intervention_priority desc nulls last, at_risk.account_id asc nulls last
    ) as int) as {{ adapter.quote('rank') }},
    at_risk.tier,
    at_risk.status,
    at_risk.final_status,
    at_risk.score,
    at_risk.change_week,
    at_risk.change_month,
    'Score ' || {{ number_words('at_risk.score') }}
    || case
        when at_risk.change_week is null then ''
        else ', ' || {{ number_words('at_risk.score - at_risk.change_week') }} || ' a week ago'
    end
    || case
        when at_risk.change_month is null then ''
        else ', ' || {{ number_words('at_risk.score - at_risk.change_month') }} || ' a month ago'
    end as score_trend,
    standing.at_risk_since,
    standing.weeks_at_risk,
    phases.phase,
    phases.phase_rank,
    {{ add_days('standing.at_risk_since', 'phases.to_week * 7 + 6') }} as phase_ends_on,
    fallen_in_order.dimension as fell_first,
    fallen_in_order.fallen_on as fell_first_on,
    {{ name_words('fallen_in_order.dimension') }}
    || ' on '
    || {{ date_words('fallen_in_order.fallen_on') }}
    || ', from '
    || {{ number_words('fallen_in_order.from_points') }}
    || ' to '
    || {{ number_words('fallen_in_order.to_points') }}
    || ' points now' as fell_first_words,
    at_risk.root_cause,
    pains.pain_points,
    at_risk.renewal_date,
    at_risk.days_to_renewal,
    at_risk.arr,
    churn.acts_on_probability,
    churn.expected_loss,
    churn.save_probability,
    churn.intervention_priority,
    under_way.strategy,
    under_way.opened_on as intervention_opened_on,
    at_risk.reconstructed
from at_risk
inner join standing on at_risk.account_id = standing.account_id
inner join phases
    on
        standing.weeks_at_risk >= phases.from_week
        and (phases.to_week is null or standing.weeks_at_risk <= phases.to_week)
left join churn on at_risk.account_id = churn.account_id
left join fallen_in_order on at_risk.account_id = fallen_in_order.account_id and fallen_in_order.place = 1
left join pains on at_risk.account_id = pains.account_id
left join under_way on at_risk.account_id = under_way.account_id and under_way.place = 1
