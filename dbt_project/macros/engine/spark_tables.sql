{#
  On Spark every table names its folder, the one a managed table would have. A build that was killed leaves such a
  folder without a table; naming it lets the next build replace what is there, where a managed table would refuse.
  Needs spark.sql.legacy.allowNonEmptyLocationInCTAS.
#}
{% macro spark__location_clause() -%}
  location '{{ env_var("ACCOUNT_HEALTH_HOME") }}/spark/warehouse/{{ model["schema"] }}.db/{{ model["alias"] }}'
{%- endmacro %}
