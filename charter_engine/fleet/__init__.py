"""Several servers as one deployment: which they are, how they differ, and changes that roll through
them."""
