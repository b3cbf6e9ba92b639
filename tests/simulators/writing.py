"""Writing to the CRM."""
