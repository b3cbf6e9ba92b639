with
health as (
    select * from {{ ref('fct_account_health') }}
    where score is not null
),

factors as (
    select * from {{ ref('int_churn__factors') }}
),

expanding as (
    select distinct account_id from {{ ref('int_expansion__potentials') }}
),

run as (
    select as_of_date from {{ ref('stg_run__context') }}
),

settings as (
    select * from {{ ref('stg_policy__churn_settings') }}
),

bands as (
    select * from {{ ref('int_backtest__bands') }}
),

standing as (
    select * from {{ ref('int_backtest__standing') }}
),

outreach as (
    select
        outreach_red_days,
        outreach_yellow_days,
        outreach_green_days
    from {{ ref('stg_policy__retention_settings') }}
),

added as (
    select
        health.*,
        cast(
            case health.status
                when 'RED' then settings.base_red when 'YELLOW' then settings.base_yellow else settings.base_green
            end as decimal(5, 2)
        ) as base,
        cast(
            case
                when health.days_to_renewal < settings.renewal_soon_days then settings.renewal_soon_addition
                when health.days_to_renewal < settings.renewal_later_days then settings.renewal_later_addition
                else 0
            end as decimal(5, 2)
        ) as renewal_addition,
        {% for factor in churn_factor_names() %}
            factors.{{ factor }},
            factors.{{ factor }}_evidence,
            cast(case when factors.{{ factor }} then settings.{{ factor }}_addition else 0 end as decimal(5, 2))
                as {{ factor }}_addition,
        {% endfor %}
        cast(
            case health.status
                when 'RED' then settings.save_red when 'YELLOW' then settings.save_yellow else settings.save_green
            end as decimal(5, 2)
        ) as save_probability,
        -- A rise makes nothing more urgent; a fall counts up to the cap.
        cast(
            settings.fall_cap_points
            + least(greatest(coalesce(-health.change_month, 0), 0), settings.fall_cap_points)
            as decimal(6, 2)
        ) as fall_weight
    from health
    inner join factors on health.account_id = factors.account_id
    cross join settings
),

summed as (
    select
        *,
        base
        + renewal_addition
        + leadership_change_addition
        + budget_pressure_addition
        + competitive_inquiry_addition
        + recent_outage_addition
        + engagement_decline_addition as uncapped
    from added
),

capped as (
    select
        summed.*,
        settings.cap,
        cast(least(summed.uncapped, settings.cap) as decimal(5, 2)) as churn_probability
    from summed
    cross join settings
),

-- What became of those of whom as much was said.
estimated as (
    select
        capped.*,
        cast(case when standing.is_enough then least(bands.fitted_pct, capped.cap) end as decimal(5, 2))
            as churn_probability_calibrated,
        case
            when not standing.is_enough then 'not calibrated: ' || standing.reason
            else
                'of ' || {{ count_words('bands.accounts', 'account', 'accounts') }} || ' given '
                || {{ number_words('bands.from_pct') }}
                || case
                    when bands.below_pct is null then ' % or more, '
                    else ' to ' || {{ number_words('bands.below_pct') }} || ' %, '
                end
                || cast(bands.churned as {{ type_text() }}) || ' left within '
                || {{ days_words('standing.horizon_days') }}
                || '; evened out with what was said and with the bands beside'
        end as calibration_reason
    from capped
    cross join standing
    inner join bands
        on
            capped.churn_probability >= bands.from_pct
            and (bands.below_pct is null or capped.churn_probability < bands.below_pct)
),

acting as (
    select
        estimated.*,
        case
            when settings.acts_on = 'calibrated'
                then coalesce(estimated.churn_probability_calibrated, estimated.churn_probability)
            else estimated.churn_probability
        end as acts_on_probability,
        case estimated.final_status
            when 'RED' then outreach.outreach_red_days
            when 'YELLOW' then outreach.outreach_yellow_days
            when 'GREEN' then case when expanding.account_id is not null then outreach.outreach_green_days end
        end as outreach_days
    from estimated
    cross join settings
    cross join outreach
    left join expanding on estimated.account_id = expanding.account_id
)

select
    acting.account_id,
    acting.account_name,
    acting.owner_name,
    acting.csm_name,
    acting.ae_name,
    acting.geo,
    acting.region,
    acting.segment,
    acting.score,
    acting.status,
    acting.final_status,
    acting.final_status_from,
    acting.confidence,
    acting.renewal_date,
    acting.days_to_renewal,
    acting.churn_probability,
    acting.base,
    acting.renewal_addition,
    {% for factor in churn_factor_names() %}
        acting.{{ factor }},
        acting.{{ factor }}_addition,
        acting.{{ factor }}_evidence,
    {% endfor %}
    {{ probability_words('acting') }} as probability_reason,
    acting.churn_probability_calibrated,
    acting.calibration_reason,
    acting.acts_on_probability,
    acting.arr,
    cast(cast(acting.arr as decimal(19, 2)) * settings.value_years as decimal(18, 2)) as three_year_value,
    {{ percent_of('acting.arr', 'acting.acts_on_probability') }} as expected_loss,
    cast(
        case
            when acting.acts_on_probability * settings.lifetime_most_years <= 100
                then cast(acting.arr as decimal(19, 2)) * cast(settings.lifetime_most_years as decimal(9, 2))
            else {{ divide_exact(
                '100 * cast(acting.arr as decimal(19, 2))', 'acting.acts_on_probability', places=2, input_places=2
            ) }}
        end as decimal(18, 2)
    ) as lifetime_value,
    acting.save_probability,
    cast(
        {{ divide_exact(
            'cast(acting.arr as decimal(19, 2)) * acting.acts_on_probability * acting.save_probability'
            ~ ' * acting.fall_weight',
            '100 * 100 * cast(settings.fall_cap_points as decimal(6, 2))',
            places=2, input_places=8
        ) }} as decimal(18, 2)
    ) as intervention_priority,
    acting.change_month,
    {{ add_days('run.as_of_date', 'acting.outreach_days') }} as outreach_due_on,
    case
        when acting.outreach_days is null then 'GREEN without an expansion: no outreach is due'
        else
            acting.final_status
            || case when acting.final_status = 'GREEN' then ' with an expansion' else '' end
            || case
                when acting.final_status_from = 'csm' and acting.final_status <> acting.status
                    then ' by the CSM''s call, ' || acting.status || ' by score'
                else ''
            end
            || ': reach out within ' || {{ days_words('acting.outreach_days') }}
    end as outreach_reason,
    acting.reconstructed
from acting
cross join run
cross join settings
