"""The local AI service: an OpenAI-compatible server on loopback.

A request passes these files, in this order: server (the process), guard (the door), app (the routes),
forms or bodies (what was asked), desk (to its model), jobs (the line), the work (listen with audio and vad,
converse, or embed) on one of the engines, answers and events (what goes back), and errors if it does not go
well.
"""
