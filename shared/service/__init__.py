"""The local AI service: an OpenAI-compatible server on loopback.

A request passes these files, in this order: server (the process), guard (the door), app (the routes),
forms (what was asked), desk (to its model), jobs (the line), listen (the work: audio, vad, engines),
answers (what goes back), and errors if it does not go well.
"""
