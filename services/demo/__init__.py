"""A sample go-live, played through the HTTP API: people submit, triage, acknowledge, give back, resolve and reopen tickets."""
