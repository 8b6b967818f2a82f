"""The web pages of a distribution tried as a person would: what is served, and what a browser shows of it."""
