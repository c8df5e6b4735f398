/* Robust Gauss-Newton for the road model of road_fit.py. */
#include <math.h>
#include <string.h>

#include "_kernels.h"

/* Where the shared states stand after the places. */
enum { HEADING, CURVATURE, RATE, PITCH, KNOTS };

typedef struct {
    double y, slope;        /* of the road's shape at lateral position 0 */
    double by[KNOTS + MOST_KNOTS];       /* derivatives of y by the shared states */
    double slope_by[KNOTS + MOST_KNOTS]; /* and of the slope */
} Shape;

static Shape shape_at(const FitProblem *p, const double *shared, double x) {
    const double b = shared[HEADING], k = shared[CURVATURE], d = shared[RATE];
    const double x2 = x * x / 2, x3 = x2 * x / 3, cube = x * x * x;
    Shape s;
    s.y = b * x + k * x2 + d * x3 + k * k * k * cube * x / 8;
    s.slope = b + k * x + d * x2 + k * k * k * cube / 2;
    s.by[HEADING] = x;
    s.by[CURVATURE] = x2 + 3 * k * k * cube * x / 8;
    s.by[RATE] = x3;
    s.by[PITCH] = 0;
    s.slope_by[HEADING] = 1;
    s.slope_by[CURVATURE] = x + 3 * k * k * cube / 2;
    s.slope_by[RATE] = x2;
    s.slope_by[PITCH] = 0;
    for (int j = 0; j < p->knots; j++) {
        const double beyond = x > p->knot_x[j] ? x - p->knot_x[j] : 0;
        const double second = beyond * beyond / 2, third = second * beyond / 3;
        s.y += shared[KNOTS + j] * third;
        s.slope += shared[KNOTS + j] * second;
        s.by[KNOTS + j] = third;
        s.slope_by[KNOTS + j] = second;
    }
    return s;
}

/* A line beside the road's shape keeps its distance along the normal, and fans out with a pitch error. */
static double beside(const FitProblem *p, const double *shared, const Shape *s, double place, double x) {
    const double b = shared[HEADING];
    return place + s->y + place * ((s->slope * s->slope - b * b) / 2 + shared[PITCH] * x / p->height);
}

static void derivatives(const FitProblem *p, const double *shared, const Shape *s, int line, double place, double x,
                        double *by_state) {
    const double b = shared[HEADING];
    for (int l = 0; l < p->lines; l++) by_state[l] = 0;
    by_state[line] = 1 + (s->slope * s->slope - b * b) / 2 + shared[PITCH] * x / p->height;
    double *shared_by = by_state + p->lines;
    for (int j = 0; j < KNOTS + p->knots; j++) shared_by[j] = s->by[j] + place * s->slope * s->slope_by[j];
    shared_by[HEADING] -= place * b;
    shared_by[PITCH] = place * x / p->height;
}

double line_at(const FitProblem *p, const double *state, int line, double x, double *slope) {
    const double *shared = state + p->lines;
    const Shape s = shape_at(p, shared, x);
    *slope = s.slope;
    return beside(p, shared, &s, state[line], x);
}

/* The nearest line of a point and the distance to it in metres; -1 where it belongs to none. */
static int owner_of(const FitProblem *p, const double *state, const FitStep *step, int i, Shape *s, double *off) {
    if (p->x[i] > step->reach) return -1;
    *s = shape_at(p, state + p->lines, p->x[i]);
    if (!(fabs(s->slope) < p->most_slope)) return -1;
    int owner = -1;
    double nearest = step->gate;
    for (int l = 0; l < p->lines; l++) {
        const double distance = p->y[i] - beside(p, state + p->lines, s, state[l], p->x[i]);
        if (fabs(distance) < nearest) {
            nearest = fabs(distance);
            *off = distance;
            owner = l;
        }
    }
    return owner;
}

/* How fast curvature may change: roads wind the faster the sharper their bends are. */
static double rate_spread(const FitProblem *p, const double *shared, double reach) {
    double sharpest = fabs(shared[CURVATURE]), curvature = shared[CURVATURE], rate = shared[RATE], from = 0;
    for (int j = 0; j <= p->knots; j++) {
        const double to = j < p->knots && p->knot_x[j] < reach ? p->knot_x[j] : reach;
        curvature += rate * (to - from);
        if (fabs(curvature) > sharpest) sharpest = fabs(curvature);
        if (to >= reach) break;
        rate += shared[KNOTS + j];
        from = to;
    }
    if (sharpest > p->bound) sharpest = p->bound;
    return p->rate_per_square * sharpest * sharpest;
}

/* Diagonal of the prior's information; the places have no expected value, only finite ones. */
static void prior_of(const FitProblem *p, const double *shared, double reach, double *prior) {
    const double spread = rate_spread(p, shared, reach);
    double *of = prior + p->lines;
    for (int l = 0; l < p->lines; l++) prior[l] = 1e-6;
    of[HEADING] = 1 / (p->sigma_heading * p->sigma_heading);
    of[CURVATURE] = 1 / (p->sigma_curvature * p->sigma_curvature);
    of[RATE] = 1 / (p->sigma_rate * p->sigma_rate + spread * spread);
    of[PITCH] = 1 / (p->sigma_pitch * p->sigma_pitch);
    for (int j = 0; j < p->knots; j++) of[KNOTS + j] = 1 / (1e-14 + spread * spread);
}

static void add_point(double *information, const double *by_state, double weight, int states) {
    for (int i = 0; i < states; i++) {
        const double weighted = weight * by_state[i];
        if (weighted == 0) continue;
        for (int j = 0; j <= i; j++) information[i * states + j] += weighted * by_state[j];
    }
}

/* Solve A z = b by Cholesky, A's lower half given and destroyed; -1 when it is not positive definite. */
static int solve(double *a, double *b, int n) {
    for (int j = 0; j < n; j++) {
        for (int i = j; i < n; i++) {
            double sum = a[i * n + j];
            for (int k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
            if (i > j) {
                a[i * n + j] = sum / a[j * n + j];
            } else {
                if (!(sum > 0)) return -1;
                a[i * n + i] = sqrt(sum);
            }
        }
    }
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < i; k++) b[i] -= a[i * n + k] * b[k];
        b[i] /= a[i * n + i];
    }
    for (int i = n - 1; i >= 0; i--) {
        for (int k = i + 1; k < n; k++) b[i] -= a[k * n + i] * b[k];
        b[i] /= a[i * n + i];
    }
    return 0;
}

int fit_road(const FitProblem *p, const FitStep *steps, int count, double *state) {
    const int states = p->lines + KNOTS + p->knots;
    double information[MOST_STATES * MOST_STATES], change[MOST_STATES], by_state[MOST_STATES], prior[MOST_STATES];
    for (int n = 0; n < count; n++) {
        const FitStep *step = &steps[n];
        int used = 0;
        memset(information, 0, sizeof information);
        prior_of(p, state + p->lines, step->reach, prior);
        for (int i = 0; i < states; i++) {
            information[i * states + i] = prior[i] / p->correlated;
            change[i] = i < p->lines ? 0 : -prior[i] / p->correlated * state[i];
        }
        for (int i = 0; i < p->points; i++) {
            Shape s;
            double off = 0;
            const int line = owner_of(p, state, step, i, &s, &off);
            if (line < 0) continue;
            const double residual = off / p->sigma[i], share = residual / step->scale, square = share * share;
            if (square > 9) continue;
            const double weight = p->weight[i] / ((1 + square) * (1 + square)) / (p->sigma[i] * p->sigma[i]);
            derivatives(p, state + p->lines, &s, line, state[line], p->x[i], by_state);
            add_point(information, by_state, weight, states);
            for (int j = 0; j < states; j++) change[j] += weight * off * by_state[j];
            used++;
        }
        if (used < p->least_points) {
            if (n + 1 < count && steps[n + 1].reach > step->reach) continue; /* the first dash may lie farther */
            return -1;
        }
        if (solve(information, change, states) < 0) return -1;
        for (int j = 0; j < states; j++) {
            state[j] += change[j];
            if (!isfinite(state[j])) return -1;
        }
        if (fabs(state[p->lines + CURVATURE]) > p->bound) return -1;
    }
    return 0;
}

void judge_fit(const FitProblem *p, const FitStep *step, const double *state, double inlier, double least_scatter,
               int8_t *owner, double *residual, double *information) {
    const int states = p->lines + KNOTS + p->knots;
    double by_state[MOST_STATES], prior[MOST_STATES], squares = 0;
    int inliers = 0;
    memset(information, 0, (size_t)(states * states) * sizeof *information);
    for (int i = 0; i < p->points; i++) {
        Shape s;
        double off = 0;
        const int line = owner_of(p, state, step, i, &s, &off);
        residual[i] = off / p->sigma[i];
        owner[i] = (int8_t)line;
        if (line < 0 || !(fabs(residual[i]) < inlier)) continue;
        derivatives(p, state + p->lines, &s, line, state[line], p->x[i], by_state);
        add_point(information, by_state, 1 / (p->sigma[i] * p->sigma[i]), states);
        squares += residual[i] * residual[i];
        inliers++;
    }
    double scatter = inliers ? squares / inliers : 1;
    if (scatter < least_scatter) scatter = least_scatter;
    prior_of(p, state + p->lines, step->reach, prior);
    for (int i = 0; i < states; i++) {
        for (int j = 0; j <= i; j++) {
            double value = information[i * states + j] / (scatter * p->correlated);
            if (i == j) value += prior[i];
            information[i * states + j] = information[j * states + i] = value;
        }
    }
}
