"""What a bidirectional LSTM with attention loses when one word is truly deleted, beside its attention weights.

Attention looks at words; deletion asks what happens without them. Both are shown for each text, and compared over many.
"""
