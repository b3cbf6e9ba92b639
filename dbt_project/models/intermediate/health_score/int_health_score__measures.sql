{{ config(materialized='table') }}

with
run as (
    select policy_version from {{ ref('stg_run__context') }}
),

-- What the run before measured is banded anew only where the policy has changed since.
measured as (
    select
        account_id,
        'now' as basis,
        segment_key,
    {%- for measure in score_measure_names() %}
        {{ measure }},
        {{ measure }}_records{{ "," if not loop.last }}
    {%- endfor %}
    from {{ ref('int_health_score__values') }}
    union all
    select
        earlier.account_id,
        'before' as basis,
        coalesce(earlier.segment, 'unknown') as segment_key,
    {%- for measure in score_measure_names() %}
        earlier.{{ measure }},
        0 as {{ measure }}_records{{ "," if not loop.last }}
    {%- endfor %}
    from {{ ref('stg_history__account_signals') }} as earlier
    inner join run on earlier.policy_version <> run.policy_version
),

-- One row a measure.
listed as (
    {%- for measure in score_measure_names() %}
        select
            account_id,
            basis,
            segment_key,
            '{{ measure }}' as measure,
            {{ measure }} as value,
            {{ measure }}_records as source_records
        from measured
        {{ "union all" if not loop.last }}
    {%- endfor %}
),

measures as (
    select * from {{ ref('stg_policy__score_measures') }}
),

bands as (
    select * from {{ ref('stg_policy__score_bands') }}
)

select
    listed.account_id,
    listed.basis,
    listed.segment_key,
    measures.dimension,
    listed.measure,
    listed.value,
    bands.band_rank,
    bands.points,
    bands.next_points,
    measures.max_points,
    listed.source_records
from listed
inner join measures on listed.segment_key = measures.segment_key and listed.measure = measures.measure
left join bands
    on
        listed.segment_key = bands.segment_key
        and listed.measure = bands.measure
        and listed.value >= bands.value_from
        and listed.value <= bands.value_to
