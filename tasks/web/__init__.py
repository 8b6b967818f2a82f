"""What is made once, on the host, and is the same for every target: the pages of a web node, programs to download."""
