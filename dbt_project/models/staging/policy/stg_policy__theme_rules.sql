select
    theme,
    theme_rank,
    rule_rank,
    fact,
    fact_label,
    unit,
    value_from,
    value_to,
    severity,
    band,
    lifecycle
from {{ read_input(source('policy', 'theme_rules')) }}
