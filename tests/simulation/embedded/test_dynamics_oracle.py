"""The vehicle model compared with commonroad-vehicle-models (M. Althoff and others, TU Munich).

Its single-track model has linear tyres with stiffness proportional to the load; with the same parameters both models
agree at small slip, and with its kinematic model at walking pace. Its tyre model is Pacejka's.
"""

import math

import numpy as np
import pytest
from vehiclemodels.parameters_vehicle2 import parameters_vehicle2
from vehiclemodels.utils.tire_model import formula_lateral
from vehiclemodels.utils.vehicle_dynamics_ks_cog import vehicle_dynamics_ks_cog
from vehiclemodels.vehicle_dynamics_st import vehicle_dynamics_st

from simulation.embedded.dynamics import CALM, GRAVITY_MPS2, CarParameters, SingleTrack, integrate

THEIRS = parameters_vehicle2()  # a BMW 320i
STEP_S = 0.005


def same_car(**changes) -> CarParameters:
    wheelbase_m, friction = THEIRS.a + THEIRS.b, THEIRS.tire.p_dy1
    per_load = -THEIRS.tire.p_ky1  # cornering stiffness over load
    weight_n = THEIRS.m * GRAVITY_MPS2
    parameters = {
        "mass_kg": THEIRS.m,
        "yaw_inertia_kgm2": THEIRS.I_z,
        "cg_to_front_m": THEIRS.a,
        "cg_to_rear_m": THEIRS.b,
        "cg_height_m": THEIRS.h_s,
        "friction": friction,
        "front_cornering_n_per_rad": per_load * weight_n * THEIRS.b / wheelbase_m,
        "rear_cornering_n_per_rad": per_load * weight_n * THEIRS.a / wheelbase_m,
        "stiffness_load_exponent": 1.0,
        "rolling_mps2": 0.0,
        "drag_per_m": 0.0,
    }
    return CarParameters(**{**parameters, **changes})


OURS = SingleTrack(same_car())


def test_derivatives_agree_while_slip_is_small():
    chance = np.random.default_rng(4)
    for _ in range(300):
        speed, pedal = chance.uniform(5.0, 40.0), chance.uniform(-2.0, 2.0)
        steer, slip = chance.uniform(-0.005, 0.005), chance.uniform(-0.003, 0.003)
        yaw_rate = chance.uniform(-0.15, 0.15) / speed
        ours = OURS.rates((0.0, 0.0, 0.3, speed, speed * slip, yaw_rate), steer, pedal, CALM)
        theirs = vehicle_dynamics_st([0.0, 0.0, steer, speed, 0.3, yaw_rate, slip], [0.0, pedal], THEIRS)
        assert ours[0] == pytest.approx(theirs[0], abs=1e-3)
        assert ours[1] == pytest.approx(theirs[1], abs=1e-3)
        assert ours[3] == pytest.approx(pedal, abs=0.05)  # the reference ignores the drag of the front wheels
        assert ours[4] / speed == pytest.approx(theirs[6], abs=0.02 * abs(theirs[6]) + 2e-3)
        assert ours[5] == pytest.approx(theirs[5], abs=0.02 * abs(theirs[5]) + 2e-2)


@pytest.mark.parametrize("speed_mps", [8.0, 15.0, 25.0, 36.0])
def test_a_slalom_ends_at_the_same_position(speed_mps):
    largest_rad = 1.5 / speed_mps**2 * 2.4  # about 1.5 m/s² to either side

    def steer_rad(t):
        return largest_rad * math.sin(2 * math.pi * 0.4 * t)

    ours = (0.0, 0.0, 0.0, speed_mps, 0.0, 0.0)
    theirs = np.array([0.0, 0.0, 0.0, speed_mps, 0.0, 0.0, 0.0])
    for step in range(round(6.0 / STEP_S)):
        t = step * STEP_S
        ours = integrate(OURS, ours, steer_rad(t + STEP_S / 2), 0.0, CALM, STEP_S)
        turning_radps = (steer_rad(t + STEP_S) - steer_rad(t)) / STEP_S
        k1 = np.array(vehicle_dynamics_st(list(theirs), [turning_radps, 0.0], THEIRS))
        k2 = np.array(vehicle_dynamics_st(list(theirs + STEP_S * k1), [turning_radps, 0.0], THEIRS))
        theirs = theirs + STEP_S / 2 * (k1 + k2)
    distance_m = 6.0 * speed_mps
    assert abs(theirs[1]) > 1.0
    assert ours[0] == pytest.approx(theirs[0], abs=0.005 * distance_m)  # the reference loses no speed in bends
    assert ours[1] == pytest.approx(theirs[1], abs=0.005 * distance_m)
    assert ours[2] == pytest.approx(theirs[4], abs=0.01)


@pytest.mark.parametrize("steer_rad", [-0.5, -0.2, 0.05, 0.4])
def test_at_walking_pace_it_equals_the_kinematic_model(steer_rad):
    motion = (0.0, 0.0, 0.0, 1.5, 0.0, 0.0)
    for _ in range(200):
        motion = integrate(OURS, motion, steer_rad, 0.0, CALM, STEP_S)
    slip = math.atan2(motion[4], motion[3])
    theirs = vehicle_dynamics_ks_cog([0.0, 0.0, steer_rad, math.hypot(motion[3], motion[4]), 0.0], [0.0, 0.0], THEIRS)
    assert motion[5] == pytest.approx(theirs[4], rel=0.02)
    assert slip == pytest.approx(math.atan2(theirs[1], theirs[0]), rel=0.02)


def test_the_tyre_saturates_as_pacejkas_does():
    """One axle held at a slip angle: the front one, with the rear one going straight."""
    load_n = THEIRS.m * GRAVITY_MPS2 * THEIRS.b / (THEIRS.a + THEIRS.b)
    for slip_rad in np.radians([0.5, 1, 2, 3, 5, 8, 12]):
        rates = OURS.rates((0.0, 0.0, 0.0, 20.0, 0.0, 0.0), float(slip_rad), 0.0, CALM)
        force_n = rates[5] * THEIRS.I_z / THEIRS.a / math.cos(slip_rad)
        pacejka_n, _ = formula_lateral(-float(slip_rad), 0.0, load_n, THEIRS.tire)
        assert force_n == pytest.approx(abs(pacejka_n), rel=0.2)
        assert force_n <= THEIRS.tire.p_dy1 * load_n
