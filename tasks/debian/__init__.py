"""Root filesystems from Debian packages, made natively: no root, no emulation, no code of the packages is run.

``apt`` fetches packages, checked by their archive's signature; ``tree`` merges them into one tree.
"""
