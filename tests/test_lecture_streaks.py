"""Simulated streaks: the images, the extraction and the periodogram, each on known answers."""

import numpy as np
import pytest
from conftest import refused
from light_curves import shapes

from recipes.lecture.astronomy import readout
from recipes.lecture.astronomy.echoes import PSF
from recipes.lecture.astronomy.extraction import (
    WIDTH,
    Streaks,
    cut_strips,
    extract,
    find_streaks,
    in_sigmas,
    signal_to_noise,
    simulate_streaks,
    strip_in_sigmas,
)
from recipes.lecture.astronomy.periodogram import (
    Periodogram,
    events,
    moving_mean,
    power_spectrum,
    pulsing,
    tune_periodogram,
)
from recipes.lecture.astronomy.readout import (
    COLUMNS,
    CONSTANT,
    ECLIPSE,
    FLARE,
    HALF_SMEAR,
    PULSATION,
    RATE,
    READOUT,
    SKY,
    TIMES,
    light_curve,
    simulate_readout,
    smeared,
    star_light,
)

NOISE = np.sqrt(SKY + READOUT**2)  # electrons, of a pixel of sky


def observed(light, columns, rng):
    """An image of these light curves `(times, stars)` with sky, photon and readout noise."""
    expected = SKY + star_light(light, np.asarray(columns))
    return rng.poisson(expected) + rng.normal(0, READOUT, expected.shape)


class TestSimulator:
    def test_an_image_depends_on_its_seed_and_number_alone(self):
        three, two, others = simulate_streaks(3, seed=7), simulate_streaks(2, seed=7), simulate_streaks(3, seed=8)
        np.testing.assert_array_equal(three.curves[: len(two)], two.curves)
        np.testing.assert_array_equal(three.classes[: len(two)], two.classes)
        assert not (three.snr == others.snr).any()
        assert (three.strips.dtype, three.strips.shape) == (np.float32, (30, TIMES, WIDTH))

    def test_between_the_stars_is_sky_with_its_noise(self):
        image = simulate_readout(np.random.default_rng(0))
        far = np.abs(np.arange(COLUMNS)[:, None] - image.columns).min(axis=1) > 8
        sky = (image.pixels - image.rays)[:, far]
        assert sky.mean() == pytest.approx(SKY, abs=4 * NOISE / np.sqrt(sky.size))
        assert sky.std() == pytest.approx(NOISE, rel=0.02)

    def test_the_light_of_a_star_adds_up(self):
        light = np.random.default_rng(0).uniform(100, 200, (50, 2))
        image = star_light(light, np.array([40.3, 77.9]), wander=np.linspace(-0.5, 0.5, 50))
        np.testing.assert_allclose(image[:, :60].sum(axis=1), light[:, 0], rtol=1e-5)
        np.testing.assert_allclose(image[:, 60:].sum(axis=1), light[:, 1], rtol=1e-5)
        middle = (image[:, :60] * np.arange(60)).sum(axis=1) / image[:, :60].sum(axis=1)
        np.testing.assert_allclose(middle, 40.3 + np.linspace(-0.5, 0.5, 50), atol=1e-3)

    def test_smearing_leaves_of_a_sine_what_the_formula_says(self):
        rows = np.arange(-HALF_SMEAR, TIMES + HALF_SMEAR)
        for frequency, left in ((15.0, 0.908), (40.0, 0.503)):
            light = 1 + 0.5 * np.sin(2 * np.pi * frequency * rows / RATE)
            amplitude = np.sqrt(2) * smeared(light).std()
            assert amplitude == pytest.approx(0.5 * np.exp(-2 * (np.pi * PSF * frequency / RATE) ** 2), rel=0.01)
            assert amplitude == pytest.approx(0.5 * left, rel=0.01)
            assert len(smeared(light)) == TIMES

    def test_a_constant_star_is_constant(self, rng):
        assert set(smeared(light_curve(CONSTANT, rng)).round(12)) == {1.0}

    def test_a_pulsation_has_one_frequency_and_a_mean_of_one(self, rng):
        for _ in range(5):
            light = light_curve(PULSATION, rng)
            frequencies, power = power_spectrum(light[None])
            assert 3 - 0.5 < frequencies[power.argmax()] < 40 + 0.5
            assert light.mean() == pytest.approx(1, abs=0.1)
            assert 0.03 * 0.9 < np.ptp(light) / 2 < 0.5 * 1.4

    def test_an_eclipse_only_darkens_for_as_long_as_said(self, rng):
        for _ in range(10):
            light = light_curve(ECLIPSE, rng)
            assert light.max() == 1
            assert 0.1 - 1e-9 <= light.min() <= 0.95 + 1e-9
            dark = np.flatnonzero(light < 1)
            assert np.ptp(dark) == len(dark) - 1  # in one piece
            assert 0.03 * RATE - 2 <= len(dark) <= 0.5 * RATE + 2

    def test_a_flare_rises_at_once_and_decays_exponentially(self, rng):
        """But for a second one behind it, every third time, unless the image has ended before."""
        simple = 0
        for _ in range(60):
            light = light_curve(FLARE, rng)
            top = int(light.argmax())
            assert light[0] == pytest.approx(1, abs=1e-3)
            assert 1.08 < light.max() < 1 + 3 * 1.5
            assert top - HALF_SMEAR >= 0.05 * TIMES
            before, slope = light[:top] - 1, np.diff(np.log(light[top + 1 : top + 16] - 1))
            if (np.diff(light[top:]) <= 0).all() and (np.diff(light[: top + 1]) >= 0).all():
                simple += 1
                np.testing.assert_allclose(slope, slope[0], rtol=1e-6)
                assert 0.015 <= -1 / (RATE * slope[0]) <= 0.25
                assert np.sum(before > 0.01 * light.max()) < 0.4 * 0.25 * RATE  # three sigmas of the slowest rise
        assert 35 <= simple <= 50

    def test_cosmic_rays_bring_the_charge_that_is_said(self):
        """Twelve of 300 to 8,000 electrons, even in the logarithm; a little is lost at the edges."""
        charges = [readout.cosmic_rays(np.random.default_rng(i)).sum() for i in range(60)]
        mean = 12 * (8000 - 300) / np.log(8000 / 300)
        assert 0.8 * mean < np.mean(charges) < 1.1 * mean

    def test_refusals(self):
        with refused("num_images must be a whole number of at least 1. Received: num_images=0."):
            simulate_streaks(0)


class TestExtraction:
    def test_streaks_are_found_to_a_tenth_of_a_pixel(self):
        for number in range(4):
            image = simulate_readout(np.random.default_rng(number))
            found = find_streaks(image.pixels)
            np.testing.assert_allclose(found, image.columns, atol=0.15)

    def test_no_streak_is_in_the_sky_alone(self, rng):
        sky = rng.poisson(SKY, (TIMES, COLUMNS)) + rng.normal(0, READOUT, (TIMES, COLUMNS))
        assert len(find_streaks(sky)) == 0
        sky[200, 90:100] += 5000  # a cosmic ray
        assert len(find_streaks(sky)) == 0

    def test_without_noise_the_light_comes_back(self, rng):
        columns, light = np.array([30.4, 90.0, 150.5]), rng.uniform(100, 1000, (TIMES, 3))
        found = extract(SKY + star_light(light, columns), columns)
        np.testing.assert_allclose(found, light.T, rtol=2e-3)

    @pytest.mark.parametrize("flux", [60.0, 600.0])
    def test_its_noise_is_what_signal_to_noise_says(self, flux, rng):
        found = extract(observed(np.full((TIMES, 4), flux), [30.2, 70.0, 110.4, 150.7], rng), [30.2, 70, 110.4, 150.7])
        assert found.mean() == pytest.approx(flux, rel=0.02)
        assert found.std() == pytest.approx(flux / signal_to_noise(flux), rel=0.06)

    def test_signal_to_noise_of_a_bright_star_is_that_of_its_photons(self):
        assert signal_to_noise(1e8) == pytest.approx(1e4, rel=2e-3)

    @pytest.mark.parametrize("away", [-2, -1, 0, 1])
    def test_a_cosmic_ray_is_left_out_and_a_flare_is_not(self, away, rng):
        light = np.full((TIMES, 1), 300.0)
        light[200:220] *= 4
        pixels = observed(light, [50.2], rng)
        before = extract(pixels, [50.2])[0]
        pixels[100, 50 + away] += 3000
        after = extract(pixels, [50.2])[0]
        noise = 300 / signal_to_noise(300)
        assert abs(after[100] - 300) < 5 * noise
        np.testing.assert_array_equal(np.delete(after, 100), np.delete(before, 100))
        assert after[200:220].mean() == pytest.approx(1200, rel=0.03)

    def test_noise_is_the_unit_of_curves_and_strips(self, rng):
        columns = np.array([40.0, 100.3])
        pixels = observed(np.full((TIMES, 2), 200.0), columns, rng)
        curves, strips = in_sigmas(extract(pixels, columns)), strip_in_sigmas(cut_strips(pixels, columns))
        np.testing.assert_allclose(curves.std(axis=1), 1, atol=0.1)
        np.testing.assert_allclose(strips.std(axis=1), 1, atol=0.12)
        np.testing.assert_allclose(np.median(curves, axis=1), 0, atol=1e-4)

    def test_a_strip_is_cut_around_its_streak(self, rng):
        pixels = rng.normal(size=(5, 40))
        inside, edge = cut_strips(pixels, np.array([20.4, 1.0]))
        np.testing.assert_array_equal(inside, pixels[:, 16:25])
        np.testing.assert_array_equal(edge[:, 3:], pixels[:, :6])
        assert not edge[:, :3].any()

    def test_what_is_known_of_each_streak_is_the_star_s(self):
        image, streaks = simulate_readout(np.random.default_rng([3, 0])), simulate_streaks(1, seed=3)
        np.testing.assert_array_equal(streaks.classes, image.classes)
        np.testing.assert_array_equal(streaks.snr, signal_to_noise(image.fluxes))
        near = np.abs(np.arange(COLUMNS) - np.round(image.columns)[:, None]) <= 4
        assert streaks.hit.tolist() == [(image.rays[:, each] > 25).any() for each in near]
        some = streaks.take([4, 1])
        assert len(some) == 2
        np.testing.assert_array_equal(some.strips, streaks.strips[[4, 1]])


PLAIN = Periodogram(pulsing=5.0, eclipsed=5.0, flaring=5.0)


class TestPeriodogram:
    @pytest.mark.parametrize("frequency", [5.0, 11.3, 38.7])
    def test_a_sine_s_frequency_and_power_are_found(self, frequency):
        curve = 3 * np.sin(2 * np.pi * frequency * np.arange(TIMES) / RATE + 0.4)
        frequencies, power = power_spectrum(curve[None])
        assert frequencies[power[0].argmax()] == pytest.approx(frequency, abs=0.5 * RATE / TIMES)
        assert 0.8 < power.max() / (9 * TIMES / 4) < 1.05  # a fifth is lost where it lies between two

    def test_noise_has_a_power_of_one(self, rng):
        assert power_spectrum(rng.normal(size=(50, TIMES)))[1].mean() == pytest.approx(1, rel=0.02)

    def test_a_peak_is_measured_in_standard_deviations(self, rng):
        """Noise alone: the largest of some 100 to 200 exponential powers, which ln says."""
        noise = rng.normal(size=(200, TIMES))
        assert np.median(pulsing(noise, 20, 3.0) ** 2 / 2) == pytest.approx(np.log(150), abs=1)
        sine = noise + 0.5 * np.sin(2 * np.pi * 20 * np.arange(TIMES) / RATE)
        assert 0.6 * 0.25 * TIMES / 4 < np.median(pulsing(sine, 20, 3.0) ** 2 / 2) < 0.25 * TIMES / 4

    def test_slow_changes_raise_the_level_not_the_peak(self):
        rng = np.random.default_rng(0)
        walk = np.cumsum(rng.normal(size=(50, TIMES)), axis=1)
        frequencies, power = power_spectrum(walk)
        highest = np.sqrt(2 * power[:, frequencies >= 3].max(axis=1))
        assert np.median(pulsing(walk, 20, 3.0)) < 0.5 * np.median(highest)

    def test_moving_means_by_hand(self):
        assert moving_mean(np.array([[1.0, 2, 6, 3]]), 2).tolist() == [[1.5, 4, 4.5]]

    def test_a_box_counts_with_the_root_of_its_length(self):
        curve = np.zeros((1, TIMES))
        curve[0, 100:132] = 2
        dip, rise = events(curve, 1, 1)
        assert (dip.tolist(), rise.tolist()) == ([0], [2 * np.sqrt(32)])
        dip, rise = events(-curve, 1, 1)
        assert (dip.tolist(), rise.tolist()) == ([2 * np.sqrt(32)], [0])

    def test_a_spike_is_no_event(self):
        curve = np.zeros((1, TIMES))
        curve[0, 300] = 50
        assert events(curve, 1, 1)[1].tolist() == [50]
        assert events(curve, 3, 1)[1].tolist() == [0]

    def test_noise_with_a_memory_is_no_event(self):
        """One that moves over 16 rows has means as large as rare events' would be, if it were white."""
        rng = np.random.default_rng(0)
        red = 4 * moving_mean(rng.normal(size=(50, TIMES + 15)), 16)  # of variance 1
        assert np.median(events(red, 1, 1)[1]) < 6 < np.median(4 * moving_mean(red, 16).max(axis=1))

    def test_it_knows_plain_shapes(self, rng):
        curves = np.concatenate([shapes(rng) for _ in range(5)])
        assert PLAIN.classify(curves).tolist() == [0, 1, 2, 3] * 5

    def test_tuning_is_right_at_least_as_often_as_other_settings(self, rng):
        curves = np.concatenate([shapes(rng, height) for height in np.geomspace(0.5, 5, 40)])
        streaks = Streaks(curves, curves[..., None], np.tile(np.arange(4), 40), np.ones(160), np.zeros(160, bool))
        tuned = tune_periodogram(streaks)
        right = [np.mean(each.classify(curves) == streaks.classes) for each in (tuned, PLAIN)]
        assert right[0] >= right[1] > 0.7
