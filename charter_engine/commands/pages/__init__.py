"""Reports as HTML pages that are whole in themselves: one file, no network, light and dark."""
