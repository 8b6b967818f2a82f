"""The first that ``dodo.py`` imports: whatever doit that is, the project is run as it should be."""

from crosscourse.start.entrance import check

check()
