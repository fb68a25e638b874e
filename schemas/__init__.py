"""What is said and kept: shapes only, no behaviour, no I/O."""
