"""How target code is made: targets, compilers, and the reading of what they produced."""
