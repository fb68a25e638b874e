"""Tickets over HTTP: submit, read, change, follow."""
