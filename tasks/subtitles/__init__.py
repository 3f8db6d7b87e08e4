"""From words to cues: tokens, line breaks, layout and standards."""
