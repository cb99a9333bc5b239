"""Which labels are most worth checking: moments, ranked, with pictures."""
