"""The lecturer's own systems, on simulated data: nothing here is claimed of real ones.

Light echoes, after AILE: `echoes.py` simulates fields, `detector.py` is a network in the manner of YOLO,
`matched_filter.py` what it has to beat, `boxes.py` says how good detections are. Start with `light_echoes.py`, which
compares them.
"""
