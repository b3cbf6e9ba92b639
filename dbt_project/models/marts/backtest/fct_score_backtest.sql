with
totals as (
    select * from {{ ref('int_backtest__totals') }}
),

predictors as (
    select * from {{ ref('int_backtest__predictors') }}
),

found as (
    select * from {{ ref('int_backtest__values') }}
),

profiles as (
    select * from {{ ref('int_backtest__profiles') }}
),

dates as (
    select * from {{ ref('int_backtest__dates') }}
),

warnings as (
    select * from {{ ref('int_backtest__warnings') }}
),

bands as (
    select * from {{ ref('stg_policy__backtest_bands') }}
),

settings as (
    select * from {{ ref('stg_policy__backtest_settings') }}
),

-- Why there is nothing to say about a horizon.
told as (
    select
        horizon_days,
        churned,
        kept,
        case
            when periods = 0
                then
                    'no score that was kept is ' || {{ days_words('horizon_days') }}
                    || ' old, the time after which is looked'
            when churned + kept = 0 then 'of no account that was scored is it known whether it left'
            when churned = 0 then 'none of ' || {{ count_words('kept', 'account', 'accounts') }} || ' left'
            when kept = 0 then 'all of ' || {{ count_words('churned', 'account', 'accounts') }} || ' left'
        end as note
    from totals
),

periods as (
    select
        'periods' as section,
        totals.horizon_days,
        'score' as predictor,
        'all' as item,
        1 as item_order,
        'periods' as measure,
        totals.periods as figure,
        cast(null as decimal(18, 6)) as low,
        cast(null as decimal(18, 6)) as high,
        totals.churned + totals.kept as accounts,
        totals.churned,
        case
            when totals.periods > 0
                then
                    'scores of ' || {{ date_words('totals.first_scored_on') }}
                    || case
                        when totals.periods = 1 then ''
                        else ' to ' || {{ date_words('totals.last_scored_on') }}
                    end
                    || '; ' || {{ count_words('totals.churned_accounts', 'account', 'accounts') }} || ' left, '
                    || cast(totals.kept_accounts as {{ type_text() }}) || ' stayed'
            else told.note
        end as note
    from totals
    inner join told on totals.horizon_days = told.horizon_days
),

-- Scores in groups of one size, as far as equal scores let them: those stay together, in the group of their middle.
placed as (
    select
        found.horizon_days,
        found.value,
        found.accounts,
        found.churned,
        found.all_accounts,
        found.all_churned,
        cast(floor({{ divide_exact(
            'settings.score_groups * (2 * found.accounts_above + found.accounts)', '2 * found.all_accounts',
            input_places=0
        ) }}) as int) + 1 as score_group
    from found
    cross join settings
    where found.predictor = 'score'
),

grouped as (
    select
        horizon_days,
        score_group,
        cast(sum(accounts) as bigint) as accounts,
        cast(sum(churned) as bigint) as churned,
        max(value) as score_up_to,
        max(all_accounts) as all_accounts,
        max(all_churned) as all_churned
    from placed
    group by horizon_days, score_group
),

deciles as (
    select
        'deciles' as section,
        grouped.horizon_days,
        'score' as predictor,
        cast(grouped.score_group as {{ type_text() }}) as item,
        grouped.score_group as item_order,
        'churn_rate' as measure,
        {{ percentage('grouped.churned', 'grouped.accounts') }} as figure,
        {{ wilson_low('grouped.churned', 'grouped.accounts', 'settings.interval_z') }} as low,
        {{ wilson_high('grouped.churned', 'grouped.accounts', 'settings.interval_z') }} as high,
        grouped.accounts,
        grouped.churned,
        'scores up to ' || {{ format_decimal('grouped.score_up_to', 1) }} as note
    from grouped
    cross join settings
    union all
    select
        'deciles' as section,
        grouped.horizon_days,
        'score' as predictor,
        cast(grouped.score_group as {{ type_text() }}) as item,
        grouped.score_group as item_order,
        'lift' as measure,
        {{ divide_exact(
            'grouped.churned * grouped.all_accounts', 'grouped.accounts * grouped.all_churned', input_places=0
        ) }} as figure,
        {{ reported(
            wilson_low('grouped.churned', 'grouped.accounts', 'settings.interval_z')
            ~ ' * cast(grouped.all_accounts as double) / (100 * nullif(grouped.all_churned, 0))'
        ) }} as low,
        {{ reported(
            wilson_high('grouped.churned', 'grouped.accounts', 'settings.interval_z')
            ~ ' * cast(grouped.all_accounts as double) / (100 * nullif(grouped.all_churned, 0))'
        ) }} as high,
        grouped.accounts,
        grouped.churned,
        case when grouped.all_churned = 0 then told.note end as note
    from grouped
    inner join told on grouped.horizon_days = told.horizon_days
    cross join settings
),

ranked as (
    select
        'auc' as section,
        predictors.horizon_days,
        predictors.predictor,
        'all' as item,
        1 as item_order,
        'auc' as measure,
        predictors.auc as figure,
        predictors.auc_low as low,
        predictors.auc_high as high,
        predictors.accounts,
        predictors.churned,
        case
            when predictors.auc is not null then cast(null as {{ type_text() }})
            when predictors.accounts = 0 and told.churned + told.kept > 0
                then 'none was said at the dates that count'
            when told.note is not null then told.note
            when predictors.churned = 0
                then 'none of ' || {{ count_words('predictors.accounts', 'account', 'accounts') }} || ' left'
            else 'all of ' || {{ count_words('predictors.accounts', 'account', 'accounts') }} || ' left'
        end as note
    from predictors
    inner join told on predictors.horizon_days = told.horizon_days
),

squared as (
    {% for measure in ['brier', 'brier_of_base_rate', 'skill'] %}
        select
            'brier' as section,
            predictors.horizon_days,
            predictors.predictor,
            'all' as item,
            {{ loop.index }} as item_order,
            '{{ measure }}' as measure,
            predictors.{{ measure }} as figure,
            {% if measure == 'brier' %}
                predictors.brier_low as low,
                predictors.brier_high as high,
            {% else %}
                cast(null as decimal(18, 6)) as low,
                cast(null as decimal(18, 6)) as high,
            {% endif %}
            predictors.accounts,
            predictors.churned,
            case when predictors.{{ 'skill' if measure == 'skill' else 'brier' }} is null then ranked.note end as note
        from predictors
        inner join ranked on predictors.horizon_days = ranked.horizon_days and predictors.predictor = ranked.predictor
        where predictors.predictor <> 'score'
        {{ "union all" if not loop.last }}
    {% endfor %}
),

banded as (
    select
        found.horizon_days,
        found.predictor,
        bands.band,
        {{ number_words('max(bands.from_pct)') }}
        || case
            when max(bands.below_pct) is null then ' or more'
            else ' to ' || {{ number_words('max(bands.below_pct)') }}
        end as words,
        cast(sum(found.accounts) as bigint) as accounts,
        cast(sum(found.churned) as bigint) as churned,
        {{ divide_exact('sum(found.value * found.accounts)', 'sum(found.accounts)') }} as said_pct
    from found
    inner join bands
        on
            found.value >= bands.from_pct
            and (bands.below_pct is null or found.value < bands.below_pct)
    where found.predictor <> 'score'
    group by found.horizon_days, found.predictor, bands.band
),

calibration as (
    select
        'calibration' as section,
        banded.horizon_days,
        banded.predictor,
        banded.words as item,
        banded.band as item_order,
        'said' as measure,
        banded.said_pct as figure,
        cast(null as decimal(18, 6)) as low,
        cast(null as decimal(18, 6)) as high,
        banded.accounts,
        banded.churned,
        cast(null as {{ type_text() }}) as note
    from banded
    union all
    select
        'calibration' as section,
        banded.horizon_days,
        banded.predictor,
        banded.words as item,
        banded.band as item_order,
        'happened' as measure,
        {{ percentage('banded.churned', 'banded.accounts') }} as figure,
        {{ wilson_low('banded.churned', 'banded.accounts', 'settings.interval_z') }} as low,
        {{ wilson_high('banded.churned', 'banded.accounts', 'settings.interval_z') }} as high,
        banded.accounts,
        banded.churned,
        cast(null as {{ type_text() }}) as note
    from banded
    cross join settings
),

by_status as (
    select
        horizon_days,
        status,
        case status when 'RED' then 1 when 'YELLOW' then 2 else 3 end as status_order,
        cast(sum(accounts) as bigint) as accounts,
        cast(sum(case when outcome = 'left' then accounts else 0 end) as bigint) as churned
    from profiles
    where outcome in ('left', 'stayed')
    group by horizon_days, status
),

statuses as (
    select
        'status' as section,
        by_status.horizon_days,
        'status' as predictor,
        by_status.status as item,
        by_status.status_order as item_order,
        'churn_rate' as measure,
        {{ percentage('by_status.churned', 'by_status.accounts') }} as figure,
        {{ wilson_low('by_status.churned', 'by_status.accounts', 'settings.interval_z') }} as low,
        {{ wilson_high('by_status.churned', 'by_status.accounts', 'settings.interval_z') }} as high,
        by_status.accounts,
        by_status.churned,
        cast(null as {{ type_text() }}) as note
    from by_status
    cross join settings
    union all
    select
        'status' as section,
        by_status.horizon_days,
        'status' as predictor,
        by_status.status as item,
        by_status.status_order as item_order,
        'share_of_churned' as measure,
        {{ percentage('by_status.churned', 'told.churned') }} as figure,
        {{ wilson_low('by_status.churned', 'told.churned', 'settings.interval_z') }} as low,
        {{ wilson_high('by_status.churned', 'told.churned', 'settings.interval_z') }} as high,
        told.churned as accounts,
        by_status.churned,
        case when told.churned = 0 then told.note end as note
    from by_status
    inner join told on by_status.horizon_days = told.horizon_days
    cross join settings
),

-- Warning days don't hang on a horizon: 0.
warned as (
    select
        *,
        coalesce({{ days_between('warned_since', 'left_on') }}, 0) as warning_days
    from warnings
),

warning_summary as (
    select
        count(*) as accounts,
        count(case when warned_since is not null then 1 end) as warned,
        {{ median_of_whole('warning_days') }} as median_days,
        {{ divide_exact('sum(warning_days)', 'count(*)', places=1, input_places=0) }} as mean_days
    from warned
),

warning_rows as (
    select
        'warning' as section,
        0 as horizon_days,
        'status' as predictor,
        account_id as item,
        1 as item_order,
        'warning_days' as measure,
        warning_days as figure,
        cast(null as decimal(18, 6)) as low,
        cast(null as decimal(18, 6)) as high,
        1 as accounts,
        1 as churned,
        case when is_dated then 'left on ' else 'contracts not renewed after ' end
        || {{ date_words('left_on') }}
        || case
            when warned_since is null then ', no warning on ' || {{ date_words('last_scored_on') }}
            else ', warned of since ' || {{ date_words('warned_since') }}
        end
        || case when warned_since = first_scored_on then ', the first score kept' else '' end as note
    from warned
    union all
    select
        'warning' as section,
        0 as horizon_days,
        'status' as predictor,
        'all' as item,
        2 as item_order,
        'median_days' as measure,
        median_days as figure,
        cast(null as decimal(18, 6)) as low,
        cast(null as decimal(18, 6)) as high,
        accounts,
        accounts as churned,
        case when accounts = 0 then 'no account is known to have left after a score that was kept' end as note
    from warning_summary
    union all
    select
        'warning' as section,
        0 as horizon_days,
        'status' as predictor,
        'all' as item,
        3 as item_order,
        'mean_days' as measure,
        mean_days as figure,
        cast(null as decimal(18, 6)) as low,
        cast(null as decimal(18, 6)) as high,
        accounts,
        accounts as churned,
        case when accounts = 0 then 'no account is known to have left after a score that was kept' end as note
    from warning_summary
    union all
    select
        'warning' as section,
        0 as horizon_days,
        'status' as predictor,
        'all' as item,
        4 as item_order,
        'warned_rate' as measure,
        {{ percentage('warning_summary.warned', 'warning_summary.accounts') }} as figure,
        {{ wilson_low('warning_summary.warned', 'warning_summary.accounts', 'settings.interval_z') }} as low,
        {{ wilson_high('warning_summary.warned', 'warning_summary.accounts', 'settings.interval_z') }} as high,
        warning_summary.accounts,
        warning_summary.warned as churned,
        case
            when warning_summary.accounts = 0 then 'no account is known to have left after a score that was kept'
        end as note
    from warning_summary
    cross join settings
),

left_out as (
    select
        'left_out' as section,
        horizon_days,
        'score' as predictor,
        outcome as item,
        1 as item_order,
        'accounts' as measure,
        sum(accounts) as figure,
        cast(null as decimal(18, 6)) as low,
        cast(null as decimal(18, 6)) as high,
        sum(accounts) as accounts,
        0 as churned,
        case outcome
            when 'account_gone' then 'the account is in no source any more'
            when 'left_without_date' then 'churned by its lifecycle, nothing says when'
            when 'left_before' then 'it had left by the day it was scored, as is known now'
            else 'none of its contracts is in a source any more'
        end as note
    from profiles
    where outcome not in ('left', 'stayed')
    group by horizon_days, outcome
    union all
    select
        'reconstructed' as section,
        0 as horizon_days,
        'score' as predictor,
        case when max(case when is_used then 1 else 0 end) = 1 then 'counted' else 'left_out' end as item,
        1 as item_order,
        'accounts' as measure,
        sum(accounts) as figure,
        cast(null as decimal(18, 6)) as low,
        cast(null as decimal(18, 6)) as high,
        sum(accounts) as accounts,
        0 as churned,
        'scored from records later than the score, which may know what came after it' as note
    from dates
    where is_reconstructed
    having sum(accounts) > 0
),

figures as (
    {% for section in [
        'periods', 'deciles', 'ranked', 'squared', 'calibration', 'statuses', 'warning_rows', 'left_out'
    ] %}
        select
            section,
            horizon_days,
            predictor,
            item,
            item_order,
            measure,
            cast(figure as decimal(18, 6)) as figure,
            cast(low as decimal(18, 6)) as low,
            cast(high as decimal(18, 6)) as high,
            cast(accounts as bigint) as accounts,
            cast(churned as bigint) as churned,
            note
        from {{ section }}
        {{ "union all" if not loop.last }}
    {% endfor %}
)

select
    section,
    horizon_days,
    predictor,
    item,
    item_order,
    measure,
    figure,
    low,
    high,
    case
        when measure in ('churn_rate', 'share_of_churned', 'said', 'happened', 'warned_rate') then 'percent'
        when measure in ('warning_days', 'median_days', 'mean_days') then 'days'
        when measure in ('accounts', 'periods') then measure
        else 'number'
    end as unit,
    accounts,
    churned,
    case when measure = 'warning_days' then item end as account_id,
    note
from figures
