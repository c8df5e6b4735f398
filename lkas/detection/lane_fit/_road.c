/* A solved road: the course of its lines, and their cubics at the camera. */
#include "_road.h"

void shape_road(const FitProblem *p, const double *state, const double *x, int points, double *y, double *stretch) {
    const double *shared = state + p->lines, b = shared[HEADING];
    Turn turn;
    turn_of(p, shared, &turn);
    for (int i = 0; i < points; i++) {
        const Shape s = shape_at(p, shared, &turn, x[i]);
        y[i] = s.y;
        stretch[i] = 1 + (s.slope * s.slope - b * b) / 2 + fan(p, shared, x[i]);
    }
}

void cubic_of(const FitProblem *p, const double *state, const double *covariance, int line, double *coefficients,
              double *cubic_covariance) {
    const int states = p->lines + RATES + p->segments, shared = p->lines;
    const double a = state[line], b = state[shared + HEADING], k = state[shared + CURVATURE];
    const double delta = state[shared + PITCH], sag = state[shared + SAG], rate = state[shared + RATES];
    double second = k, third = rate; /* derivatives of the slope */
    if (p->segments > 1) {          /* the tangent of the road's direction turns faster than its sine */
        second += 1.5 * b * b * k;
        third += 1.5 * b * b * rate + 3 * b * k * k;
    }
    const double by_place[4] = {1, b * second + delta / p->height, second * second + b * third + sag / p->height,
                                3 * second * third};
    const double straight[4] = {0, b, second, third};
    double by[4][MAX_STATES] = {{0}};
    for (int i = 0; i < 4; i++) {
        coefficients[i] = straight[i] + a * by_place[i];
        by[i][line] = by_place[i];
    }
    by[1][shared + HEADING] = 1 + a * k;
    by[1][shared + CURVATURE] = a * b;
    by[1][shared + PITCH] = a / p->height;
    by[2][shared + HEADING] = a * rate;
    by[2][shared + CURVATURE] = 1 + 2 * a * k;
    by[2][shared + SAG] = a / p->height;
    by[2][shared + RATES] = a * b;
    by[3][shared + CURVATURE] = 3 * a * rate;
    by[3][shared + RATES] = 1 + 3 * a * k;
    for (int i = 0; i < 4; i++) {
        double row[MAX_STATES] = {0};
        for (int n = 0; n < states; n++)
            for (int m = 0; m < states; m++) row[n] += by[i][m] * covariance[m * states + n];
        for (int j = 0; j < 4; j++) {
            cubic_covariance[4 * i + j] = 0;
            for (int n = 0; n < states; n++) cubic_covariance[4 * i + j] += row[n] * by[j][n];
        }
    }
}

double trace_line(const FitProblem *p, const double *state, int line, const double *coefficients, double max_error,
                  const double *x, int rows, double *lateral) {
    const double *c = coefficients;
    double valid_to = INFINITY;
    Turn turn;
    turn_of(p, state + p->lines, &turn);
    for (int i = 0; i < rows; i++) {
        const Shape s = shape_at(p, state + p->lines, &turn, x[i]);
        lateral[i] = beside(p, state + p->lines, &s, state[line], x[i]);
        const double cubic = c[0] + x[i] * (c[1] + x[i] * (c[2] / 2 + x[i] * c[3] / 6));
        if (fabs(cubic - lateral[i]) > max_error) valid_to = x[i + 1 < rows ? i + 1 : i];
    }
    return valid_to;
}
