"""Words the demo company is made of: companies, people, places, products and subjects.

Only lists belong here; all of it is invented, and international on purpose (accents, scripts, commas and quotes in
names are what real reports hold). How the words are combined is in the modules beside this one.
"""

from __future__ import annotations

# First words and second words are each unique, so every pair of them is a different company.
COMPANY_FIRST = (
    "Aldermoor",
    "Åkerlund",
    "Brightfen",
    "Cobaltine",
    "Dunmere",
    "Élancourt",
    "Fernholt",
    "Göransson",
    "Haliard",
    "Ironquay",
    "Jørgensholm",
    "Kestrel",
    "Lumenfield",
    "Müllerhof",
    "Nordhavn",
    "O’Carrick",
    "Peñalba",
    "Quillon",
    "Ravensby",
    "São Teodoro",
    "Tallowmere",
    "Umbral",
    "Værløse",
    "Wexcombe",
    "Xanadel",
    "Yarrowby",
    "Zelenka",
    "Łukowski",
    "東和",
    "Straßner",
)
COMPANY_SECOND = (
    "Logistics",
    "Robotics",
    "Foods",
    "Health Partners",
    "Energy",
    "Textiles",
    "Marine",
    "Analytics",
    "Insurance",
    "Instruments",
    "Publishing",
    "Retail Group",
    "Pharma",
    "Aviation",
    "Materials",
    "Mobility",
    "Ceramics",
    "& Daughters",
    "Payments",
    "Education",
    "Water, Gas",
    "Diagnostics",
    "Packaging",
    "Semiconductors",
    "“Atelier”",
    "Hotels",
    "Telecom",
    "Agritech",
    "Shipping",
    "Media",
    "Optics",
    "Biotech",
    "Tooling",
    "Studios",
)
LEGAL_FORMS = ("", "", "", " Inc", " Inc.", " Ltd", " LLC", " GmbH", " Corp", " Co")
INDUSTRIES = (
    "Manufacturing",
    "Logistics",
    "Retail",
    "Healthcare",
    "Financial Services",
    "Education",
    "Energy",
    "Media",
    "Hospitality",
    "Technology",
)

OWNERS = (
    "Amara Okafor",
    "Björn Lindqvist",
    "Camila Restrepo",
    "Dmitri Halloran",
    "Elif Aydın",
    "Fiona MacAskill",
    "Giorgos Pallas",
    "Hanae Mori",
    "Ingrid Solberg",
    "João Teixeira",
    "Kwame Asante",
    "Leïla Benhaddou",
    "Mateusz Zając",
    "Niamh Gallagher",
    "Otto Brandstätter",
    "Priya Raghunathan",
    "Quentin Marchal",
    "Rosa Villanueva",
    "Søren Kjær",
    "Tomás Echeverría",
    "Uma Krishnan",
    "Viktor Petrenko",
    "Wei Lin Tan",
    "Ximena Duarte",
    "Yusuf Rahimi",
)
CSMS = (
    "Aisha Farouk",
    "Benedikt Vogel",
    "Chiara Lombardi",
    "Dara Sullivan",
    "Emeka Nwosu",
    "Freya Holm",
    "Gabriel Laurent",
    "Hyejin Park",
    "Isak Nyström",
    "Julia Kowalczyk",
    "Kenji Arakawa",
    "Lucía Serrano",
    "Milan Horvat",
    "Noor Haddad",
    "Oksana Melnyk",
    "Pedro Azevedo",
    "Rania Khoury",
    "Stellan Åberg",
)
AES = (
    "Adeline Fournier",
    "Bruno Salgado",
    "Cormac Byrne",
    "Divya Menon",
    "Esther Kimani",
    "Felix Baumann",
    "Grace Adeyemi",
    "Haruto Shimizu",
    "Iris van Dijk",
    "Jonas Weidmann",
    "Karima Zahir",
    "Liam Pritchard",
)

# geo, region, currency, how many draws of 100 fall to it
PLACES = (
    ("AMER", "US East", "USD", 22),
    ("AMER", "US West", "USD", 18),
    ("AMER", "Latin America", "USD", 6),
    ("EMEA", "UK & Ireland", "GBP", 12),
    ("EMEA", "DACH", "EUR", 10),
    ("EMEA", "Southern Europe", "EUR", 8),
    ("EMEA", "Nordics", "EUR", 6),
    ("APAC", "Japan", "JPY", 10),
    ("APAC", "Southeast Asia", "USD", 8),
)

PRODUCTS = ("Platform", "Analytics", "Connect")

# Each is a health check by policy: the words apart, together, hyphenated, doubled spaces, any case.
CHECK_SUBJECTS = (
    "Health Check",
    "Quarterly health-check",
    "Healthcheck review",
    "HEALTH  CHECK with operations",
    "Delivered: health check & next steps",
)
# Near them, and none of them a health check.
OTHER_SUBJECTS = (
    "Roadmap call",
    "Healthy checkout demo",
    "Check-in about rollout",
    "Training follow-up",
    "Renewal preparation",
    "Support backlog",
    "Architecture questions",
    "New users onboarding",
)
TICKET_TOPICS = ("access", "billing", "performance", "integration", "reporting", "how-to")
COMPETITORS = ("Vantora", "Kelpworks", "Oxbow Systems")
STRATEGIES = ("executive_engagement", "technical_resolution", "value_review", "commercial_offer")
