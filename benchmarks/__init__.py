"""How fast a whole refresh is, and how far from what hand-written SQL and pandas need for the same answer."""
