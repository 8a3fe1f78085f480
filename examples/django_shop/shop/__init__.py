"""A small shop that sends receipts."""
