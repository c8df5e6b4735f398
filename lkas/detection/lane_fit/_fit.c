/* Robust Gauss-Newton for the road model of problem.py. */
#include "_road.h"

/* The nearest line of a point and its distance in metres; -1 if no line is within the gate. */
static int owner_of(const FitProblem *p, const double *state, const Turn *turn, double reach, double gate, int i,
                    Shape *s, double *off) {
    if (p->x[i] > reach) return -1;
    *s = shape_at(p, state + p->lines, turn, p->x[i]);
    if (!(fabs(s->slope) < p->max_slope)) return -1;
    int owner = -1;
    double nearest = gate;
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

/* The usual curvature rate: the sharper a bend, the faster its curvature changes. */
static double usual_rate(const FitProblem *p, const double *shared, double reach) {
    double curvature = shared[CURVATURE], sharpest = fabs(curvature);
    for (int j = 0; j < p->segments && p->from[j] < reach; j++) {
        const double to = j + 1 < p->segments && p->from[j + 1] < reach ? p->from[j + 1] : reach;
        curvature += shared[RATES + j] * (to - p->from[j]);
        if (fabs(curvature) > sharpest) sharpest = fabs(curvature);
    }
    if (sharpest > p->max_curvature) sharpest = p->max_curvature;
    return p->sigma_rate + p->rate_per_square * sharpest * sharpest;
}

/* Diagonal of the prior's information. Lateral positions have a nearly flat prior. Rates are Cauchy distributed: most
   segments are a circle or a straight, and where curvature changes it may change fast. */
static void prior_of(const FitProblem *p, const double *shared, double reach, double rate_factor, double *prior) {
    const double usual = rate_factor * usual_rate(p, shared, reach);
    double *of = prior + p->lines;
    for (int l = 0; l < p->lines; l++) prior[l] = 1e-6;
    of[HEADING] = 1 / (p->sigma_heading * p->sigma_heading);
    of[CURVATURE] = 1 / (p->sigma_curvature * p->sigma_curvature);
    of[PITCH] = 1 / (p->sigma_pitch * p->sigma_pitch);
    of[SAG] = 1 / (p->sigma_sag * p->sigma_sag);
    for (int j = 0; j < p->segments; j++) {
        const double rate = shared[RATES + j];
        of[RATES + j] = p->segments == 1 ? 1 / (usual * usual) : 2 / (usual * usual + rate * rate);
    }
}

static void add_point(double *information, const double *by_state, double weight, int states) {
    for (int i = 0; i < states; i++) {
        const double weighted = weight * by_state[i];
        if (weighted == 0) continue;
        for (int j = 0; j <= i; j++) information[i * states + j] += weighted * by_state[j];
    }
}

/* Replace the lower half of A by its Cholesky factor; -1 if A is not positive definite. */
static int factor(double *a, int n) {
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
    return 0;
}

/* Replace b by the solution of A z = b, given the factor of A. */
static void substitute(const double *a, double *b, int n) {
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < i; k++) b[i] -= a[i * n + k] * b[k];
        b[i] /= a[i * n + i];
    }
    for (int i = n - 1; i >= 0; i--) {
        for (int k = i + 1; k < n; k++) b[i] -= a[k * n + i] * b[k];
        b[i] /= a[i * n + i];
    }
}

/* The points' scatter relative to the expected variance, with a lower bound. */
static double bounded(double squares, double weights, double min) {
    const double scatter = weights > 0 ? squares / weights : 1;
    return scatter < min ? min : scatter;
}

int fit_road(const FitProblem *p, const FitStep *steps, int count, double *state) {
    const int states = p->lines + RATES + p->segments;
    double information[MAX_STATES * MAX_STATES], change[MAX_STATES], by_state[MAX_STATES], prior[MAX_STATES];
    double scatter = p->max_solved_scatter;
    Turn turn;
    for (int n = 0; n < count; n++) {
        const FitStep *step = &steps[n];
        const double reach = step->share * p->far + SLACK;
        int used = 0;
        double squares = 0, weights = 0;
        memset(information, 0, sizeof information);
        prior_of(p, state + p->lines, reach, step->rate_factor, prior);
        turn_of(p, state + p->lines, &turn);
        for (int i = 0; i < states; i++) {
            information[i * states + i] = prior[i] * p->correlated * scatter;
            change[i] = i < p->lines ? 0 : -information[i * states + i] * state[i];
        }
        const int curvature = p->lines + CURVATURE;
        change[curvature] += information[curvature * states + curvature] * p->curvature;
        for (int i = 0; i < p->points; i++) {
            Shape s;
            double off = 0;
            const int line = owner_of(p, state, &turn, reach, step->gate, i, &s, &off);
            if (line < 0) continue;
            const double residual = off / p->sigma[i], share = residual / step->scale, square = share * share;
            if (square > 9) continue;
            const double weight = p->weight[i] / ((1 + square) * (1 + square)) / (p->sigma[i] * p->sigma[i]);
            derivatives(p, state + p->lines, &s, line, state[line], p->x[i], by_state);
            add_point(information, by_state, weight, states);
            for (int j = 0; j < states; j++) change[j] += weight * off * by_state[j];
            used++;
            if (fabs(residual) < p->inlier) {
                squares += p->weight[i] * residual * residual;
                weights += p->weight[i];
            }
        }
        if (used < p->min_points) {
            if (n + 1 < count && steps[n + 1].share > step->share) continue; /* the first dash may lie farther ahead */
            return -1;
        }
        if (factor(information, states) < 0) return -1;
        substitute(information, change, states);
        scatter = fmin(p->max_solved_scatter, bounded(squares, weights, p->min_solved_scatter));
        for (int j = 0; j < states; j++) {
            state[j] += change[j];
            if (!isfinite(state[j])) return -1;
        }
        if (fabs(state[curvature]) > p->max_curvature) return -1;
    }
    return 0;
}

int judge_fit(const FitProblem *p, double gate, const double *state, int8_t *owner, double *residual,
              double *covariance) {
    const int states = p->lines + RATES + p->segments;
    const double reach = p->far + SLACK;
    double information[MAX_STATES * MAX_STATES], by_state[MAX_STATES], prior[MAX_STATES], squares = 0;
    int inliers = 0;
    Turn turn;
    turn_of(p, state + p->lines, &turn);
    memset(information, 0, sizeof information);
    for (int i = 0; i < p->points; i++) {
        Shape s;
        double off = 0;
        const int line = owner_of(p, state, &turn, reach, gate, i, &s, &off);
        residual[i] = off / p->sigma[i];
        owner[i] = (int8_t)line;
        if (line < 0 || !(fabs(residual[i]) < p->inlier)) continue;
        derivatives(p, state + p->lines, &s, line, state[line], p->x[i], by_state);
        add_point(information, by_state, 1 / (p->sigma[i] * p->sigma[i]), states);
        squares += residual[i] * residual[i];
        inliers++;
    }
    const double variance = p->correlated * bounded(squares, inliers, p->min_scatter);
    prior_of(p, state + p->lines, reach, 1, prior);
    for (int i = 0; i < states; i++) {
        for (int j = 0; j <= i; j++) information[i * states + j] /= variance;
        information[i * states + i] += prior[i];
    }
    if (factor(information, states) < 0) return -1;
    for (int i = 0; i < states; i++) {
        double *row = covariance + i * states;
        for (int j = 0; j < states; j++) row[j] = i == j;
        substitute(information, row, states);
    }
    return 0;
}
