"""The demo: the main job on local services, and the proof that its books agree."""
