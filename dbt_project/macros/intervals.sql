{#
  Figures with their uncertainty. Reported, never compared with an edge, so they are doubles; rounded twice, because
  what is exactly a half at the last place is that again at ten.
#}

{% macro reported(number, places=4) -%}
    cast(cast({{ number }} as decimal(28, 10)) as decimal(18, {{ places }}))
{%- endmacro %}

{#
  Wilson's interval of a share: between `wilson_low` and `wilson_high`, in percent, lies the share of which `part` in
  `whole` were seen. Null where nobody was looked at.
#}
{% macro wilson_low(part, whole, z) -%}
    {{ _wilson(part, whole, z, '-') }}
{%- endmacro %}

{% macro wilson_high(part, whole, z) -%}
    {{ _wilson(part, whole, z, '+') }}
{%- endmacro %}

{% macro _wilson(part, whole, z, sign) -%}
    {%- set k -%} cast({{ part }} as double) {%- endset -%}
    {%- set n -%} cast({{ whole }} as double) {%- endset -%}
    {%- set zz -%} (cast({{ z }} as double) * cast({{ z }} as double)) {%- endset -%}
    case when {{ whole }} > 0 then {{ reported(
        'greatest(0, least(100, 100 * (' ~ k ~ ' + ' ~ zz ~ ' / 2 ' ~ sign ~ ' cast(' ~ z ~ ' as double) * sqrt(greatest('
        ~ k ~ ' * (' ~ n ~ ' - ' ~ k ~ ') / ' ~ n ~ ' + ' ~ zz ~ ' / 4, 0))) / (' ~ n ~ ' + ' ~ zz ~ ')))'
    ) }} end
{%- endmacro %}

{# The mean of numbers given as their sum and how many there are. #}
{% macro mean_of_sums(sum, count) -%}
    cast({{ divide_exact(sum, count) }} as decimal(18, 6))
{%- endmacro %}

{#
  The interval of a mean, from the sum of the numbers, that of their squares and how many there are. Null where there
  are fewer than two: one number says nothing of how far they lie apart.
#}
{% macro mean_low(sum, squares, count, z) -%}
    {{ _mean_interval(sum, squares, count, z, '-') }}
{%- endmacro %}

{% macro mean_high(sum, squares, count, z) -%}
    {{ _mean_interval(sum, squares, count, z, '+') }}
{%- endmacro %}

{% macro _mean_interval(sum, squares, count, z, sign) -%}
    {%- set n -%} cast({{ count }} as double) {%- endset -%}
    {%- set s -%} cast({{ sum }} as double) {%- endset -%}
    case when {{ count }} > 1 then {{ reported(
        s ~ ' / ' ~ n ~ ' ' ~ sign ~ ' cast(' ~ z ~ ' as double) * sqrt(greatest(0, (cast(' ~ squares ~ ' as double) - '
        ~ s ~ ' * ' ~ s ~ ' / ' ~ n ~ ') / (' ~ n ~ ' - 1) / ' ~ n ~ '))'
    ) }} end
{%- endmacro %}
