"""
The engine: owns the model of one device and decides what enters it next.

Recordings come as chunks of speech (`speech`), wait in a fair line, enter the model together with chunks of other
recordings (`engine`, `whisper`), and leave as segments and words of their own (`words`). `registry` keeps one engine
per device in a process. The chunks, their texts and times are those of faster-whisper's batched pipeline; a test
compares them.
"""
