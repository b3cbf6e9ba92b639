"""How fast the portal answers at 100,000 accounts."""
