"""The shell that every process's HTTP app shares: problems, request ids, strict JSON, callers, health, documentation."""
