"""How money cells name their currency: ISO 4217 codes and the symbols people type. A standard, not policy.

Withdrawn codes stay as long as contracts of their time may still be read.
"""

from __future__ import annotations

_CODES = """
    AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF
    CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL
    HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL
    MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON
    RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH
    UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG
    CUC HRK SLL ZWL
"""
# Countries that write their money with a bare $.
_DOLLARS = """
    ARS AUD BBD BMD BND BSD BZD CAD CLP COP DOP FJD GYD HKD JMD KYD LRD MXN NAD NZD SBD SGD SRD TTD TWD USD UYU XCD
"""

CODES = frozenset(_CODES.split())
DOLLARS = frozenset(_DOLLARS.split())
YENS = frozenset(("CNY", "JPY"))

SYMBOLS = {
    "€": "EUR",
    "£": "GBP",
    "₹": "INR",
    "₩": "KRW",
    "₽": "RUB",
    "₺": "TRY",
    "₪": "ILS",
    "₫": "VND",
    "฿": "THB",
    "₴": "UAH",
    "₦": "NGN",
    "₱": "PHP",
    "₸": "KZT",
    "US$": "USD",
    "CA$": "CAD",
    "C$": "CAD",
    "CDN$": "CAD",
    "A$": "AUD",
    "AU$": "AUD",
    "NZ$": "NZD",
    "HK$": "HKD",
    "S$": "SGD",
    "SG$": "SGD",
    "R$": "BRL",
    "MX$": "MXN",
    "NT$": "TWD",
}


def tokens(reporting_currency: str) -> dict[str, tuple[str, bool]]:
    """Every way a money cell may name a currency -> (ISO code, whether the writing fits several currencies).

    A bare `$` is the reporting currency where that is a dollar, else the US dollar; a bare `¥` likewise, else the
    yen. A code beside a symbol that fits it (`CAD$`, `EUR€`) is that code.
    """
    found: dict[str, tuple[str, bool]] = {code: (code, False) for code in CODES}
    found |= {symbol: (code, False) for symbol, code in SYMBOLS.items()}
    found["$"] = (reporting_currency if reporting_currency in DOLLARS else "USD", True)
    found["¥"] = (reporting_currency if reporting_currency in YENS else "JPY", True)
    for code in DOLLARS:
        found[f"{code}$"] = (code, False)
    for code in YENS:
        found[f"{code}¥"] = (code, False)
    for symbol, code in SYMBOLS.items():
        if len(symbol) == 1:
            found[f"{code}{symbol}"] = (code, False)
    return found
