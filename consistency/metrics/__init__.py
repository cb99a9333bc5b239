"""How good labels are: against ground truth, or by signs of trouble without it."""
