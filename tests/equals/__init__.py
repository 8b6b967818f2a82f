"""Incremental equals clean: after any change the bytes are those of a build that starts from nothing."""
