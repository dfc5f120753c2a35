"""Messages of every kind that `casty types` reads: each module has another corner of Python's types."""
