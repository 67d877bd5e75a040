"""From opportunities to a plan: settings and their rules, edits, differences and their cost, plan
files."""
