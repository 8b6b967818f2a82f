"""Upstream's shell tests of resource types, inside our root filesystems; for people, not for CI."""
