"""Every rule of the shipped suites: a row that fails it, and a neighbour at the edge that passes."""

from __future__ import annotations

import datetime as dt

import pytest
from landed_data import AS_OF, EXTRACTED_AT, LandingBuilder

# Enough good rows that single bad ones stay under the 5 % at which they become critical.
PADDING = 120


def account(number: object, **more) -> dict:
    row = {"account_id": f"A{number}", "account_name": f"Account {number}", "owner_name": "Olga Owner"}
    return row | {"geo": "EMEA", "region": "North"} | more


def contract(number: object, **more) -> dict:
    row = {"contract_id": f"C{number}", "account_id": "A1", "product": f"Product {number}", "amount": 1000}
    return row | {"start_date": "2026-01-01", "end_date": "2026-12-31"} | more


def opportunity(number: object, **more) -> dict:
    return {"opportunity_id": f"O{number}", "account_id": "A1", "created_on": "2026-03-01"} | more


def activity(number: object, **more) -> dict:
    row = {"activity_id": f"X{number}", "account_id": "A1", "owner_name": "Petra", "subject": "Call"}
    return row | {"occurred_at": "2026-05-01 10:00:00", "has_attachment": True} | more


def ticket(number: object, **more) -> dict:
    return {"ticket_id": f"T{number}", "account_id": "A1", "created_at": "2026-05-01 10:00:00"} | more


def usage(day: str, account_id: str = "A1", **more) -> dict:
    return {"account_id": account_id, "usage_date": day} | more


def survey(number: object, **more) -> dict:
    return {"survey_id": f"S{number}", "account_id": "A1", "sent_on": "2026-05-01"} | more


def invoice(number: object, **more) -> dict:
    return {"invoice_id": f"I{number}", "account_id": "A1", "issued_on": "2026-05-01"} | more


def contact(number: object, **more) -> dict:
    return {"contact_id": f"K{number}", "account_id": "A1"} | more


def signal(number: object, **more) -> dict:
    return {"signal_id": f"G{number}", "account_id": "A1", "signal_type": "rfp", "observed_on": "2026-05-01"} | more


def intervention(number: object, **more) -> dict:
    row = {"intervention_id": f"V{number}", "account_id": "A1", "strategy": "executive call"}
    return row | {"opened_on": "2026-05-01"} | more


def call(number: object, **more) -> dict:
    row = {"call_id": f"Q{number}", "account_id": "A1", "status": "red", "reason": "New sponsor", "called_by": "Cas"}
    return row | {"called_at": "2026-06-01 10:00:00", "expires_on": "2026-06-30"} | more


def acceptance(number: object, **more) -> dict:
    row = {"acceptance_id": f"Y{number}", "issue_id": "I1", "status": "accepted", "reason": "Known", "accepted_by": "R"}
    return row | {"accepted_at": "2026-06-01 10:00:00", "accepted_until": "2026-06-30"} | more


def transition(number: object, **more) -> dict:
    row = {"transition_id": f"N{number}", "action_id": "M1", "account_id": "A1", "action": "notify_owner"}
    return row | {"to_status": "done", "acted_by": "worker", "acted_at": "2026-06-01 10:00:00"} | more


def alert_step(number: object, **more) -> dict:
    row = {"entry_id": f"E{number}", "alert_id": "L1", "account_id": "A1", "alert": "inactive", "step": "raised"}
    return row | {"acted_at": "2026-06-01 10:00:00"} | more


def rate(currency: str, valid_from: str = "2026-01-01", value: object = 2) -> dict:
    return {"currency": currency, "valid_from": valid_from, "rate_to_reporting": value}


def padded(make, *rows: dict) -> list[dict]:
    return [*rows, *(make(f"pad{number}") for number in range(PADDING))]


@pytest.fixture(scope="module")
def dirty(suites, tmp_path_factory):
    """One landing zone with all the faults below, checked once: importing Great Expectations takes seconds."""
    folder = tmp_path_factory.mktemp("dirty")
    landing = LandingBuilder(folder / "landing")
    land_accounts(landing)
    land_contracts(landing)
    land_opportunities(landing)
    land_activities(landing)
    land_others(landing)
    return landing.check(suites, folder / "work")


def land_accounts(landing) -> None:
    rows = [
        account(1, customer_until="2028-12-31", customer_since="2025-01-01", lifecycle="active"),
        account("noname", account_name=None),
        account("noowner", owner_name=None),
        account("nogeo", geo=None),
        account("noregion", region=None),
        account("sla", sla_target_pct="100.000001"),
        account("sla_edge", sla_target_pct=100),
        account("mail", owner_email="olga at example.com"),
        account("mail_edge", owner_email="o@e.io"),
        account("twice", owner_name="Old", updated_at="2026-05-01 00:00:00"),
        account("twice", owner_name="New", updated_at="2026-05-02 00:00:00"),
        account("twice", owner_name="Undated"),
        account("until", customer_until="2026-12-30"),
        account("until_won", customer_until="2027-06-30"),
        account("until_none", customer_until="2026-12-31"),
        account("idle", lifecycle="active"),
        account("idle_new", lifecycle="onboarding"),
        account("left", lifecycle="churned"),
        account("left_dated", lifecycle="active", churned_on="2026-06-30"),
        account("leaving", lifecycle="active", churned_on="2026-07-01"),
        account("same1", account_name="Same Name Inc"),
        account("same2", account_name="same-name"),
        account("since", customer_since="2026-01-02"),
        account("fault", _faults={"customer_since": "31.02.2026"}),
    ]
    landing.land("accounts", padded(account, *rows))


def land_contracts(landing) -> None:
    rows = [
        contract(1),
        contract("noproduct", product=None),
        contract("nostart", start_date=None, _faults={"start_date": "2026-02-30"}),
        contract("noend", end_date=None),
        contract("noamount", amount=None),
        contract("fault", _faults={"auto_renew": "perhaps"}),
        contract("reversed", start_date="2026-06-02", end_date="2026-06-01"),
        contract("one_day", start_date="2026-06-01", end_date="2026-06-01"),
        contract("unknown", account_id=None, account_name="Acount 1"),
        contract("byname", account_id=None, account_name="ACCOUNT 1."),
        contract("ambiguous", account_id=None, account_name="Same Name"),
        contract("nobody", account_id=None),
        contract("gbp", currency="GBP"),
        contract("eur_early", currency="EUR", start_date="2025-12-31"),
        contract("eur", currency="EUR", start_date="2026-01-01"),
        contract("later_rate", currency="CHF", start_date="2026-08-01"),
        contract("twice", amount=1),
        contract("twice", amount=2),
        contract("overlap1", product="Same"),
        contract("overlap2", product="Same", start_date="2026-12-31", end_date="2027-12-31"),
        contract("overlap3", product="Same", start_date="2028-01-01", end_date="2028-12-31"),
        contract("until", account_id="Auntil"),
        contract("until_won", account_id="Auntil_won"),
        contract("left", account_id="Aleft"),
        contract("left_dated", account_id="Aleft_dated", end_date="2026-06-30"),
        contract("leaving", account_id="Aleaving"),
        contract("since", account_id="Asince"),
    ]
    landing.land("contracts", padded(contract, *rows))
    rates = [rate("EUR"), rate("CHF", "2026-07-15"), rate("ZERO", value=0), rate("TINY", value="0.000000000001")]
    rates += [rate("EUR", value=3), rate(None), rate("JPY", None), rate("CAD", value=None)]
    landing.land("fx_rates", padded(lambda number: rate(f"Q{number}"), *rates))


def land_opportunities(landing) -> None:
    won = {"is_won": True, "is_closed": True, "close_date": "2026-05-01"}
    rows = [
        opportunity("noid", opportunity_id=None),
        opportunity("nodate", created_on=None),
        opportunity("won_late", account_id="Auntil_won", contract_end_date="2027-06-30", type="expansion", **won),
        opportunity("won_noend", type="renewal", **won),
        opportunity("won_other", type="expansion", **won),
        opportunity("won_later", type="renewal", is_won=True, close_date="2026-07-01"),
        opportunity("near", type="new", contract_end_date="2027-01-07", **won),
        opportunity("far", type="new", contract_end_date="2027-01-08", **won),
        opportunity("past", close_date="2026-06-29"),
        opportunity("today", close_date="2026-06-30"),
        opportunity("named", name="Big Deal", close_date="2026-12-01"),
        opportunity("twin1", name="Twins", is_closed=True),
        opportunity("twin2", name="twins", is_closed=True),
        opportunity("gbp", currency="GBP"),
        opportunity("elsewhere", account_id="Auntil", name="Elsewhere", close_date="2026-12-01"),
        opportunity("after", created_on="2026-07-01", close_date="2020-01-01"),
    ]
    landing.land("opportunities", padded(lambda n: opportunity(n, is_closed=True), *rows))


def land_activities(landing) -> None:
    check = {"subject": "Q2 HEALTH - check with team", "opportunity_id": "Onamed"}
    late = EXTRACTED_AT.replace(tzinfo=None)
    rows = [
        activity("noowner", owner_name=None),
        activity("nosubject", subject=None),
        activity("notime", occurred_at=None, _faults={"occurred_at": "yesterday"}),
        activity("hours", response_hours="-0.000001"),
        activity("hours_edge", response_hours=0),
        activity("mood", sentiment="1.000001"),
        activity("mood_edge", sentiment=-1),
        activity("now", occurred_at=late.isoformat(" ")),
        activity("soon", occurred_at=(late + dt.timedelta(microseconds=1)).isoformat(" ")),
        activity("tomorrow", occurred_at="2026-07-01 00:00:00"),
        activity("planned", occurred_at="2026-07-01 00:00:00", status="planned"),
        activity("unknown", account_id="A404"),
        activity("revenue", revenue=5, revenue_currency="GBP"),
        activity("revenue_edge", revenue=5, revenue_currency="EUR"),
        activity("twice"),
        activity("twice"),
        activity("fault", _faults={"has_attachment": "perhaps"}),
        activity("hc_bare", has_attachment=False, **check),
        activity("hc_blank", has_attachment=None, **check),
        activity("hc_proven", **check),
        activity("hc_planned", has_attachment=False, status="planned", **check),
        activity("hc_unlike", has_attachment=False, subject="Healthy checkers"),
        activity("hc_alone", subject="healthcheck"),
        activity("hc_alone_before", subject="healthcheck", occurred_at="2026-02-28 10:00:00"),
        activity("hc_elsewhere", account_id="Asince", subject="healthcheck"),
        activity("opp_name", opportunity_name=" big deal "),
        activity("opp_no_name", opportunity_name="Elsewhere"),
        activity("opp_twins", opportunity_name="Twins"),
        activity("opp_no_id", opportunity_id="O404"),
        activity("opp_other_account", opportunity_id="Oelsewhere"),
    ]
    landing.land("activities", padded(activity, *rows))


def land_others(landing) -> None:
    rows = [
        ticket("noid", ticket_id=None),
        ticket("nodate", created_at=None),
        ticket("csat_low", csat="0.999999"),
        ticket("csat_high", csat="5.000001"),
        ticket("csat_1", csat=1),
        ticket("csat_5", csat=5),
        ticket("mood", sentiment="-1.1"),
        ticket("backwards", solved_at="2026-05-01 09:59:59"),
        ticket("at_once", solved_at="2026-05-01 10:00:00"),
        ticket("soon", created_at="2026-06-30 18:00:01"),
        ticket("twice", topic="old"),
        ticket("twice", topic="new"),
    ]
    landing.land("tickets", padded(ticket, *rows))
    landing.land("usage", usage_rows())
    landing.land(
        "survey_responses",
        padded(
            survey,
            survey("noid", survey_id=None),
            survey("nodate", sent_on=None),
            survey("high", score="10.1"),
            survey("low", score="-0.1"),
            survey("0", score=0),
            survey("10", score=10),
        ),
    )
    landing.land(
        "invoices",
        padded(
            invoice,
            invoice("noid", invoice_id=None),
            invoice("nodate", issued_on=None),
            invoice("gbp", currency="GBP"),
            invoice("usd", currency="USD"),
        ),
    )
    landing.land("contacts", padded(contact, contact("noid", contact_id=None), contact("nobody", account_id="A404")))
    landing.land(
        "signals",
        padded(
            signal,
            signal("noid", signal_id=None),
            signal("nodate", observed_on=None),
            signal("odd", signal_type=None, _faults={"signal_type": "gossip"}),
        ),
    )
    landing.land(
        "interventions",
        padded(
            intervention,
            intervention("noid", intervention_id=None),
            intervention("nostrategy", strategy=None),
            intervention("nodate", opened_on=None),
        ),
    )
    landing.land(
        "csm_calls",
        [
            call("noid", call_id=None),
            call("nostatus", status=None),
            call("noreason", reason=None),
            call("nobody", called_by=None),
            call("nowhen", called_at=None),
            call("noend", expires_on=None),
            call("before", expires_on="2026-05-31"),
            call("sameday", expires_on="2026-06-01"),
            call("long", expires_on="2026-08-31"),
            call("longest", expires_on="2026-08-30"),
            call("back", status="withdrawn", expires_on="2026-05-31"),
        ],
    )
    landing.land(
        "hygiene_acceptances",
        [
            acceptance("noid", acceptance_id=None),
            acceptance("noissue", issue_id=None),
            acceptance("nostatus", status=None),
            acceptance("noreason", reason=None),
            acceptance("nobody", accepted_by=None),
            acceptance("nowhen", accepted_at=None),
            acceptance("noend", accepted_until=None),
            acceptance("back", status="withdrawn"),
        ],
    )
    landing.land(
        "action_log",
        [
            transition("noid", transition_id=None),
            transition("noaction_id", action_id=None),
            transition("noaction", action=None),
            transition("nostatus", to_status=None, _faults={"to_status": "gone"}),
            transition("nobody", acted_by=None),
            transition("nowhen", acted_at=None),
            transition("high", written_score="100.1"),
            transition("low", written_score="-0.1"),
            transition("0", written_score=0),
            transition("100", written_score=100),
        ],
    )
    landing.land(
        "alert_log",
        [
            alert_step("noid", entry_id=None),
            alert_step("noalert_id", alert_id=None),
            alert_step("noalert", alert=None),
            alert_step("nostep", step=None),
            alert_step("nowhen", acted_at=None),
            alert_step("nobody", acted_by=None),
        ],
    )


def usage_rows() -> list[dict]:
    """A1 daily with one hole too wide, Auntil daily with one at the edge, Asince weekly, Aleft with a spike."""
    days = [AS_OF - dt.timedelta(days=back) for back in range(28)]
    rows = [usage(str(day), "A1") for day in days if day.day not in (10, 11, 12, 13)]
    rows += [usage(str(day), "Auntil") for day in days if day.day not in (10, 11, 12)]
    rows += [usage(str(day), "Asince", logins=90 if day == AS_OF else 1) for day in days[::7]]
    # 27 days of 25 and one of 81: the mean is 27, and 81 is just 3 times that. With 82 it is more.
    rows += [usage(str(day), "Aidle", active_users=81 if day == AS_OF else 25) for day in days]
    rows += [usage(str(day), "Aleft", logins=82 if day == AS_OF else 25) for day in days]
    rows += [usage(None), usage("2026-05-02", capacity_used_pct="1000.1"), usage("2026-05-03", capacity_used_pct=1000)]
    rows += [usage("2026-05-04", uptime_pct="-0.1"), usage("2026-05-05", uptime_pct=0)]
    rows += [usage("2026-05-06", logins=1), usage("2026-05-06", logins=2), usage("2026-05-07", "A404")]
    return rows


# stream, rule -> keys of the rows that fail; whatever isn't here passes.
EXPECTED = {
    ("accounts", "values_readable"): ["Afault"],
    ("accounts", "account_name_present"): ["Anoname"],
    ("accounts", "sla_target_in_range"): ["Asla"],
    ("accounts", "owner_present"): ["Anoowner"],
    ("accounts", "geo_present"): ["Anogeo"],
    ("accounts", "region_present"): ["Anoregion"],
    ("accounts", "owner_email_well_formed"): ["Amail"],
    ("accounts", "id_unique"): ["Atwice", "Atwice"],
    ("accounts", "customer_until_matches_contracts"): ["Auntil", "Auntil_none"],
    ("accounts", "active_account_has_contract"): ["Aidle"],
    ("accounts", "churned_account_has_no_contract"): ["Aleft", "Aleft_dated"],
    ("accounts", "normalised_name_unique"): ["Asame1", "Asame2"],
    ("accounts", "customer_since_before_first_contract"): ["Asince"],
    ("contracts", "values_readable"): ["Cfault"],
    ("contracts", "product_present"): ["Cnoproduct"],
    ("contracts", "start_date_present"): ["Cnostart"],
    ("contracts", "end_date_present"): ["Cnoend"],
    ("contracts", "amount_present"): ["Cnoamount"],
    ("contracts", "end_on_or_after_start"): ["Creversed"],
    ("contracts", "account_known"): ["Cambiguous", "Cnobody", "Cunknown"],
    ("contracts", "currency_has_rate"): ["Ceur_early", "Cgbp", "Clater_rate"],
    ("contracts", "id_unique"): ["Ctwice"],
    ("contracts", "contracts_do_not_overlap"): ["Coverlap2"],
    ("opportunities", "opportunity_id_present"): ["?"],
    ("opportunities", "created_on_present"): ["Onodate"],
    ("opportunities", "currency_has_rate"): ["Ogbp"],
    ("opportunities", "won_has_contract_end"): ["Owon_noend"],
    ("opportunities", "won_contract_exists"): ["Ofar"],
    ("opportunities", "open_close_date_not_past"): ["Opast"],
    ("activities", "values_readable"): ["Xfault"],
    ("activities", "owner_name_present"): ["Xnoowner"],
    ("activities", "subject_present"): ["Xnosubject"],
    ("activities", "occurred_at_present"): ["Xnotime"],
    ("activities", "response_hours_in_range"): ["Xhours"],
    ("activities", "sentiment_in_range"): ["Xmood"],
    ("activities", "not_after_extraction"): ["Xsoon", "Xtomorrow"],
    ("activities", "account_known"): ["Xunknown"],
    ("activities", "currency_has_rate"): ["Xrevenue"],
    ("activities", "id_unique"): ["Xtwice"],
    ("activities", "health_check_has_attachment"): ["Xhc_bare", "Xhc_blank"],
    ("activities", "health_check_has_opportunity"): ["Xhc_alone"],
    ("activities", "opportunity_known"): ["Xopp_no_id", "Xopp_no_name", "Xopp_twins"],
    ("tickets", "ticket_id_present"): ["?"],
    ("tickets", "created_at_present"): ["Tnodate"],
    ("tickets", "csat_in_range"): ["Tcsat_high", "Tcsat_low"],
    ("tickets", "sentiment_in_range"): ["Tmood"],
    ("tickets", "solved_on_or_after_created"): ["Tbackwards"],
    ("tickets", "not_after_extraction"): ["Tsoon"],
    ("tickets", "id_unique"): ["Ttwice"],
    ("usage", "usage_date_present"): ["A1 | ?"],
    ("usage", "capacity_used_in_range"): ["A1 | 2026-05-02"],
    ("usage", "uptime_in_range"): ["A1 | 2026-05-04"],
    ("usage", "account_known"): ["? | 2026-05-07"],
    ("usage", "id_unique"): ["A1 | 2026-05-06"],
    ("usage", "no_gaps"): ["A1 | 2026-06-09"],
    ("usage", "no_spikes"): ["Aleft | 2026-06-30"],
    ("survey_responses", "survey_id_present"): ["?"],
    ("survey_responses", "sent_on_present"): ["Snodate"],
    ("survey_responses", "score_in_range"): ["Shigh", "Slow"],
    ("invoices", "invoice_id_present"): ["?"],
    ("invoices", "issued_on_present"): ["Inodate"],
    ("invoices", "currency_has_rate"): ["Igbp"],
    ("contacts", "contact_id_present"): ["?"],
    ("contacts", "account_known"): ["Knobody"],
    ("signals", "signal_id_present"): ["?"],
    ("signals", "signal_type_present"): ["Godd"],
    ("signals", "observed_on_present"): ["Gnodate"],
    ("interventions", "intervention_id_present"): ["?"],
    ("interventions", "strategy_present"): ["Vnostrategy"],
    ("interventions", "opened_on_present"): ["Vnodate"],
    ("csm_calls", "call_id_present"): ["?"],
    ("csm_calls", "status_present"): ["Qnostatus"],
    ("csm_calls", "reason_present"): ["Qnoreason"],
    ("csm_calls", "called_by_present"): ["Qnobody"],
    ("csm_calls", "called_at_present"): ["Qnowhen"],
    ("csm_calls", "expires_on_present"): ["Qnoend"],
    ("csm_calls", "expires_on_or_after_call"): ["Qbefore"],
    ("csm_calls", "expires_within_limit"): ["Qlong"],
    ("hygiene_acceptances", "acceptance_id_present"): ["?"],
    ("hygiene_acceptances", "issue_id_present"): ["Ynoissue"],
    ("hygiene_acceptances", "status_present"): ["Ynostatus"],
    ("hygiene_acceptances", "reason_present"): ["Ynoreason"],
    ("hygiene_acceptances", "accepted_by_present"): ["Ynobody"],
    ("hygiene_acceptances", "accepted_at_present"): ["Ynowhen"],
    ("hygiene_acceptances", "accepted_until_present"): ["Ynoend"],
    ("action_log", "transition_id_present"): ["?"],
    ("action_log", "action_id_present"): ["Nnoaction_id"],
    ("action_log", "action_present"): ["Nnoaction"],
    ("action_log", "to_status_present"): ["Nnostatus"],
    ("action_log", "acted_by_present"): ["Nnobody"],
    ("action_log", "acted_at_present"): ["Nnowhen"],
    ("action_log", "written_score_in_range"): ["Nhigh", "Nlow"],
    ("alert_log", "entry_id_present"): ["?"],
    ("alert_log", "alert_id_present"): ["Enoalert_id"],
    ("alert_log", "alert_present"): ["Enoalert"],
    ("alert_log", "step_present"): ["Enostep"],
    ("alert_log", "acted_at_present"): ["Enowhen"],
    ("fx_rates", "currency_present"): ["? | 2026-01-01"],
    ("fx_rates", "valid_from_present"): ["JPY | ?"],
    ("fx_rates", "rate_to_reporting_present"): ["CAD | 2026-01-01"],
    ("fx_rates", "rate_positive"): ["ZERO | 2026-01-01"],
    ("fx_rates", "id_unique"): ["EUR | 2026-01-01"],
}


def test_nothing_is_blocked_or_broken(dirty):
    assert {name: checks.verdict for name, checks in dirty.checks.streams.items()} == dict.fromkeys(
        dirty.checks.streams, "accepted"
    )
    results = [result for checks in dirty.checks.streams.values() for result in checks.results]
    assert [(r.table, r.rule, r.broken) for r in results if r.broken] == []


def test_every_rule_fails_on_just_the_rows_that_break_it(dirty):
    found: dict[tuple[str, str], list[str]] = {}
    for failure in dirty.failures:
        found.setdefault((failure["stream"], failure["rule"]), []).append(failure["record_key"])
    assert {place: sorted(keys) for place, keys in found.items()} == EXPECTED


def test_results_count_what_is_listed(dirty):
    for name, checks in dirty.checks.streams.items():
        for result in checks.results:
            assert result.rows_failed == len(EXPECTED.get((name, result.rule), [])), f"{name}.{result.rule}"


def test_the_raw_value_of_an_unreadable_required_cell_is_told(dirty):
    failure = dirty.failure("contracts", "start_date_present")
    assert failure["actual"] == "2026-02-30"
    assert failure["sentence"] == ('Contract Cnostart: start date is "2026-02-30"; expected a date such as 2026-06-30.')


def test_an_unknown_account_comes_with_the_nearest_name(dirty):
    by_key = {f["record_key"]: f for f in dirty.failures if f["rule"] == "account_known" and f["stream"] == "contracts"}
    assert by_key["Cunknown"]["suggestion"].startswith("Account 1 (")
    assert by_key["Cunknown"]["suggestion"].endswith("% alike)")
    assert 'names the account "Acount 1", which is not known' in by_key["Cunknown"]["sentence"]
    assert by_key["Cambiguous"]["suggestion"] == "one of: Same Name Inc (Asame1); same-name (Asame2)"
    assert "could be more than one account" in by_key["Cambiguous"]["sentence"]
    assert "names no account" in by_key["Cnobody"]["sentence"]


def test_the_newest_version_of_an_account_is_kept(dirty):
    twice = [f for f in dirty.failures if (f["stream"], f["rule"]) == ("accounts", "id_unique")]
    # Rows 10 (older) and 12 (undated) give way to row 11, the newest by updated_at.
    assert [f["row"] for f in twice] == [10, 12]


def test_of_equal_keys_the_last_read_is_kept(dirty):
    assert dirty.rows("contracts", "id_unique") == [17]


def test_effects_are_those_of_the_suites(dirty, suites):
    for failure in dirty.failures:
        assert failure["effect"] == suites[failure["stream"]].rule(failure["rule"]).effect


def test_all_rules_with_rows_to_fail_are_tried(suites):
    """A new rule needs a failing row and a passing neighbour here, unless the bookkeeping tests have it."""
    elsewhere = {"columns_present", "row_count_plausible"}
    shared = {
        "values_readable",
        "account_known",
        "id_unique",
        "id_in_one_source",
    }  # one query for all streams, tried on several
    rules = {(name, rule.name) for name, suite in suites.items() for rule in suite.rules}
    assert {place for place in rules - set(EXPECTED) if place[1] not in elsewhere | shared} == set()
