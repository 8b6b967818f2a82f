"""The works of a boot, a module for each kind of rows: an edit of one kind does not boot anew what has other rows.

What is costly to load is loaded when a work is done.
"""
