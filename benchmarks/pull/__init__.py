"""How fast records come out of a CRM's Bulk API into the landing zone, beside a plain download of the same bytes."""
