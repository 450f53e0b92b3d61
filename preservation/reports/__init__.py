"""What was promised, what was checked, what was done: for people and for machines."""
