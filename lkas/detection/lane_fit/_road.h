/* The road model of problem.py, and its derivatives. */
#ifndef LKAS_DETECTION_ROAD_H
#define LKAS_DETECTION_ROAD_H

#include <math.h>
#include <string.h>

#include "_kernels.h"

/* Order of the shared states, which follow the lateral positions of the lines. */
enum { HEADING, CURVATURE, PITCH, SAG, RATES, MAX_SHARED = RATES + MAX_SEGMENTS };

typedef struct {
    double y, slope;               /* of the road's reference curve */
    double by[MAX_SHARED];        /* derivatives of y with respect to the shared states */
    double slope_by[MAX_SHARED];  /* and of the slope */
} Shape;

#define SLACK 1e-6 /* m: keeps the farthest row in the view despite rounding */

/* Excess of a curve's slope over the integral of its curvature, and the integral of that excess, at even steps of x. */
enum { TURNS = 24 };
typedef struct {
    double step;
    double place[TURNS + 1], slope[TURNS + 1];
} Turn;

/* The polynomial part of the curve, piecewise between the starts of the segments. */
static inline Shape polynomial_at(const FitProblem *p, const double *shared, double x) {
    const double x2 = x * x / 2;
    Shape s = {.y = shared[HEADING] * x + shared[CURVATURE] * x2, .slope = shared[HEADING] + shared[CURVATURE] * x};
    s.by[HEADING] = x;
    s.by[CURVATURE] = x2;
    s.by[PITCH] = s.by[SAG] = 0;
    s.slope_by[HEADING] = 1;
    s.slope_by[CURVATURE] = x;
    s.slope_by[PITCH] = s.slope_by[SAG] = 0;
    double second = x2, third = x2 * x / 3;
    for (int j = 0; j < p->segments; j++) {
        double next_second = 0, next_third = 0;
        if (j + 1 < p->segments && x > p->from[j + 1]) {
            const double beyond = x - p->from[j + 1];
            next_second = beyond * beyond / 2;
            next_third = next_second * beyond / 3;
        }
        s.by[RATES + j] = third - next_third;
        s.slope_by[RATES + j] = second - next_second;
        s.y += shared[RATES + j] * s.by[RATES + j];
        s.slope += shared[RATES + j] * s.slope_by[RATES + j];
        second = next_second;
        third = next_third;
    }
    if (p->segments == 1) { /* the circle's next term; with more segments turn_of does all of it */
        const double k = shared[CURVATURE], cube = x * x * x;
        s.y += k * k * k * cube * x / 8;
        s.slope += k * k * k * cube / 2;
        s.by[CURVATURE] += 3 * k * k * cube * x / 8;
        s.slope_by[CURVATURE] += 3 * k * k * cube / 2;
    }
    return s;
}

static inline void turn_of(const FitProblem *p, const double *shared, Turn *turn) {
    const double b = shared[HEADING];
    turn->step = p->far / TURNS;
    turn->place[0] = turn->slope[0] = 0;
    if (p->segments == 1) {
        memset(turn->place, 0, sizeof turn->place);
        memset(turn->slope, 0, sizeof turn->slope);
        return;
    }
    for (int i = 1; i <= TURNS; i++) {
        double u = polynomial_at(p, shared, i * turn->step).slope;
        if (fabs(u) > p->max_slope) u = u > 0 ? p->max_slope : -p->max_slope;
        turn->slope[i] = (u * u * u - b * b * b) / 2;
        turn->place[i] = turn->place[i - 1] + turn->step * (turn->slope[i - 1] + turn->slope[i]) / 2;
    }
}

static inline Shape shape_at(const FitProblem *p, const double *shared, const Turn *turn, double x) {
    Shape s = polynomial_at(p, shared, x);
    const double at = x / turn->step;
    const int i = at < 0 ? 0 : at < TURNS - 1 ? (int)at : TURNS - 1;
    const double share = at - i;
    s.y += turn->place[i] + share * (turn->place[i + 1] - turn->place[i]);
    s.slope += turn->slope[i] + share * (turn->slope[i + 1] - turn->slope[i]);
    return s;
}

/* Relative fan-out of lateral positions where the road is above the assumed ground plane. */
static inline double fan(const FitProblem *p, const double *shared, double x) {
    return (shared[PITCH] + shared[SAG] * x / 2) * x / p->height;
}

/* y of a line at lateral position `place`: constant distance along the normal, plus the fan-out. */
static inline double beside(const FitProblem *p, const double *shared, const Shape *s, double place, double x) {
    const double b = shared[HEADING];
    return place + s->y + place * ((s->slope * s->slope - b * b) / 2 + fan(p, shared, x));
}

static inline void derivatives(const FitProblem *p, const double *shared, const Shape *s, int line, double place, double x,
                        double *by_state) {
    const double b = shared[HEADING];
    for (int l = 0; l < p->lines; l++) by_state[l] = 0;
    by_state[line] = 1 + (s->slope * s->slope - b * b) / 2 + fan(p, shared, x);
    double *shared_by = by_state + p->lines;
    for (int j = 0; j < RATES + p->segments; j++) shared_by[j] = s->by[j] + place * s->slope * s->slope_by[j];
    shared_by[HEADING] -= place * b;
    shared_by[PITCH] = place * x / p->height;
    shared_by[SAG] = shared_by[PITCH] * x / 2;
}

#endif
