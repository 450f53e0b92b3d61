"""Values: what Samarkand talks about, without I/O and without a clock."""
