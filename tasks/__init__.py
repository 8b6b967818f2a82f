"""When things happen: one module a stage, in the order in which data flows through them."""
