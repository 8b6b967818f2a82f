"""Ratios against a baseline, measured in one run; nothing here is a test."""
