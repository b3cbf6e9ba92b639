"""Every way the policies of score, churn, retention and expansion can be wrong is told by file, line and key."""

from __future__ import annotations

from pathlib import Path

import pytest
from broken import Case, assert_told

from orchestration.policy.load import check, load_policies
from orchestration.policy.problems import Severity

SCORE, CHURN, KEEP, GROW = "health_score.yaml", "churn.yaml", "retention.yaml", "expansion.yaml"
OVERRIDES = "overrides: []"
CSAT = "      - {above: 4.5, points: 3}\n      - {at_least: 4, points: 2}\n      - {at_least: 3.5, points: 1}\n"
TONE = "      - {at_least: 0.25, points: 5}\n      - {at_least: -0.25, points: 3}\n"


def override(*lines: str, segment: str = "smb") -> str:
    """One override of a segment in place of the empty list."""
    return "\n    ".join([f"overrides:\n  - segment: {segment}", *lines])


CASES = [
    # Weights
    Case("weights over 100", SCORE, "sentiment: {weight: 15}", "sentiment: {weight: 16}", "dimensions:", "dimensions",
         "weights that sum to 101", "weights that sum to 100"),
    Case("weights under 100", SCORE, "engagement: {weight: 25}", "engagement: {weight: 24.99}", "dimensions:",
         "dimensions", "weights that sum to 99.99", "weights that sum to 100"),
    Case("weights of a segment", SCORE, OVERRIDES, override("dimensions: {sentiment: {weight: 20}}"), "dimensions:",
         "overrides[0].dimensions", "weights that sum to 105 for smb", "weights that sum to 100"),
    Case("weight of nothing", SCORE, "sentiment: {weight: 15}", "sentiment: {weight: 0}", "weight: 0",
         "dimensions.sentiment.weight", "0", "more than 0"),
    Case("weight below nothing", SCORE, "sentiment: {weight: 15}", "sentiment: {weight: -15}", "weight: -15",
         "dimensions.sentiment.weight", "-15", "more than 0"),
    Case("weight too fine", SCORE, "sentiment: {weight: 15}", "sentiment: {weight: 15.001}", "weight: 15.001",
         "dimensions.sentiment.weight", "15.001", "at most 2 decimals"),
    # Names
    Case("unknown dimension", SCORE, "  sentiment: {weight: 15}", "  sentiments: {weight: 15}", "sentiments:",
         "dimensions.sentiments", '"sentiments"', "one of support_quality, engagement", "did you mean sentiment?"),
    Case("missing dimension", SCORE, "  sentiment: {weight: 15}\n", "", "dimensions:", "dimensions.sentiment",
         "no such key", "every one of the dimensions"),
    Case("unknown measure", SCORE, "  csat:\n    window_days", "  c_sat:\n    window_days", "  c_sat:",
         "measures.c_sat", '"c_sat"', "one of ticket_volume, escalation_rate", "did you mean csat?"),
    Case("unknown measure of a segment", SCORE, OVERRIDES, override("measures: {npss: {max_points: 5}}"), "npss",
         "overrides[0].measures.npss", '"npss"', "one of ticket_volume", "did you mean nps?"),
    Case("unknown dimension of a segment", SCORE, OVERRIDES, override("dimensions: {support: {weight: 25}}"),
         "support:", "overrides[0].dimensions.support", '"support"', "one of support_quality"),
    Case("unknown segment", SCORE, OVERRIDES, override("status: {green_at_least: 90}", segment="midmarket"),
         "segment: midmarket", "overrides[0].segment", '"midmarket"', "one of smb, mid_market, enterprise",
         "did you mean mid_market?"),
    Case("unknown key of a segment", SCORE, OVERRIDES, override("scored_within_days: 3"), "scored_within_days: 3",
         "overrides[0].scored_within_days", "the unknown key", "one of segment, dimensions, measures, status, tier"),
    Case("window of a segment", SCORE, OVERRIDES, override("measures: {csat: {window_days: 3}}"), "window_days: 3",
         "overrides[0].measures.csat.window_days", "the unknown key", "one of max_points, bands"),
    Case("segment twice", SCORE, OVERRIDES,
         override("tier: {healthy_at_least: 90}") + "\n  - {segment: smb, tier: {healthy_at_least: 91}}",
         "healthy_at_least: 91", "overrides[1]", '"smb" again', "each once"),
    Case("segment without change", SCORE, OVERRIDES, override(), "- segment: smb", "overrides[0]",
         "nothing that is overridden", "at least one key beside segment"),
    Case("measure without change", SCORE, OVERRIDES, override("measures: {csat: {}}"), "csat: {}",
         "overrides[0].measures.csat", "nothing that is overridden", "at least one key"),
    Case("cut-offs without change", SCORE, OVERRIDES, override("tier: {}"), "tier: {}", "overrides[0].tier",
         "nothing that is overridden", "at least one key"),
    # Bands
    Case("edges out of order", SCORE, CSAT,
         "      - {at_least: 4, points: 3}\n      - {above: 4.5, points: 2}\n      - {at_least: 3.5, points: 1}\n",
         "{above: 4.5", "measures.csat.bands[1]", ">4.5 after ≥4", "bands in order", "it can never be reached"),
    Case("band twice", SCORE, "{at_least: 3.5, points: 1}", "{at_least: 4, points: 1}", "{at_least: 4, points: 1}",
         "measures.csat.bands[2]", "≥4 after >4.5, ≥4", "bands in order", "it can never be reached"),
    Case("bands that cut into another", SCORE, "{from: 20, to: 90, points: 4}", "{from: 60, to: 90, points: 4}",
         "{from: 60", "measures.capacity_utilisation.bands[1]", "60–90, which overlaps 40–80",
         "a band that holds 40–80 or lies apart from it"),
    Case("bands in two directions", SCORE, CSAT,
         "      - {above: 4.5, points: 3}\n      - {at_most: 4.7, points: 2}\n", "{at_most: 4.7",
         "measures.csat.bands[1]", "≤4.7, which overlaps >4.5", "a band that holds >4.5"),
    Case("band in the hole of others", SCORE, CSAT,
         "      - {above: 4, points: 3}\n      - {at_most: 4, points: 2}\n      - {equals: 3, points: 1}\n",
         "{equals: 3", "measures.csat.bands[2]", "3 after >4, ≤4", "bands in order", "it can never be reached"),
    Case("band of impossible values", SCORE, "{above: 95, points: 4}", "{above: 100, points: 4}", "{above: 100",
         "measures.sla_adherence.bands[0]", ">100", "a band that can fit", "values are at least 0 and at most 100"),
    Case("band below all values", SCORE, "{below: 2, points: 6}", "{below: 0, points: 6}", "{below: 0",
         "measures.escalation_rate.bands[0]", "<0", "a band that can fit"),
    Case("band back to front", SCORE, "{from: 40, to: 80, points: 6}", "{from: 80, to: 40, points: 6}", "{from: 80",
         "measures.capacity_utilisation.bands[0]", "a mapping", "from at most to"),
    Case("band with one end", SCORE, "{from: 40, to: 80, points: 6}", "{from: 40, points: 6}", "{from: 40",
         "measures.capacity_utilisation.bands[0]", "a mapping with the keys from, points", "from with to"),
    Case("band of two forms", SCORE, "{below: 4, points: 5}", "{below: 4, at_least: 1, points: 5}", "{below: 4",
         "measures.resolution_hours.bands[0]", "a mapping", "one of below, at_most, above, at_least, equals"),
    Case("band of no form", SCORE, "{below: 4, points: 5}", "{points: 5}", "{points: 5}",
         "measures.resolution_hours.bands[0]", "a mapping with the keys points", "one of below"),
    Case("band of a word", SCORE, "{equals: 1, points: 3}", "{equals: yes, points: 3}", "{equals: yes",
         "measures.reference.bands[0].equals", '"yes"', "a number"),
    Case("unknown form", SCORE, "{below: 4, points: 5}", "{under: 4, points: 5}", "{under: 4",
         "measures.resolution_hours.bands[0].under", 'the unknown key "under"',
         "one of below, at_most, above, at_least, equals, from, to"),
    Case("edge too fine", SCORE, "{at_least: 0.25, points: 5}", "{at_least: 0.2500001, points: 5}", "0.2500001",
         "measures.tone.bands[0].at_least", "0.2500001", "at most 6 decimals"),
    Case("edge too far", SCORE, "{below: 4, points: 5}", "{below: 1000000000000, points: 5}", "1000000000000",
         "measures.resolution_hours.bands[0].below", "1000000000000", "nearer to 0 than a trillion"),
    Case("no band", SCORE, "    bands:\n" + TONE, "    bands: []\n", "bands: []", "measures.tone.bands", "a list of 0",
         "at least 1"),
    Case("points over the maximum", SCORE, "{at_least: 0.25, points: 5}", "{at_least: 0.25, points: 5.5}", "5.5",
         "measures.tone.bands[0].points", "5.5", "at most max_points, 5"),
    Case("more points for a worse band", SCORE, "{at_least: 5, points: 4}\n      - {above: -5, points: 3}",
         "{at_least: 5, points: 3}\n      - {above: -5, points: 4}", "{above: -5, points: 4}",
         "measures.usage_trend.bands[1].points", "4", "at most the points of the band before, 3"),
    Case("points below nothing", SCORE, "{at_least: -0.25, points: 3}", "{at_least: -0.25, points: -3}", "points: -3",
         "measures.tone.bands[1].points", "-3", "at least 0 (points)"),
    Case("maximum of nothing", SCORE, "    max_points: 5\n    bands:\n" + TONE,
         "    max_points: 0\n    bands:\n" + TONE, "max_points: 0", "measures.tone.max_points", "0", "more than 0"),
    Case("band of a segment never fits", SCORE, OVERRIDES,
         override("measures: {csat: {bands: [{below: 3, points: 3}, {below: 2, points: 1}]}}"), "measures:",
         "overrides[0].measures.csat.bands[1]", "<2 after <3", "bands in order"),
    Case("maximum of a segment below the bands", SCORE, OVERRIDES, override("measures: {csat: {max_points: 2}}"),
         "measures:", "overrides[0].measures.csat.bands[0].points", "3", "at most max_points, 2"),
    # Windows
    Case("window of no day", SCORE, "    window_days: 90\n    max_points: 5\n    bands:\n" + TONE,
         "    window_days: 0\n    max_points: 5\n    bands:\n" + TONE, "window_days: 0", "measures.tone.window_days",
         "0", "at least 1 (days)"),
    Case("no window", SCORE, "    window_days: 90\n    max_points: 5\n    bands:\n" + TONE,
         "    max_points: 5\n    bands:\n" + TONE, "  tone:", "measures.tone.window_days", "no such key",
         "a value (days)"),
    Case("window where none is", SCORE, "  reference:\n", "  reference:\n    window_days: 3\n", "window_days: 3",
         "measures.reference.window_days", "3", "no window"),
    Case("scored never", SCORE, "scored_within_days: 90", "scored_within_days: 0", "days: 0", "scored_within_days", "0",
         "at least 1 (days)"),
    Case("week that is too old", SCORE, "week_oldest_days: 14", "week_oldest_days: 6", "week_oldest_days: 6",
         "change.week_oldest_days", "6", "at least week_days, 7"),
    Case("month that is too old", SCORE, "month_oldest_days: 45", "month_oldest_days: 27", "month_oldest_days: 27",
         "change.month_oldest_days", "27", "at least month_days, 28"),
    # Cut-offs
    Case("colours crossed", SCORE, "yellow_at_least: 60", "yellow_at_least: 80", "green_at_least: 80",
         "status.green_at_least", "80", "more than yellow_at_least, 80"),
    Case("never RED", SCORE, "yellow_at_least: 60", "yellow_at_least: 0", "yellow_at_least: 0",
         "status.yellow_at_least", "0", "more than 0"),
    Case("cut-off over 100", SCORE, "green_at_least: 80", "green_at_least: 101", "green_at_least: 101",
         "status.green_at_least", "101", "at most 100 (score, 0 to 100)"),
    Case("cut-off below 0", SCORE, "at_risk_at_least: 50", "at_risk_at_least: -1", "at_risk_at_least: -1",
         "tier.at_risk_at_least", "-1", "at least 0"),
    Case("tiers crossed", SCORE, "stable_at_least: 70", "stable_at_least: 90", "healthy_at_least: 85",
         "tier.healthy_at_least", "85", "more than stable_at_least, 90"),
    Case("colours of a segment crossed", SCORE, OVERRIDES, override("status: {yellow_at_least: 85}"), "status:",
         "overrides[0].status.green_at_least", "80", "more than yellow_at_least, 85"),
    Case("never available", SCORE, "dimension_available_at_least_pct: 50", "dimension_available_at_least_pct: 0",
         "pct: 0", "dimension_available_at_least_pct", "0", "more than 0"),
    Case("confidence crossed", SCORE, "high_dimensions: 5", "high_dimensions: 3", "high_dimensions: 3",
         "confidence.high_dimensions", "3", "more than medium_dimensions, 3"),
    Case("more dimensions than there are", SCORE, "high_dimensions: 5", "high_dimensions: 6", "high_dimensions: 6",
         "confidence.high_dimensions", "6", "at most 5"),
    # Signals, baseline, themes
    Case("unknown signal type", SCORE, "[rfp, competitor_mention", "[rfq, competitor_mention", "[rfq",
         "signal_groups.competitive[0]", '"rfq"', "one of leadership_change", "did you mean rfp?"),
    Case("signal type twice", SCORE, "pricing_comparison]", "rfp]", "rfp]", "signal_groups.competitive[2]",
         '"rfp" again', "each once"),
    Case("no signal type", SCORE, "  outage: [outage]", "  outage: []", "outage: []", "signal_groups.outage",
         "a list of 0", "at least 1"),
    Case("baseline out of order", SCORE, "{at_most: -15, points: 3}\n    - {at_most: -5, points: 1}",
         "{at_most: -5, points: 3}\n    - {at_most: -15, points: 1}", "{at_most: -15", "baseline.usage_trend[1]",
         "≤−15 after ≤−5", "bands in order"),
    Case("baseline with more risk later", SCORE, "{below: 40, points: 2}", "{below: 40, points: 0}", "{below: 60",
         "baseline.service_adoption[1].points", "1", "at most the risk points of the band before, 0"),
    Case("minor worse than major", SCORE, "{major: 3, minor: 1}", "{major: 3, minor: 4}", "{major: 3, minor: 4}",
         "baseline.blocker.major", "3", "at least minor, 4"),
    Case("labels out of order", SCORE, "points_from: 6", "points_from: 3", "label: At risk",
         "baseline.labels[2].points_from", "3", "more than the label before, 3"),
    Case("labels from 1", SCORE, "label: Healthy, points_from: 0", "label: Healthy, points_from: 1", "label: Healthy",
         "baseline.labels[0].points_from", "1", "0 in the first label"),
    Case("label twice", SCORE, "label: At risk", "label: Watch", "label: Watch, points_from: 6", "baseline.labels[2]",
         '"Watch" again', "each once"),
    Case("unknown theme", SCORE, "  usage_decline:", "  usage_declines:", "usage_declines:", "themes.usage_declines",
         '"usage_declines"', "one of blocker, onboarding_friction", "did you mean usage_decline?"),
    Case("unknown fact", SCORE, "fact: nps, below: 5", "fact: npss, below: 5", "npss",
         "themes.relationship_gap[1].fact", '"npss"', "one of ticket_volume", "did you mean nps?"),
    Case("theme that never fits", SCORE, "fact: nps, below: 7", "fact: nps, below: 4", "below: 4",
         "themes.relationship_gap[2]", "<4 after <5", "bands in order"),
    Case("flag of three", SCORE, "fact: engagement_decline, equals: 1", "fact: engagement_decline, equals: 3",
         "equals: 3", "themes.disengagement[0]", "3", "a band that can fit", "values are at least 0 and at most 1"),
    Case("unknown severity", SCORE, "fact: nps, below: 5, severity: high", "fact: nps, below: 5, severity: highest",
         "highest", "themes.relationship_gap[1].severity", '"highest"', "one of low, medium, high"),
    Case("lifecycle that isn't scored", SCORE, "below: 10, severity: medium, lifecycle: not onboarding",
         "below: 10, severity: medium, lifecycle: churned", "churned", "themes.adoption_gap[2].lifecycle", '"churned"',
         "one of onboarding, active, renewal, not onboarding"),
    # Churn
    Case("base over 100", CHURN, "red: 70", "red: 101", "red: 101", "base_pct.red", "101", "at most 100"),
    Case("base of nothing", CHURN, "green: 10", "green: 0", "green: 0", "base_pct.green", "0", "more than 0"),
    Case("base below nothing", CHURN, "green: 10", "green: -1", "green: -1", "base_pct.green", "-1", "at least 0"),
    Case("bases crossed", CHURN, "yellow: 40", "yellow: 71", "red: 70", "base_pct.red", "70", "at least yellow, 71"),
    Case("green worse than yellow", CHURN, "green: 10", "green: 41", "yellow: 40", "base_pct.yellow", "40",
         "at least green, 41"),
    Case("cap below a base", CHURN, "cap_pct: 95", "cap_pct: 69.5", "cap_pct: 69.5", "cap_pct", "69.5",
         "at least every base_pct, 70"),
    Case("cap over 100", CHURN, "cap_pct: 95", "cap_pct: 100.5", "cap_pct: 100.5", "cap_pct", "100.5", "at most 100"),
    Case("renewals crossed", CHURN, "later_days: 180", "later_days: 90", "later_days: 90", "renewal.later_days", "90",
         "more than soon_days, 90"),
    Case("later adds more", CHURN, "later_addition: 10", "later_addition: 21", "soon_addition: 20",
         "renewal.soon_addition", "20", "at least later_addition, 21"),
    Case("unknown factor", CHURN, "  recent_outage:", "  recent_outages:", "recent_outages:", "factors.recent_outages",
         "the unknown key", "one of leadership_change, budget_pressure", "did you mean recent_outage?"),
    Case("factor of no day", CHURN, "    addition: 25\n    window_days: 90", "    addition: 25\n    window_days: 0",
         "window_days: 0", "factors.competitive_inquiry.window_days", "0", "at least 1 (days)"),
    Case("unknown role", CHURN, "[executive, technical]", "[executive, technician]", "technician",
         "factors.leadership_change.roles[1]", '"technician"', "one of executive, technical, business, other",
         "did you mean technical?"),
    Case("role twice", CHURN, "[executive, technical]", "[executive, executive]", "[executive",
         "factors.leadership_change.roles[1]", '"executive" again', "each once"),
    Case("no role", CHURN, "roles: [executive, technical]", "roles: []", "roles: []", "factors.leadership_change.roles",
         "a list of 0", "at least 1"),
    Case("four of three", CHURN, "least: 2", "least: 4", "least: 4", "factors.engagement_decline.least", "4",
         "at most 3 (figures, 1 to 3)"),
    Case("acts on hope", CHURN, "acts_on: prior", "acts_on: hope", "acts_on: hope", "calibration.acts_on", '"hope"',
         "one of prior, calibrated"),
    Case("save over 100", CHURN, "yellow: 75", "yellow: 175", "yellow: 175", "value_at_risk.save_pct.yellow", "175",
         "at most 100"),
    # Retention
    Case("levels crossed", KEEP, "medium_above: 30", "medium_above: 60", "high_above: 60", "plans.high_above", "60",
         "more than medium_above, 60"),
    Case("step twice", KEEP, "- step: value_review", "- step: csm_outreach", "- step: csm_outreach", "plans.medium[1]",
         '"csm_outreach" again', "each once"),
    Case("renewal step twice", KEEP, "- step: renewal_signature", "- step: renewal_proposal",
         "- step: renewal_proposal", "renewal.steps[4]", '"renewal_proposal" again', "each once"),
    Case("unknown phase", KEEP, "phase: immediate", "phase: now", "phase: now", "plans.medium[0].phase", '"now"',
         "one of immediate, short_term"),
    Case("immediate after short_term", KEEP, "due_days: 7\n    - step: value_review",
         "due_days: 15\n    - step: value_review", "due_days: 15", "plans.medium[0].due_days", "15",
         "at most the first short_term step, 14 (days)"),
    Case("unknown factor of a step", KEEP, "only_with: competitive_inquiry", "only_with: competition",
         "only_with: competition", "plans.high[5].only_with", '"competition"', "one of leadership_change"),
    Case("blank purpose", KEEP, "purpose: Ask what has changed, and agree on the next steps", 'purpose: " "',
         'purpose: " "', "plans.medium[0].purpose", '" "', "text that isn't empty"),
    Case("no steps", KEEP, "steps:\n    - step: renewal_risk_review",
         "steps: []\n  more:\n    - step: renewal_risk_review", "steps: []", "renewal.steps",
         "a list of 0", "at least 1"),
    Case("renewal steps out of order", KEEP, "days_before_renewal: 60", "days_before_renewal: 91",
         "days_before_renewal: 91", "renewal.steps[3].days_before_renewal", "91", "at most the step before, 90 (days)"),
    Case("unknown status", KEEP, "  status: RED", "  status: red", "status: red", "review.status", '"red"',
         "one of GREEN, YELLOW, RED"),
    Case("SLA over 100", KEEP, "sla_most: 99.99", "sla_most: 100.01", "sla_most: 100.01", "offers.sla_most", "100.01",
         "at most 100"),
    Case("second look first", KEEP, "second_days: 60", "second_days: 30", "second_days: 30", "targets.second_days",
         "30", "more than first_days, 30"),
    Case("second target lower", KEEP, "second_points: 25", "second_points: 14", "second_points: 14",
         "targets.second_points", "14", "at least first_points, 15"),
    Case("decision twice", KEEP, "- decision: rfp", "- decision: red_large_account", "- decision: red_large_account",
         "executives.decisions[1]", '"red_large_account" again', "each once"),
    Case("decision without condition", KEEP, "      signal_group: rfp\n      within_days: 90\n", "", "- decision: rfp",
         "executives.decisions[1]", "no condition", "final_status with arr_above, or signal_group with within_days"),
    Case("decision of two kinds", KEEP, "      signal_group: rfp\n",
         "      signal_group: rfp\n      final_status: RED\n", "- decision: rfp",
         "executives.decisions[1]", "final_status, signal_group, within_days", "final_status with"),
    Case("decision of unknown signals", KEEP, "signal_group: rfp", "signal_group: rfq", "signal_group: rfq",
         "executives.decisions[1].signal_group", '"rfq"', "one of competitive", "did you mean rfp?"),
    Case("urgency crossed", KEEP, "next_30_days: 30", "next_30_days: 7", "next_30_days: 7",
         "executives.urgency_days.next_30_days", "7", "more than this_week, 7"),
    Case("outreach never", KEEP, "red_days: 5", "red_days: 0", "red_days: 0", "outreach.red_days", "0",
         "at least 1 (days)"),
    # Expansion
    Case("type twice", GROW, "- type: new_site", "- type: capacity_upgrade", "- type: capacity_upgrade", "types[1]",
         '"capacity_upgrade" again', "each once"),
    Case("type missing", GROW, "- type: new_site", "- type: capacity_upgrade", "types:", "types", "no new_site",
         "each of capacity_upgrade"),
    Case("unknown type", GROW, "- type: new_site", "- type: new_sites", "new_sites", "types[1].type", '"new_sites"',
         "one of capacity_upgrade", "did you mean new_site?"),
    Case("no timing", GROW, "    timing: Next QBR\n", "", "- type: service_adoption", "types[2].timing", "no such key",
         "a value (text)"),
    Case("timing of a site", GROW, "- type: new_site\n", "- type: new_site\n    timing: Soon\n", "timing: Soon",
         "types[1].timing", '"Soon"', "no timing"),
    Case("chance over 1", GROW, "base: 0.50", "base: 50", "base: 50", "close.base", "50", "at most 1"),
    Case("most below base", GROW, "most: 0.95", "most: 0.45", "most: 0.45", "close.most", "0.45", "at least base"),
    Case("additions out of order", GROW, "{at_least: 90, addition: 0.25}\n    - {at_least: 85, addition: 0.15}",
         "{at_least: 85, addition: 0.25}\n    - {at_least: 90, addition: 0.15}", "{at_least: 90", "close.score[1]",
         "≥90 after ≥85", "bands in order"),
    Case("more for less", GROW, "{at_least: 1, addition: 0.05}", "{at_least: 1, addition: 0.5}", "addition: 0.5",
         "close.expansions[1].addition", "0.5", "at most the addition of the band before, 0.1"),
    Case("score over 100", GROW, "{at_least: 90, addition", "{above: 100, addition", "{above: 100", "close.score[0]",
         ">100", "a band that can fit"),
    Case("priorities out of order", GROW, "potential_at_least: 20000, score_at_least: 80",
         "potential_at_least: 50000, score_at_least: 90", "priority: MEDIUM", "priorities[1]", "MEDIUM after HIGH",
         "priorities in order", "it can never be reached"),
    Case("no rest", GROW, "{priority: LOW}", "{priority: LOW, potential_at_least: 1, score_at_least: 1}",
         "{priority: LOW", "priorities[2]", "conditions", "it takes the rest"),
    Case("half a condition", GROW, "potential_at_least: 20000, score", "score", "priority: MEDIUM", "priorities[1]",
         "a condition that is missing", "potential_at_least and score_at_least"),
    Case("priority twice", GROW, "{priority: LOW}", "{priority: HIGH}", "{priority: HIGH}", "priorities[2]",
         '"HIGH" again', "each once"),
    Case("weeks out of order", GROW, "week: 3", "week: 2", "week: 2", "stages[2].week", "2",
         "more than the stage before, 2"),
    Case("no month", GROW, "plan_limit_months: 2", "plan_limit_months: 0", "months: 0",
         "qualification.plan_limit_months", "0", "at least 1 (months)"),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_broken_policy_is_told(folder: Path, case: Case) -> None:
    assert_told(folder, case)


@pytest.mark.parametrize("key", ["dimensions", "measures", "themes"])
def test_everything_must_be_there(folder: Path, key: str) -> None:
    """Weights, bands and rules are found by name, so one that is left out is no smaller policy but a broken one."""
    path = folder / SCORE
    names = {"dimensions": "engagement", "measures": "reference", "themes": "usage_decline"}
    text = path.read_text(encoding="utf-8")
    begin = text.index(f"  {names[key]}:", text.index(f"\n{key}:"))
    end = text.index("\n  ", begin + 1) + 1
    while text[end : end + 4] == "    ":
        end = text.index("\n", end) + 1
    path.write_text(text[:begin] + text[end:], encoding="utf-8")

    assert (f"{key}.{names[key]}", "no such key") in {(problem.key, problem.found) for problem in check(folder)}


@pytest.mark.parametrize(
    ("file", "old", "new", "key", "hint"),
    [
        (SCORE, "{at_least: 0.25, points: 5}", "{at_least: 0.25, points: 4}", "measures.tone.max_points",
         "nobody can earn the maximum"),
        (SCORE, "{at_least: -0.25, points: 3}", "{at_least: -0.25, points: 5}", "measures.tone.bands[1].points",
         "the band makes no difference"),
        (SCORE, "{at_least: -0.25, points: 3}", "{at_least: -0.25, points: 0}", "measures.tone.bands[1].points",
         "the band makes no difference"),
        (KEEP, "within_days: 180", "within_days: 150", "renewal.steps[0].days_before_renewal",
         "the step is late before it is seen"),
    ],
)  # fmt: skip
def test_what_looks_unintended_is_a_warning_and_loads(
    folder: Path, file: str, old: str, new: str, key: str, hint: str
) -> None:
    path = folder / file
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")

    (problem,) = check(folder)

    assert (problem.severity, problem.key, problem.hint) == (Severity.WARNING, key, hint)
    load_policies(folder)


def test_shipped_policies_give_no_warning(shipped: Path) -> None:
    assert check(shipped) == []
