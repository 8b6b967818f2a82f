"""Attacks on builds of the example's release: kills, signals, faults of the file system, damage, made-up manifests."""
