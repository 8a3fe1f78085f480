"""Adapters: what test frameworks, web frameworks and mail libraries hand over, read with public names only."""
