{#
  Exact numbers. DuckDB divides decimals as DOUBLE and Spark rounds decimal quotients twice, so a quotient that
  anything is compared with goes through divide_exact, which works on whole numbers on both engines.
  Rounding is always half away from zero (a cast to a smaller scale rounds that way on both).
#}

{% macro round_exact(number, places, precision=28) -%}
  cast({{ number }} as decimal({{ precision }}, {{ places }}))
{%- endmacro %}


{% macro divide_exact(numerator, denominator, places=6, input_places=6) -%}
  {{ return(adapter.dispatch('divide_exact')(numerator, denominator, places, input_places)) }}
{%- endmacro %}

{% macro default__divide_exact(numerator, denominator, places, input_places) -%}
  {%- set n = _whole(numerator, input_places) -%}
  {%- set d = _whole(denominator, input_places) -%}
  cast(
    cast(
      sign({{ n }}) * sign({{ d }})
      * ((2 * abs({{ n }}) * {{ 10 ** places }} + abs({{ d }})) // nullif(2 * abs({{ d }}), 0))
      as decimal({{ 38 - places }}, 0)
    ) * {{ _unit(places) }}
    as decimal(28, {{ places }})
  )
{%- endmacro %}

{% macro spark__divide_exact(numerator, denominator, places, input_places) -%}
  {%- set n = _whole(numerator, input_places) -%}
  {%- set d = _whole(denominator, input_places) -%}
  {%- set top -%} cast(2 * abs({{ n }}) * {{ 10 ** places }} + abs({{ d }}) as decimal(38, 0)) {%- endset -%}
  {%- set bottom -%} nullif(cast(2 * abs({{ d }}) as decimal(38, 0)), 0) {%- endset -%}
  cast(
    cast(
      cast(sign({{ n }}) * sign({{ d }}) as decimal(1, 0))
      * cast(({{ top }} - {{ top }} % {{ bottom }}) / {{ bottom }} as decimal({{ 36 - places }}, 0))
      as decimal({{ 37 - places }}, 0)
    ) * {{ _unit(places) }}
    as decimal(28, {{ places }})
  )
{%- endmacro %}


{# A number as a whole count of its last decimal place. #}
{% macro _whole(number, places) -%}
  {{ return(adapter.dispatch('_whole')(number, places)) }}
{%- endmacro %}

{% macro default___whole(number, places) -%}
  cast(cast({{ number }} as decimal(28, {{ places }})) * {{ 10 ** places }} as hugeint)
{%- endmacro %}

{% macro spark___whole(number, places) -%}
  cast(cast({{ number }} as decimal(28, {{ places }})) * {{ 10 ** places }} as decimal(28, 0))
{%- endmacro %}


{# One unit of the last decimal place, as a literal: 0.000001 for six. #}
{% macro _unit(places) -%}
  {%- if places == 0 -%} 1 {%- else -%} 0.{{ '0' * (places - 1) }}1 {%- endif -%}
{%- endmacro %}


{% macro average_exact(number, places=6, input_places=6) -%}
  {{ divide_exact('sum(' ~ number ~ ')', 'count(' ~ number ~ ')', places, input_places) }}
{%- endmacro %}


{% macro median_of_whole(number) -%}
  cast(median(cast({{ number }} as double)) as decimal(18, 1))
{%- endmacro %}


{% macro format_whole(number) -%}
  {{ return(adapter.dispatch('format_whole')(number)) }}
{%- endmacro %}

{% macro default__format_whole(number) -%}
  format('{:,}', cast({{ number }} as bigint))
{%- endmacro %}

{% macro spark__format_whole(number) -%}
  format_number(cast({{ number }} as bigint), 0)
{%- endmacro %}


{# Decimal as text with exactly `places` decimals; the same digits on both engines. #}
{% macro format_decimal(number, places) -%}
  cast({{ round_exact(number, places) }} as {{ type_text() }})
{%- endmacro %}
