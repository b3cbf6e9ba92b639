with
dimensions as (
    select * from {{ ref('int_health_score__dimensions') }}
    where basis = 'now' and not is_available
),

measures as (
    select * from {{ ref('stg_policy__score_measures') }}
),

streams as (
    select * from {{ ref('int_streams__known') }}
    where not is_known
),

-- Why a dimension can't be told: a stream it rests on may not be used, or there is too little in it.
reasons as (
    select distinct
        measures.segment_key,
        measures.dimension,
        streams.gap_words
    from measures
    inner join streams on measures.stream = streams.stream
),

worded as (
    select
        segment_key,
        dimension,
        {{ join_text('gap_words', ', ', ['gap_words']) }} as words
    from reasons
    group by segment_key, dimension
),

standing as (
    select
        account_id,
        segment_key
    from {{ ref('int_accounts__standing') }}
)

select
    dimensions.account_id,
    {{ join_text(
        name_words('dimensions.dimension') ~ " || ' (' || coalesce(worded.words, 'too little in its windows') || ')'",
        '; ',
        ['dimensions.dimension_rank']
    ) }} as missing_dimensions
from dimensions
inner join standing on dimensions.account_id = standing.account_id
left join worded on standing.segment_key = worded.segment_key and dimensions.dimension = worded.dimension
group by dimensions.account_id
