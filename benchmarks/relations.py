"""The generated streams that say how a customer feels: contacts, signals, surveys, invoices and calls of CSMs.

Same style as `generate.py`, whose macros they use: `mood(n)` is how well account n does, from 0 to 9, and everything
that a score reads leans on it, so that all statuses occur. Accounts with their contracts, work and usage are there.
"""

from __future__ import annotations

RELATIONS = {
    # Of three contacts the first leads since long ago, the second came later, the third decides nothing.
    "contacts": """
        select
            format('K{:07d}-{}', n, k) as contact_id,
            account_id(n) as account_id,
            case
                when k = 0 then 'executive'
                when k = 1 then ['executive', 'technical'][1 + draw(n, k, 110, 2)]
                else ['business', 'other'][1 + draw(n, k, 110, 2)]
            end as role,
            case when k > 0 or draw(n, k, 111, 3) > 0 then as_of() - 1500 * (k = 0)::int - draw(n, k, 112, 1400) end
                as started_on,
            case when draw(n, k, 113, 6) = 0 then as_of() + 60 - draw(n, k, 114, 1000) end as ended_on
        from range(1, getvariable('accounts') + 1) r(n), range(3) s(k)
    """,
    # One an account, but spread by chance: many accounts have none, some have several.
    "signals": """
        select
            format('S{:07d}', n) as signal_id,
            account_id(1 + draw(n, 0, 120, getvariable('accounts'))) as account_id,
            [
                'leadership_change', 'budget_pressure', 'pricing_inquiry', 'cost_reduction', 'rfp',
                'competitor_mention', 'pricing_comparison', 'executive_complaint', 'feature_request', 'blocker',
                'outage', 'feature_request'
            ][1 + draw(n, 0, 121, 12)] as signal_type,
            as_of() + 3 - draw(n, 0, 122, 360) as observed_on,
            [null, 'minor', 'minor', 'major'][1 + draw(n, 0, 123, 4)] as severity,
            case when draw(n, 0, 124, 2) = 0 then as_of() + 3 - draw(n, 0, 122, 360) + draw(n, 0, 125, 90) end
                as resolved_on
        from range(1, getvariable('accounts') + 1) r(n)
    """,
    "survey_responses": """
        select
            format('Q{:07d}-{}', n, k) as survey_id,
            account_id(n) as account_id,
            ['quarterly', 'post_support'][1 + draw(n, k, 130, 2)] as survey_type,
            as_of() - draw(n, k, 131, 500) as sent_on,
            case when draw(n, k, 132, 3) > 0 then as_of() - draw(n, k, 131, 500) + draw(n, k, 133, 14) end
                as responded_on,
            case when draw(n, k, 132, 3) > 0 then greatest(0, mood(n) + 1 - draw(n, k, 134, 4)) end as score
        from range(1, getvariable('accounts') + 1) r(n), range(2) s(k)
    """,
    "invoices": """
        select
            format('I{:07d}-{}', n, k) as invoice_id,
            account_id(n) as account_id,
            as_of() - (90 * k)::int - draw(n, k, 140, 90) as issued_on,
            as_of() - (90 * k)::int - draw(n, k, 140, 90) + 30 as due_on,
            case when draw(n, k, 141, 12) > 2 then as_of() - (90 * k)::int - draw(n, k, 140, 90) + draw(n, k, 142, 60)
                end as paid_on,
            100 * (1 + draw(n, k, 143, 400)) as amount,
            ['USD', 'USD', 'EUR', 'GBP'][1 + draw(n, 0, 24, 4)] as currency,
            case draw(n, k, 141, 12) when 0 then 'failed' when 1 then 'disputed' when 2 then 'open' else 'paid' end
                as status
        from range(1, getvariable('accounts') + 1) r(n), range(4) s(k)
    """,
    # One for every twenty accounts; some have expired.
    "csm_calls": """
        select
            format('L{:07d}', n) as call_id,
            account_id(20 * n) as account_id,
            ['green', 'yellow', 'red', 'red', 'withdrawn'][1 + draw(n, 0, 150, 5)] as status,
            'What the CSM heard' as reason,
            'Person ' || draw(n, 0, 151, getvariable('owners')) as called_by,
            strftime(as_of()::timestamp - to_hours(1 + draw(n, 0, 152, 2400)), '%Y-%m-%dT%H:%M:%SZ') as called_at,
            as_of() + 60 - draw(n, 0, 153, 90) as expires_on
        from range(1, getvariable('accounts') // 20 + 1) r(n)
    """,
}
