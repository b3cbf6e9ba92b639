{# Text: names of types, keys, patterns, lists and JSON written as text. Text orders by its UTF-8 bytes on both engines. #}

{% macro type_text() -%}
  {{ return(adapter.dispatch('type_text')()) }}
{%- endmacro %}

{% macro default__type_text() -%} varchar {%- endmacro %}

{% macro spark__type_text() -%} string {%- endmacro %}


{# A text literal for either engine: Spark reads a backslash in a literal as an escape, DuckDB as itself. #}
{% macro text_literal(text) -%}
  {{ return(adapter.dispatch('text_literal')(text)) }}
{%- endmacro %}

{% macro default__text_literal(text) -%}
  '{{ text | replace("'", "''") }}'
{%- endmacro %}

{% macro spark__text_literal(text) -%}
  '{{ text | replace("\\", "\\\\") | replace("'", "''") }}'
{%- endmacro %}


{% macro text_key(expressions) -%}
  md5(
    {%- for expression in expressions %}
    coalesce(cast({{ expression }} as {{ type_text() }}), '') {{ "|| '|' ||" if not loop.last }}
    {%- endfor %}
  )
{%- endmacro %}


{% macro replace_pattern(text, pattern, replacement) -%}
  {{ return(adapter.dispatch('replace_pattern')(text, pattern, replacement)) }}
{%- endmacro %}

{% macro default__replace_pattern(text, pattern, replacement) -%}
  regexp_replace({{ text }}, {{ pattern }}, {{ replacement }}, 'g')
{%- endmacro %}

{% macro spark__replace_pattern(text, pattern, replacement) -%}
  regexp_replace({{ text }}, {{ pattern }}, {{ replacement }})
{%- endmacro %}


{# The two letters that the engines' own lower() reads differently, İ and a Σ that ends a word, are put right first. #}
{% macro lower_text(text) -%}
  {{ return(adapter.dispatch('lower_text')(text)) }}
{%- endmacro %}

{% macro default__lower_text(text) -%}
  lower({{ text }})
{%- endmacro %}

{% macro spark__lower_text(text) -%}
  lower(translate({{ text }}, 'İΣ', 'iσ'))
{%- endmacro %}


{% macro trim_spaces(text) -%}
  {{ return(adapter.dispatch('trim_spaces')(text)) }}
{%- endmacro %}

{% macro default__trim_spaces(text) -%}
  trim({{ text }}, ' ')
{%- endmacro %}

{% macro spark__trim_spaces(text) -%}
  trim({{ text }})
{%- endmacro %}


{#
  listagg would be the plain word for Spark, but 4.3 fails on it (ClassCastException) in a query with two distinct
  aggregates, so lists are collected and joined.
#}
{% macro join_text(text, separator, order_by) -%}
  {{ return(adapter.dispatch('join_text')(text, separator, order_by)) }}
{%- endmacro %}

{% macro default__join_text(text, separator, order_by) -%}
  string_agg({{ text }}, {{ text_literal(separator) }} order by {{ (order_by + [text]) | join(', ') }})
{%- endmacro %}

{% macro spark__join_text(text, separator, order_by) -%}
  {%- set fields = [] -%}
  {%- for expression in order_by + [text] -%}
    {%- do fields.append("'k" ~ loop.index ~ "', " ~ expression) -%}
  {%- endfor -%}
  case when count({{ text }}) > 0 then array_join(
    transform(
      array_sort(collect_list(case when {{ text }} is not null then named_struct({{ fields | join(', ') }}) end)),
      item -> item.k{{ fields | length }}
    ), {{ text_literal(separator) }}
  ) end
{%- endmacro %}


{# A JSON string, quotes and all; the word null when the text is null. Control characters become spaces. #}
{% macro json_string(text) -%}
  coalesce('"' || {{ replace_pattern(
    "replace(replace(" ~ text ~ ", chr(92), chr(92) || chr(92)), '\"', chr(92) || '\"')",
    text_literal("[\\x00-\\x1f]"), "' '"
  ) }} || '"', 'null')
{%- endmacro %}


{# A JSON number or boolean; the word null when it is null. #}
{% macro json_plain(value) -%}
  coalesce(cast({{ value }} as {{ type_text() }}), 'null')
{%- endmacro %}


{# members: list of [key, SQL yielding JSON text]. Keys stay in the given order, without blanks. #}
{% macro json_object_text(members) -%}
  ('{' ||
  {%- for key, json in members %}
    '"{{ key }}":' || {{ json }} || {{ "',' ||" if not loop.last }}
  {%- endfor %}
  '}')
{%- endmacro %}
