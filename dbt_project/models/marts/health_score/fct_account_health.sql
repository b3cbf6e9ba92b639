with
scores as (
    select * from {{ ref('int_health_score__scores') }}
    where basis = 'now'
),

accounts as (
    select * from {{ ref('int_accounts__profiled') }}
),

standing as (
    select * from {{ ref('int_accounts__standing') }}
),

cutoffs as (
    select * from {{ ref('stg_policy__score_cutoffs') }}
),

changes as (
    select * from {{ ref('int_health_score__changes') }}
),

calls as (
    select * from {{ ref('int_accounts__calls') }}
),

baseline as (
    select * from {{ ref('int_health_score__baseline') }}
),

gaps as (
    select * from {{ ref('int_health_score__gaps') }}
),

themes as (
    select * from {{ ref('int_health_score__themes') }}
),

streams as (
    select * from {{ ref('int_streams__known') }}
),

score_streams as (
    select distinct stream from {{ ref('stg_policy__score_measures') }}
    union
    select 'accounts' as stream
    union
    select 'contracts' as stream
),

settings as (
    select * from {{ ref('stg_policy__score_settings') }}
),

-- What holds for all accounts of the run.
sources as (
    select
        {{ join_text('case when streams.is_stale then streams.gap_words end', '; ', ['streams.stream']) }}
            as stale_sources,
        max(case when streams.reconstructed then 1 else 0 end) = 1 as reconstructed
    from streams
    inner join score_streams on streams.stream = score_streams.stream
),

causes as (
    select
        account_id,
        max(case when place = 1 then theme end) as root_cause,
        max(case when place = 1 then main_evidence end) as root_evidence,
        {{ join_text('case when place > 1 then theme end', ', ', ['place']) }} as contributing_factors
    from themes
    group by account_id
),

judged as (
    select
        scores.*,
        {{ status_of('scores.score', 'cutoffs') }} as status,
        {{ tier_of('scores.score', 'cutoffs') }} as tier,
        case
            when scores.dimensions_available >= settings.high_confidence_dimensions then 'high'
            when scores.dimensions_available >= settings.medium_confidence_dimensions then 'medium'
            else 'low'
        end as confidence,
        cast(scores.score - changes.week_score as decimal(5, 1)) as change_week,
        cast(scores.score - changes.month_score as decimal(5, 1)) as change_month,
        changes.week_tier,
        cast(changes.before_score_under_policy - changes.before_score as decimal(5, 1)) as change_from_policy,
        cast(scores.score - changes.before_score_under_policy as decimal(5, 1)) as change_from_data,
        settings.large_change_points
    from scores
    inner join standing on scores.account_id = standing.account_id
    inner join cutoffs on standing.segment_key = cutoffs.segment_key
    inner join changes on scores.account_id = changes.account_id
    cross join settings
),

assembled as (
    select
        judged.account_id,
        accounts.account_name,
        accounts.owner_name,
        accounts.csm_name,
        accounts.ae_name,
        accounts.geo,
        accounts.region,
        accounts.segment,
        accounts.segment_key,
        accounts.lifecycle,
        judged.score,
        judged.score_low,
        judged.score_high,
        judged.confidence,
        judged.status,
        judged.tier,
        {%- for dimension in score_dimension_names() %}
            judged.{{ dimension }},
        {%- endfor %}
        judged.change_week,
        judged.change_month,
        coalesce(abs(judged.change_month) > judged.large_change_points, false) as large_change,
        coalesce(judged.week_tier in ('healthy', 'stable') and judged.tier not in ('healthy', 'stable'), false)
            as newly_at_risk,
        -- Both parts or none: without a score to compare with, nothing is split.
        case when judged.change_from_data is not null then judged.change_from_policy end as change_from_policy,
        case when judged.change_from_policy is not null then judged.change_from_data end as change_from_data,
        baseline.baseline_points,
        baseline.baseline_label,
        {%- for field in baseline_field_names() %}
            baseline.{{ field }} as baseline_{{ field }},
            baseline.{{ field }}_points as baseline_{{ field }}_points,
        {%- endfor %}
        gaps.missing_dimensions,
        sources.stale_sources,
        causes.root_cause,
        causes.root_evidence,
        causes.contributing_factors,
        standing.arr,
        standing.customer_until,
        standing.renewal_date,
        standing.days_to_renewal,
        judged.confidence = 'low' as needs_review,
        calls.status as csm_status,
        calls.reason as csm_reason,
        calls.called_by as csm_called_by,
        calls.called_on as csm_called_on,
        calls.expires_on as csm_expires_on,
        coalesce(calls.status, judged.status) as final_status,
        case when calls.status is not null then 'csm' when judged.status is not null then 'machine' end
            as final_status_from,
        sources.reconstructed
    from judged
    inner join accounts on judged.account_id = accounts.account_id
    inner join standing on judged.account_id = standing.account_id
    inner join baseline on judged.account_id = baseline.account_id
    cross join sources
    left join gaps on judged.account_id = gaps.account_id
    left join causes on judged.account_id = causes.account_id
    left join calls on judged.account_id = calls.account_id
)

select
    assembled.*,
    {{ health_summary('assembled') }} as summary
from assembled
