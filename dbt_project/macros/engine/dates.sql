{#
  Dates and times. Every timestamp is naive and means UTC (TIMESTAMP on DuckDB, TIMESTAMP_NTZ on Spark).
  date - date and date + interval have other types on each engine, so models use these macros instead.
#}

{% macro business_date(timestamp_utc, zone) -%}
  {{ return(adapter.dispatch('business_date')(timestamp_utc, zone)) }}
{%- endmacro %}

{% macro default__business_date(timestamp_utc, zone) -%}
  cast(timezone({{ zone }}, timezone('UTC', {{ timestamp_utc }})) as date)
{%- endmacro %}

{% macro spark__business_date(timestamp_utc, zone) -%}
  cast(convert_timezone('UTC', {{ zone }}, {{ timestamp_utc }}) as date)
{%- endmacro %}


{% macro add_days(date_expression, days) -%}
  {{ return(adapter.dispatch('add_days')(date_expression, days)) }}
{%- endmacro %}

{% macro default__add_days(date_expression, days) -%}
  ({{ date_expression }} + cast({{ days }} as integer))
{%- endmacro %}

{% macro spark__add_days(date_expression, days) -%}
  date_add({{ date_expression }}, cast({{ days }} as int))
{%- endmacro %}


{% macro days_between(first_date, last_date) -%}
  {{ return(adapter.dispatch('days_between')(first_date, last_date)) }}
{%- endmacro %}

{% macro default__days_between(first_date, last_date) -%}
  cast(cast({{ last_date }} as date) - cast({{ first_date }} as date) as integer)
{%- endmacro %}

{% macro spark__days_between(first_date, last_date) -%}
  datediff({{ last_date }}, {{ first_date }})
{%- endmacro %}


{# The UTC timestamp at which a date begins in a time zone. #}
{% macro day_starts_at(date_expression, zone) -%}
  {{ return(adapter.dispatch('day_starts_at')(date_expression, zone)) }}
{%- endmacro %}

{% macro default__day_starts_at(date_expression, zone) -%}
  timezone('UTC', timezone({{ zone }}, cast({{ date_expression }} as timestamp)))
{%- endmacro %}

{% macro spark__day_starts_at(date_expression, zone) -%}
  convert_timezone({{ zone }}, 'UTC', cast({{ date_expression }} as timestamp_ntz))
{%- endmacro %}


{% macro add_hours(timestamp_utc, hours) -%}
  {{ return(adapter.dispatch('add_hours')(timestamp_utc, hours)) }}
{%- endmacro %}

{% macro default__add_hours(timestamp_utc, hours) -%}
  ({{ timestamp_utc }} + to_hours(cast({{ hours }} as integer)))
{%- endmacro %}

{% macro spark__add_hours(timestamp_utc, hours) -%}
  ({{ timestamp_utc }} + make_dt_interval(0, cast({{ hours }} as int)))
{%- endmacro %}


{% macro add_months_to(date_expression, months) -%}
  {{ return(adapter.dispatch('add_months_to')(date_expression, months)) }}
{%- endmacro %}

{% macro default__add_months_to(date_expression, months) -%}
  cast({{ date_expression }} + to_months(cast({{ months }} as integer)) as date)
{%- endmacro %}

{% macro spark__add_months_to(date_expression, months) -%}
  add_months({{ date_expression }}, cast({{ months }} as int))
{%- endmacro %}


{% macro start_of(period, date_expression) -%}
  {%- if period not in ('week', 'month', 'quarter', 'year') -%}
    {{ exceptions.raise_compiler_error("start_of: period must be week, month, quarter or year, not " ~ period) }}
  {%- endif -%}
  cast(date_trunc('{{ period }}', {{ date_expression }}) as date)
{%- endmacro %}


{% macro microseconds_between(first_timestamp, last_timestamp) -%}
  ({{ _epoch_microseconds(last_timestamp) }} - {{ _epoch_microseconds(first_timestamp) }})
{%- endmacro %}


{% macro _epoch_microseconds(timestamp_utc) -%}
  {{ return(adapter.dispatch('_epoch_microseconds')(timestamp_utc)) }}
{%- endmacro %}

{% macro default___epoch_microseconds(timestamp_utc) -%}
  epoch_us({{ timestamp_utc }})
{%- endmacro %}

{% macro spark___epoch_microseconds(timestamp_utc) -%}
  unix_micros(cast({{ timestamp_utc }} as timestamp_ltz))
{%- endmacro %}


{% macro day_words(date_expression) -%}
  {{ return(adapter.dispatch('day_words')(date_expression)) }}
{%- endmacro %}

{% macro default__day_words(date_expression) -%}
  strftime({{ date_expression }}, '%-d %B')
{%- endmacro %}

{% macro spark__day_words(date_expression) -%}
  date_format({{ date_expression }}, 'd MMMM')
{%- endmacro %}


{% macro date_words(date_expression) -%}
  {{ return(adapter.dispatch('date_words')(date_expression)) }}
{%- endmacro %}

{% macro default__date_words(date_expression) -%}
  strftime({{ date_expression }}, '%-d %B %Y')
{%- endmacro %}

{% macro spark__date_words(date_expression) -%}
  date_format({{ date_expression }}, 'd MMMM yyyy')
{%- endmacro %}
