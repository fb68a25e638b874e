"""What is done: services read the ledger, decide, and return new events."""
