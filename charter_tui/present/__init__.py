"""What the screens say: pure functions from records to styled lines.

Nothing here imports Textual.
"""
