/* CPython glue over _kernels.h: the fit of the road, its lines and their support. */
#include "_kernels_glue.h"

static Field shape_fields[] = {
    FIELD("lines", INT, FitProblem, lines), FIELD("height_m", DOUBLE, FitProblem, height),
    FIELD("far_m", DOUBLE, FitProblem, far), FIELD("max_slope", DOUBLE, FitProblem, max_slope), END_OF_FIELDS,
};
static Field prior_fields[] = {
    FIELD("curvature_radpm", DOUBLE, FitProblem, curvature),
    FIELD("sigma_heading_rad", DOUBLE, FitProblem, sigma_heading),
    FIELD("sigma_curvature_radpm", DOUBLE, FitProblem, sigma_curvature),
    FIELD("sigma_rate_radpm2", DOUBLE, FitProblem, sigma_rate),
    FIELD("sigma_pitch_rad", DOUBLE, FitProblem, sigma_pitch),
    FIELD("sigma_sag_radpm", DOUBLE, FitProblem, sigma_sag),
    FIELD("rate_per_square", DOUBLE, FitProblem, rate_per_square),
    FIELD("correlated_rows", DOUBLE, FitProblem, correlated),
    FIELD("max_curvature_radpm", DOUBLE, FitProblem, max_curvature),
    FIELD("inlier_sigmas", DOUBLE, FitProblem, inlier),
    FIELD("min_solved_scatter", DOUBLE, FitProblem, min_solved_scatter),
    FIELD("max_solved_scatter", DOUBLE, FitProblem, max_solved_scatter),
    FIELD("min_scatter", DOUBLE, FitProblem, min_scatter),
    FIELD("min_points", INT, FitProblem, min_points),
    END_OF_FIELDS,
};
static Field range_fields[] = {
    FIELD("seen_to_m", DOUBLE, RangeLimits, seen_to),
    FIELD("extension_ratio", DOUBLE, RangeLimits, extension),
    FIELD("focal_px", DOUBLE, RangeLimits, focal_px),
    FIELD("max_sigma_px", DOUBLE, RangeLimits, max_sigma_px),
    FIELD("max_bend_px", DOUBLE, RangeLimits, max_bend_px),
    FIELD("steps", INT, RangeLimits, steps),
    END_OF_FIELDS,
};
static Field support_fields[] = {
    FIELD("near_from", INT, SupportView, near_from), FIELD("leftmost_m", DOUBLE, SupportView, leftmost),
    FIELD("step_m", DOUBLE, SupportView, step), END_OF_FIELDS,
};
static Field *const tables[] = {shape_fields, prior_fields, range_fields, support_fields, NULL};

/* The number of states, or -1 with an exception set. */
static int read_shape(Arrays *arrays, PyObject *object, FitProblem *p) {
    if (read_fields(object, shape_fields, p) < 0 ||
        !(p->from = array_field(arrays, object, "segment_from_m", FLOAT64, -1, READ_ONLY)))
        return -1;
    const Py_ssize_t segments = length_of(arrays);
    if (p->lines < 1 || p->lines > MAX_LINES || segments < 1 || segments > MAX_SEGMENTS) {
        PyErr_Format(PyExc_ValueError, "expected 1 or %d lines and 1 to %d segments, found %d and %zd", MAX_LINES,
                     MAX_SEGMENTS, p->lines, segments);
        return -1;
    }
    p->segments = (int)segments;
    return p->lines + SHARED + p->segments;
}

static int read_fit_points(Arrays *arrays, PyObject *points, FitProblem *p) {
    if (!(p->x = array_field(arrays, points, "x_m", FLOAT64, -1, READ_ONLY))) return -1;
    const Py_ssize_t count = length_of(arrays);
    p->points = (int)count;
    if (!(p->y = array_field(arrays, points, "y_m", FLOAT64, count, READ_ONLY)) ||
        !(p->sigma = array_field(arrays, points, "sigma_m", FLOAT64, count, READ_ONLY)) ||
        !(p->weight = array_field(arrays, points, "weight", FLOAT64, count, READ_ONLY)))
        return -1;
    return 0;
}

static PyObject *py_fit_road(PyObject *module, PyObject *args) {
    PyObject *points, *shape, *prior, *steps, *state;
    if (!PyArg_ParseTuple(args, "OOOOO", &points, &shape, &prior, &steps, &state)) return NULL;
    Arrays arrays = {.count = 0};
    FitProblem p;
    const FitStep *schedule;
    double *states = NULL;
    int failed = 0, n, rows, columns;
    if ((n = read_shape(&arrays, shape, &p)) > 0 && read_fields(prior, prior_fields, &p) == 0 &&
        read_fit_points(&arrays, points, &p) == 0 &&
        (schedule = array_of(&arrays, steps, "steps", FLOAT64, -1, READ_ONLY)) &&
        shape_of(&arrays, "steps", &rows, &columns) == 0) {
        if (columns * sizeof(double) != sizeof(FitStep))
            PyErr_Format(PyExc_ValueError, "steps: expected 4 columns, found %d", columns);
        else if ((states = array_of(&arrays, state, "state", FLOAT64, n, WRITABLE)))
            failed = fit_road(&p, schedule, rows, states);
    }
    release_arrays(&arrays);
    return states ? PyBool_FromLong(failed == 0) : NULL;
}

static PyObject *py_judge_fit(PyObject *module, PyObject *args) {
    PyObject *points, *shape, *prior, *state, *owner, *residual, *covariance;
    double gate;
    if (!PyArg_ParseTuple(args, "OOOdOOOO", &points, &shape, &prior, &gate, &state, &owner, &residual, &covariance))
        return NULL;
    Arrays arrays = {.count = 0};
    FitProblem p;
    const double *states;
    double *residuals, *covariances = NULL;
    int8_t *owners;
    int failed = 0, n;
    if ((n = read_shape(&arrays, shape, &p)) > 0 && read_fields(prior, prior_fields, &p) == 0 &&
        read_fit_points(&arrays, points, &p) == 0 &&
        (states = array_of(&arrays, state, "state", FLOAT64, n, READ_ONLY)) &&
        (owners = array_of(&arrays, owner, "owner", INT8, p.points, WRITABLE)) &&
        (residuals = array_of(&arrays, residual, "residual", FLOAT64, p.points, WRITABLE)) &&
        (covariances = array_of(&arrays, covariance, "covariance", FLOAT64, (Py_ssize_t)n * n, WRITABLE)))
        failed = judge_fit(&p, gate, states, owners, residuals, covariances);
    release_arrays(&arrays);
    return covariances ? PyBool_FromLong(failed == 0) : NULL;
}

static PyObject *py_shape_road(PyObject *module, PyObject *args) {
    PyObject *shape, *state, *x, *y, *stretch;
    if (!PyArg_ParseTuple(args, "OOOOO", &shape, &state, &x, &y, &stretch)) return NULL;
    Arrays arrays = {.count = 0};
    FitProblem p = {0};
    const double *states, *xs;
    double *ys, *stretches = NULL;
    int n;
    if ((n = read_shape(&arrays, shape, &p)) > 0 &&
        (states = array_of(&arrays, state, "state", FLOAT64, n, READ_ONLY)) &&
        (xs = array_of(&arrays, x, "x_m", FLOAT64, -1, READ_ONLY))) {
        const Py_ssize_t points = length_of(&arrays);
        if ((ys = array_of(&arrays, y, "y_m", FLOAT64, points, WRITABLE)) &&
            (stretches = array_of(&arrays, stretch, "stretch", FLOAT64, points, WRITABLE)))
            shape_road(&p, states, xs, (int)points, ys, stretches);
    }
    release_arrays(&arrays);
    return stretches ? Py_NewRef(Py_None) : NULL;
}

static PyObject *py_trace_line(PyObject *module, PyObject *args) {
    PyObject *shape, *state, *covariance, *x, *trace;
    int index;
    double max_error;
    if (!PyArg_ParseTuple(args, "OOOidOO", &shape, &state, &covariance, &index, &max_error, &x, &trace)) return NULL;
    Arrays arrays = {.count = 0};
    FitProblem p = {0};
    const double *states, *covariances, *xs;
    double *cubic, *cubic_covariance, *laterals = NULL, valid_to = 0;
    int n;
    if ((n = read_shape(&arrays, shape, &p)) < 0) goto done;
    if (index < 0 || index >= p.lines) {
        PyErr_Format(PyExc_IndexError, "line %d of %d", index, p.lines);
        goto done;
    }
    if ((states = array_of(&arrays, state, "state", FLOAT64, n, READ_ONLY)) &&
        (covariances = array_of(&arrays, covariance, "covariance", FLOAT64, (Py_ssize_t)n * n, READ_ONLY)) &&
        (xs = array_of(&arrays, x, "x_m", FLOAT64, -1, READ_ONLY))) {
        const Py_ssize_t rows = length_of(&arrays);
        if ((cubic = array_field(&arrays, trace, "coefficients", FLOAT64, 4, WRITABLE)) &&
            (cubic_covariance = array_field(&arrays, trace, "covariance", FLOAT64, 16, WRITABLE)) &&
            (laterals = array_field(&arrays, trace, "lateral_m", FLOAT64, rows, WRITABLE))) {
            cubic_of(&p, states, covariances, index, cubic, cubic_covariance);
            valid_to = trace_line(&p, states, index, cubic, max_error, xs, (int)rows, laterals);
        }
    }
done:
    release_arrays(&arrays);
    return laterals ? PyFloat_FromDouble(valid_to) : NULL;
}

/* Coefficients and covariance of one published line. 0, or -1 with an exception set. */
static int read_line(Arrays *arrays, PyObject *coefficients, PyObject *covariance, const double **c,
                     const double **of_c) {
    if (!(*c = array_of(arrays, coefficients, "coefficients", FLOAT64, 4, READ_ONLY))) return -1;
    return (*of_c = array_of(arrays, covariance, "covariance", FLOAT64, 16, READ_ONLY)) ? 0 : -1;
}

static PyObject *py_move_line(PyObject *module, PyObject *args) {
    PyObject *coefficients, *covariance;
    double back, to[4], sigma[4];
    if (!PyArg_ParseTuple(args, "OOd", &coefficients, &covariance, &back)) return NULL;
    Arrays arrays = {.count = 0};
    const double *c, *of_c;
    const int failed = read_line(&arrays, coefficients, covariance, &c, &of_c);
    if (!failed) move_line(c, of_c, back, to, sigma);
    release_arrays(&arrays);
    if (failed) return NULL;
    return Py_BuildValue("((dddd)(dddd))", to[0], to[1], to[2], to[3], sigma[0], sigma[1], sigma[2], sigma[3]);
}

static PyObject *py_known_range(PyObject *module, PyObject *args) {
    PyObject *coefficients, *covariance, *limits_struct;
    if (!PyArg_ParseTuple(args, "OOO", &coefficients, &covariance, &limits_struct)) return NULL;
    RangeLimits limits;
    if (read_fields(limits_struct, range_fields, &limits) < 0) return NULL;
    if (limits.steps < 2) return PyErr_Format(PyExc_ValueError, "expected at least 2 steps, found %d", limits.steps);
    Arrays arrays = {.count = 0};
    const double *c, *of_c;
    double known = 0;
    const int failed = read_line(&arrays, coefficients, covariance, &c, &of_c);
    if (!failed) known = known_range(c, of_c, &limits);
    release_arrays(&arrays);
    return failed ? NULL : PyFloat_FromDouble(known);
}

static int are_within(const SupportPeaks *peaks, const int64_t *inliers, Py_ssize_t count, int rows) {
    for (int i = 0; i < peaks->count; i++)
        if (peaks->row[i] < 0 || peaks->row[i] >= rows) return 0;
    for (Py_ssize_t i = 0; i < count; i++)
        if (inliers[i] < 0 || inliers[i] >= peaks->count) return 0;
    return 1;
}

static int read_support(Arrays *arrays, PyObject *view_struct, PyObject *peaks_struct, SupportView *view,
                        SupportPeaks *peaks) {
    if (read_fields(view_struct, support_fields, view) < 0 ||
        !(view->gate = array_field(arrays, view_struct, "gate_m", FLOAT64, -1, READ_ONLY)))
        return -1;
    const Py_ssize_t rows = length_of(arrays);
    if (rows < 1 || rows > MAX_VIEW_ROWS) {
        PyErr_Format(PyExc_ValueError, "expected a view of 1 to %d rows, found %zd", MAX_VIEW_ROWS, rows);
        return -1;
    }
    view->rows = (int)rows;
    if (!(view->spans = array_field(arrays, view_struct, "spans", INT32, 2 * rows, READ_ONLY)) ||
        !(view->seen = array_field(arrays, view_struct, "seen_m", FLOAT64, rows, READ_ONLY)) ||
        !(peaks->row = array_field(arrays, peaks_struct, "row", INT32, -1, READ_ONLY)))
        return -1;
    const Py_ssize_t count = length_of(arrays);
    peaks->count = (int)count;
    if (!(peaks->weight = array_field(arrays, peaks_struct, "weight", FLOAT64, count, READ_ONLY)) ||
        !(peaks->yellow = array_field(arrays, peaks_struct, "yellow", BOOL, count, READ_ONLY)) ||
        !(peaks->painted = array_field(arrays, peaks_struct, "painted", BOOL, count, READ_ONLY)))
        return -1;
    return 0;
}

static PyObject *py_measure_support(PyObject *module, PyObject *args) {
    PyObject *view_struct, *peaks_struct, *inliers, *lateral;
    if (!PyArg_ParseTuple(args, "OOOO", &view_struct, &peaks_struct, &inliers, &lateral)) return NULL;
    Arrays arrays = {.count = 0};
    SupportView view;
    SupportPeaks peaks;
    LineSupport s;
    const int64_t *chosen;
    const double *laterals;
    int is_done = 0;
    if (read_support(&arrays, view_struct, peaks_struct, &view, &peaks) == 0 &&
        (laterals = array_of(&arrays, lateral, "lateral_m", FLOAT64, view.rows, READ_ONLY)) &&
        (chosen = array_of(&arrays, inliers, "inliers", INT64, -1, READ_ONLY))) {
        const Py_ssize_t count = length_of(&arrays);
        is_done = are_within(&peaks, chosen, count, view.rows);
        if (is_done) measure_support(&view, &peaks, chosen, (int)count, laterals, &s);
        else PyErr_SetString(PyExc_IndexError, "a row or an inlier is outside its array");
    }
    release_arrays(&arrays);
    if (!is_done) return NULL;
    return Py_BuildValue("(ddddddddd)", s.visible, s.seen, s.first, s.last, s.chance, s.near_visible, s.near_painted,
                         s.contrast, s.yellow);
}

static PyMethodDef methods[] = {
    {"fit_road", py_fit_road, METH_VARARGS, "Fit the road to points in place; False if it diverges."},
    {"judge_fit", py_judge_fit, METH_VARARGS, "Owners, residuals and covariance of a fit; False if undetermined."},
    {"shape_road", py_shape_road, METH_VARARGS, "Reference curve and lateral stretch of a road at distances ahead."},
    {"trace_line", py_trace_line, METH_VARARGS, "Cubic, covariance and course of one line; how far they agree."},
    {"move_line", py_move_line, METH_VARARGS, "Coefficients and sigmas of a line for another origin."},
    {"known_range", py_known_range, METH_VARARGS, "How far ahead a line is known."},
    {"measure_support", py_measure_support, METH_VARARGS, "The fields of LineSupport for one line."},
    {NULL, NULL, 0, NULL},
};

int add_fit_functions(PyObject *module) {
    for (int i = 0; tables[i]; i++)
        if (intern_fields(tables[i]) < 0) return -1;
    return PyModule_AddFunctions(module, methods);
}
