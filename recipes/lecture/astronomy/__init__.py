"""The lecturer's own systems, on simulated data: nothing here is claimed of real ones.

Light echoes, after AILE: `echoes.py` simulates fields, `detector.py` is a network in the manner of YOLO,
`matched_filter.py` what it has to beat, `boxes.py` says how good detections are. Start with `light_echoes.py`, which
compares them.

Streaks, after time-resolved images: `readout.py` simulates images of a camera that is read while it looks,
`extraction.py` takes light curves out of them, `streak_networks.py` has a transformer and a CNN, `periodogram.py` what
they have to beat. Start with `streaks.py`, which compares them.

`inputs.py` checks images and light curves of one's own, `boxes.py` boxes, before anything is computed of them.
"""
