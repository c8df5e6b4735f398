/* CPython glue over _kernels.h: arrays come in through the buffer protocol, sizes are checked, the work is done in
   place. C-contiguous arrays only; their element types are the caller's duty (_kernels.pyi names them). */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <math.h>

#include "_kernels.h"

enum { MOST_BUFFERS = 9 };

typedef struct {
    Py_buffer at[MOST_BUFFERS];
    int count;
} Buffers;

static void release(Buffers *buffers) {
    while (buffers->count > 0) PyBuffer_Release(&buffers->at[--buffers->count]);
}

/* The next argument's memory; NULL with an exception set when it is not contiguous or not `bytes` long. */
static void *memory(Buffers *buffers, PyObject *array, const char *name, Py_ssize_t bytes, int is_written) {
    Py_buffer *buffer = &buffers->at[buffers->count];
    if (PyObject_GetBuffer(array, buffer, is_written ? PyBUF_CONTIG : PyBUF_CONTIG_RO) < 0) return NULL;
    buffers->count++;
    if (buffer->len != bytes) {
        PyErr_Format(PyExc_ValueError, "%s: expected %zd bytes, found %zd", name, bytes, buffer->len);
        return NULL;
    }
    return buffer->buf;
}

static PyObject *place(PyObject *module, PyObject *args) {
    PyObject *x, *y, *shift, *corner, *share, *visible, *spans;
    ViewCamera camera;
    double *a = camera.axes;
    int rows, columns;
    if (!PyArg_ParseTuple(args, "((ddd)(ddd)(ddd))(ddddd)(ddddddp)(ii)OOO(ii)OOOO", &a[0], &a[1], &a[2], &a[3], &a[4],
                          &a[5], &a[6], &a[7], &a[8], &camera.height, &camera.nearest, &camera.focal, &camera.cx, &camera.cy,
                          &camera.k1, &camera.k2, &camera.p1, &camera.p2, &camera.k3, &camera.reach2, &camera.is_bent,
                          &camera.width_px, &camera.height_px, &x, &y, &shift, &rows, &columns, &corner, &share,
                          &visible, &spans))
        return NULL;
    Buffers buffers = {.count = 0};
    const Py_ssize_t places = (Py_ssize_t)rows * columns;
    double *xs = memory(&buffers, x, "x", 8 * (Py_ssize_t)rows, 0);
    double *ys = xs ? memory(&buffers, y, "y", 8 * (Py_ssize_t)columns, 0) : NULL;
    double *shifts = ys ? memory(&buffers, shift, "shift", 8 * (Py_ssize_t)rows, 0) : NULL;
    int32_t *corners = shifts ? memory(&buffers, corner, "corner", 4 * places, 1) : NULL;
    uint8_t *shares = corners ? memory(&buffers, share, "share", 2 * places, 1) : NULL;
    uint8_t *seen = shares ? memory(&buffers, visible, "visible", places, 1) : NULL;
    int32_t *ends = seen ? memory(&buffers, spans, "spans", 8 * (Py_ssize_t)rows, 1) : NULL;
    if (ends) place_view(&camera, xs, ys, shifts, rows, columns, corners, shares, seen, ends);
    release(&buffers);
    return ends ? Py_NewRef(Py_None) : NULL;
}

static PyObject *sample(PyObject *module, PyObject *args) {
    PyObject *image, *corner, *share, *spans, *patch;
    int width, height, rows, columns;
    if (!PyArg_ParseTuple(args, "O(ii)OOOO(ii)", &image, &width, &height, &corner, &share, &spans, &patch, &rows,
                          &columns))
        return NULL;
    Buffers buffers = {.count = 0};
    const Py_ssize_t places = (Py_ssize_t)rows * columns;
    uint8_t *from = memory(&buffers, image, "image", 3 * (Py_ssize_t)width * height, 0);
    int32_t *corners = from ? memory(&buffers, corner, "corner", 4 * places, 0) : NULL;
    uint8_t *shares = corners ? memory(&buffers, share, "share", 2 * places, 0) : NULL;
    int32_t *visible = shares ? memory(&buffers, spans, "spans", 8 * (Py_ssize_t)rows, 0) : NULL;
    uint8_t *to = visible ? memory(&buffers, patch, "patch", 3 * places, 1) : NULL;
    if (to) sample_patch(from, width, corners, shares, visible, rows, columns, to);
    release(&buffers);
    return to ? Py_NewRef(Py_None) : NULL;
}

static PyObject *ridges(PyObject *module, PyObject *args) {
    PyObject *patch, *spans, *response, *bright, *yellow, *scratch;
    RidgeShape shape;
    if (!PyArg_ParseTuple(args, "OO(iiiiiff)OOOO", &patch, &spans, &shape.rows, &shape.columns, &shape.strip,
                          &shape.beside, &shape.smooth_from, &shape.floor_levels, &shape.yellow_weight, &response,
                          &bright, &yellow, &scratch))
        return NULL;
    if (shape.rows < 1 || shape.rows > 1024 || shape.columns < 2 * shape.beside + 2 || shape.columns > 4096 ||
        shape.strip < 1 || shape.strip > shape.beside) {
        PyErr_SetString(PyExc_ValueError, "a view of 1 to 1024 rows and up to 4096 columns, wider than a marking");
        return NULL;
    }
    Buffers buffers = {.count = 0};
    const Py_ssize_t places = (Py_ssize_t)shape.rows * shape.columns;
    uint8_t *from = memory(&buffers, patch, "patch", 3 * places, 0);
    int32_t *visible = from ? memory(&buffers, spans, "spans", 8 * (Py_ssize_t)shape.rows, 0) : NULL;
    float *to = visible ? memory(&buffers, response, "response", 4 * places, 1) : NULL;
    float *brights = to ? memory(&buffers, bright, "bright", 4 * places, 1) : NULL;
    float *yellows = brights ? memory(&buffers, yellow, "yellow", 4 * places, 1) : NULL;
    float *work = yellows ? memory(&buffers, scratch, "scratch", 8 * places, 1) : NULL;
    if (work) find_ridges(from, visible, &shape, to, brights, yellows, work);
    release(&buffers);
    return work ? Py_NewRef(Py_None) : NULL;
}

static PyObject *tops(PyObject *module, PyObject *args) {
    PyObject *response, *index, *column;
    int rows, columns, reach, most;
    float threshold, foot_ratio;
    if (!PyArg_ParseTuple(args, "O(ii)iffiOO", &response, &rows, &columns, &reach, &threshold, &foot_ratio, &most,
                          &index, &column))
        return NULL;
    Buffers buffers = {.count = 0};
    int count = 0;
    float *from = memory(&buffers, response, "response", 4 * (Py_ssize_t)rows * columns, 0);
    int32_t *places = from ? memory(&buffers, index, "index", 4 * (Py_ssize_t)most, 1) : NULL;
    double *tops_at = places ? memory(&buffers, column, "column", 8 * (Py_ssize_t)most, 1) : NULL;
    if (tops_at) count = find_tops(from, rows, columns, reach, threshold, foot_ratio, most, places, tops_at);
    release(&buffers);
    return tops_at ? PyLong_FromLong(count) : NULL;
}

static int are_bins(int bins) {
    if (bins >= 5 && bins <= MOST_BINS) return 1;
    PyErr_Format(PyExc_ValueError, "expected 5 to %d bins, found %d", MOST_BINS, bins);
    return 0;
}

static PyObject *course(PyObject *module, PyObject *args) {
    PyObject *x, *y, *weight, *scratch;
    int points;
    CourseSearch s;
    FoundCourse found = {0, 0, 0};
    if (!PyArg_ParseTuple(args, "OOOi(dd(ddd)dddddiip)(dd)O", &x, &y, &weight, &points, &s.far, &s.half_width,
                          &s.stages[0], &s.stages[1], &s.stages[2], &s.step, &s.most_heading, &s.most_curvature,
                          &s.straight_bonus, &s.bin, &s.bins, &s.first_points, &s.is_around, &found.heading,
                          &found.curvature, &scratch) ||
        !are_bins(s.bins))
        return NULL;
    Buffers buffers = {.count = 0};
    double *xs = memory(&buffers, x, "x", 8 * (Py_ssize_t)points, 0);
    double *ys = xs ? memory(&buffers, y, "y", 8 * (Py_ssize_t)points, 0) : NULL;
    double *weights = ys ? memory(&buffers, weight, "weight", 8 * (Py_ssize_t)points, 0) : NULL;
    double *work = weights ? memory(&buffers, scratch, "scratch", 3 * 8 * (Py_ssize_t)points, 1) : NULL;
    if (work) search_course(xs, ys, weights, points, &s, work, &found);
    release(&buffers);
    return work ? Py_BuildValue("(ddd)", found.heading, found.curvature, found.score) : NULL;
}

static PyObject *piles(PyObject *module, PyObject *args) {
    PyObject *x, *y, *weight, *position, *height;
    int points, bins, most, count = 0;
    double heading, curvature, half_width, bin, least;
    if (!PyArg_ParseTuple(args, "OOOi(dd)ddidOOi", &x, &y, &weight, &points, &heading, &curvature, &half_width, &bin,
                          &bins, &least, &position, &height, &most) ||
        !are_bins(bins))
        return NULL;
    if (most < bins / 3) return PyErr_Format(PyExc_ValueError, "%d bins can have more than %d tops", bins, most);
    Buffers buffers = {.count = 0};
    double *xs = memory(&buffers, x, "x", 8 * (Py_ssize_t)points, 0);
    double *ys = xs ? memory(&buffers, y, "y", 8 * (Py_ssize_t)points, 0) : NULL;
    double *weights = ys ? memory(&buffers, weight, "weight", 8 * (Py_ssize_t)points, 0) : NULL;
    double *positions = weights ? memory(&buffers, position, "position", 8 * (Py_ssize_t)most, 1) : NULL;
    double *heights = positions ? memory(&buffers, height, "height", 8 * (Py_ssize_t)most, 1) : NULL;
    if (heights)
        count = find_piles(xs, ys, weights, points, heading, curvature, half_width, bin, bins, least, positions,
                           heights);
    release(&buffers);
    return heights ? PyLong_FromLong(count) : NULL;
}

static PyObject *beside(PyObject *module, PyObject *args) {
    PyObject *place, *weight, *scratch;
    int points;
    NextLine next;
    if (!PyArg_ParseTuple(args, "OOi(didddidid)O", &place, &weight, &points, &next.ego, &next.outward, &next.nearest,
                          &next.farthest, &next.bin, &next.bins, &next.least_pile, &next.least_points, &next.reach,
                          &scratch) ||
        !are_bins(next.bins))
        return NULL;
    Buffers buffers = {.count = 0};
    double at = NAN;
    double *places = memory(&buffers, place, "place", 8 * (Py_ssize_t)points, 0);
    double *weights = places ? memory(&buffers, weight, "weight", 8 * (Py_ssize_t)points, 0) : NULL;
    double *work = weights ? memory(&buffers, scratch, "scratch", 8 * (Py_ssize_t)points, 1) : NULL;
    if (work) at = next_line(places, weights, points, &next, work);
    release(&buffers);
    if (!work) return NULL;
    return isnan(at) ? Py_NewRef(Py_None) : PyFloat_FromDouble(at);
}

static PyObject *moved(PyObject *module, PyObject *args) {
    PyObject *coefficients, *covariance;
    double back, to[4], sigma[4];
    if (!PyArg_ParseTuple(args, "OOd", &coefficients, &covariance, &back)) return NULL;
    Buffers buffers = {.count = 0};
    double *c = memory(&buffers, coefficients, "coefficients", 8 * 4, 0);
    double *of_c = c ? memory(&buffers, covariance, "covariance", 8 * 16, 0) : NULL;
    if (of_c) move_line(c, of_c, back, to, sigma);
    release(&buffers);
    if (!of_c) return NULL;
    return Py_BuildValue("(dddddddd)", to[0], to[1], to[2], to[3], sigma[0], sigma[1], sigma[2], sigma[3]);
}

static PyObject *reach(PyObject *module, PyObject *args) {
    PyObject *coefficients, *covariance;
    Reach limits;
    double known = 0;
    if (!PyArg_ParseTuple(args, "OO(dddddi)", &coefficients, &covariance, &limits.seen_to, &limits.stretch,
                          &limits.focal_px, &limits.sigma_px, &limits.bend_px, &limits.steps))
        return NULL;
    if (limits.steps < 2) return PyErr_Format(PyExc_ValueError, "expected 2 steps and more, found %d", limits.steps);
    Buffers buffers = {.count = 0};
    double *c = memory(&buffers, coefficients, "coefficients", 8 * 4, 0);
    double *of_c = c ? memory(&buffers, covariance, "covariance", 8 * 16, 0) : NULL;
    if (of_c) known = known_to(c, of_c, &limits);
    release(&buffers);
    return of_c ? PyFloat_FromDouble(known) : NULL;
}

static int are_countable(const FitProblem *p) {
    if (p->lines >= 1 && p->lines <= MOST_LINES && p->stretches >= 1 && p->stretches <= MOST_STRETCHES) return 1;
    PyErr_Format(PyExc_ValueError, "1 or %d lines and 1 to %d stretches, not %d and %d", MOST_LINES, MOST_STRETCHES,
                 p->lines, p->stretches);
    return 0;
}

/* The problem that fit and judge share: its arrays, and its numbers as a tuple. */
static int problem_of(Buffers *buffers, PyObject *const arrays[5], FitProblem *p) {
    static const char *const names[] = {"x", "y", "sigma", "weight"};
    const double *memories[4];
    if (!are_countable(p)) return -1;
    for (int i = 0; i < 4; i++)
        if (!(memories[i] = memory(buffers, arrays[i], names[i], 8 * (Py_ssize_t)p->points, 0))) return -1;
    p->x = memories[0], p->y = memories[1], p->sigma = memories[2], p->weight = memories[3];
    return (p->from = memory(buffers, arrays[4], "from", 8 * (Py_ssize_t)p->stretches, 0)) ? 0 : -1;
}

#define NUMBERS "(iiiddddddddddddddddi)"
#define NUMBERS_OF(p)                                                                                              \
    &(p).points, &(p).lines, &(p).stretches, &(p).height, &(p).far, &(p).most_slope, &(p).curvature,               \
        &(p).sigma_heading, &(p).sigma_curvature, &(p).sigma_rate, &(p).sigma_pitch, &(p).sigma_sag, &(p).rate_per_square, &(p).correlated, &(p).bound, \
        &(p).inlier, &(p).least_solved_scatter, &(p).most_solved_scatter,              \
        &(p).least_scatter, &(p).least_points

static PyObject *fit(PyObject *module, PyObject *args) {
    PyObject *arrays[5], *steps, *state;
    int count, failed = 0;
    FitProblem p;
    if (!PyArg_ParseTuple(args, "OOOOO" NUMBERS "OiO", &arrays[0], &arrays[1], &arrays[2], &arrays[3], &arrays[4],
                          NUMBERS_OF(p), &steps, &count, &state))
        return NULL;
    Buffers buffers = {.count = 0};
    FitStep *schedule = NULL;
    double *states = NULL;
    if (problem_of(&buffers, arrays, &p) == 0 &&
        (schedule = memory(&buffers, steps, "steps", (Py_ssize_t)sizeof(FitStep) * count, 0)) &&
        (states = memory(&buffers, state, "state", 8 * (Py_ssize_t)(p.lines + SHARED + p.stretches), 1)))
        failed = fit_road(&p, schedule, count, states);
    release(&buffers);
    return states ? PyBool_FromLong(failed == 0) : NULL;
}

static PyObject *judge(PyObject *module, PyObject *args) {
    PyObject *arrays[5], *state, *owner, *residual, *covariance;
    double gate;
    FitProblem p;
    if (!PyArg_ParseTuple(args, "OOOOO" NUMBERS "dOOOO", &arrays[0], &arrays[1], &arrays[2], &arrays[3], &arrays[4],
                          NUMBERS_OF(p), &gate, &state, &owner, &residual, &covariance))
        return NULL;
    Buffers buffers = {.count = 0};
    const int n = p.lines + SHARED + p.stretches;
    double *states = NULL, *residuals = NULL, *covariances = NULL;
    int8_t *owners = NULL;
    int failed = 0;
    if (problem_of(&buffers, arrays, &p) == 0 && (states = memory(&buffers, state, "state", 8 * (Py_ssize_t)n, 0)) &&
        (owners = memory(&buffers, owner, "owner", p.points, 1)) &&
        (residuals = memory(&buffers, residual, "residual", 8 * (Py_ssize_t)p.points, 1)) &&
        (covariances = memory(&buffers, covariance, "covariance", 8 * (Py_ssize_t)n * n, 1)))
        failed = judge_fit(&p, gate, states, owners, residuals, covariances);
    release(&buffers);
    return covariances ? PyBool_FromLong(failed == 0) : NULL;
}

static PyObject *shape(PyObject *module, PyObject *args) {
    PyObject *from, *state, *x, *y, *stretch;
    int points;
    FitProblem p = {0};
    if (!PyArg_ParseTuple(args, "O(iiddd)OOiOO", &from, &p.lines, &p.stretches, &p.height, &p.far, &p.most_slope, &state,
                          &x, &points, &y, &stretch))
        return NULL;
    Buffers buffers = {.count = 0};
    const Py_ssize_t bytes = 8 * (Py_ssize_t)points;
    double *states = NULL, *at = NULL, *places = NULL, *stretches = NULL;
    if (are_countable(&p) && (p.from = memory(&buffers, from, "from", 8 * (Py_ssize_t)p.stretches, 0)) &&
        (states = memory(&buffers, state, "state", 8 * (Py_ssize_t)(p.lines + SHARED + p.stretches), 0)) &&
        (at = memory(&buffers, x, "x", bytes, 0)) && (places = memory(&buffers, y, "y", bytes, 1)) &&
        (stretches = memory(&buffers, stretch, "stretch", bytes, 1)))
        shape_road(&p, states, at, points, places, stretches);
    release(&buffers);
    return stretches ? Py_NewRef(Py_None) : NULL;
}

static PyObject *line(PyObject *module, PyObject *args) {
    PyObject *from, *state, *covariance, *x, *coefficients, *spread, *lateral;
    int index, rows;
    double most_off, told_to = 0;
    FitProblem p = {0};
    if (!PyArg_ParseTuple(args, "O(iiddd)OOidOiOOO", &from, &p.lines, &p.stretches, &p.height, &p.far, &p.most_slope,
                          &state, &covariance, &index, &most_off, &x, &rows, &coefficients, &spread, &lateral))
        return NULL;
    if (!are_countable(&p)) return NULL;
    if (index < 0 || index >= p.lines) return PyErr_Format(PyExc_IndexError, "line %d of %d", index, p.lines);
    Buffers buffers = {.count = 0};
    const Py_ssize_t states = p.lines + SHARED + p.stretches;
    double *values = NULL, *spreads = NULL, *at = NULL, *cubic = NULL, *spread4 = NULL, *places = NULL;
    if ((p.from = memory(&buffers, from, "from", 8 * (Py_ssize_t)p.stretches, 0)) &&
        (values = memory(&buffers, state, "state", 8 * states, 0)) &&
        (spreads = memory(&buffers, covariance, "covariance", 8 * states * states, 0)) &&
        (at = memory(&buffers, x, "x", 8 * (Py_ssize_t)rows, 0)) &&
        (cubic = memory(&buffers, coefficients, "coefficients", 8 * 4, 1)) &&
        (spread4 = memory(&buffers, spread, "spread", 8 * 16, 1)) &&
        (places = memory(&buffers, lateral, "lateral", 8 * (Py_ssize_t)rows, 1))) {
        cubic_of(&p, values, spreads, index, cubic, spread4);
        told_to = trace_line(&p, values, index, cubic, most_off, at, rows, places);
    }
    release(&buffers);
    return places ? PyFloat_FromDouble(told_to) : NULL;
}

static int are_within(const int32_t *row, int tops, const int64_t *inliers, int count, int rows) {
    for (int i = 0; i < tops; i++)
        if (row[i] < 0 || row[i] >= rows) return 0;
    for (int i = 0; i < count; i++)
        if (inliers[i] < 0 || inliers[i] >= tops) return 0;
    return 1;
}

static PyObject *support(PyObject *module, PyObject *args) {
    PyObject *row, *weight, *yellow, *painted, *inliers, *lateral, *spans, *gate, *seen;
    int tops, count;
    SupportView view;
    LineSupport s;
    if (!PyArg_ParseTuple(args, "OOOOiOiOOOO(iidd)", &row, &weight, &yellow, &painted, &tops, &inliers, &count,
                          &lateral, &spans, &gate, &seen, &view.rows, &view.near_from, &view.leftmost, &view.step))
        return NULL;
    if (view.rows < 1 || view.rows > MOST_ROWS) {
        PyErr_Format(PyExc_ValueError, "expected a view of 1 to %d rows, found %d", MOST_ROWS, view.rows);
        return NULL;
    }
    Buffers buffers = {.count = 0};
    const Py_ssize_t rows = view.rows;
    int is_done = 0;
    int32_t *at = memory(&buffers, row, "row", 4 * (Py_ssize_t)tops, 0);
    double *weights = at ? memory(&buffers, weight, "weight", 8 * (Py_ssize_t)tops, 0) : NULL;
    uint8_t *yellows = weights ? memory(&buffers, yellow, "yellow", tops, 0) : NULL;
    uint8_t *paint = yellows ? memory(&buffers, painted, "painted", tops, 0) : NULL;
    int64_t *chosen = paint ? memory(&buffers, inliers, "inliers", 8 * (Py_ssize_t)count, 0) : NULL;
    double *laterals = chosen ? memory(&buffers, lateral, "lateral", 8 * rows, 0) : NULL;
    if (laterals && (view.spans = memory(&buffers, spans, "spans", 8 * rows, 0)) &&
        (view.gate = memory(&buffers, gate, "gate", 8 * rows, 0)) &&
        (view.seen = memory(&buffers, seen, "seen", 8 * rows, 0))) {
        is_done = are_within(at, tops, chosen, count, view.rows);
        if (is_done) measure_support(&view, at, weights, yellows, paint, tops, chosen, count, laterals, &s);
        else PyErr_SetString(PyExc_IndexError, "a row or an inlier is outside its array");
    }
    release(&buffers);
    if (!is_done) return NULL;
    return Py_BuildValue("(ddddddddd)", s.visible, s.seen, s.first, s.last, s.chance, s.near_visible, s.near_painted,
                         s.contrast, s.yellow);
}

static PyMethodDef methods[] = {
    {"place", place, METH_VARARGS, "Where in an image the places of a view lie."},
    {"sample", sample, METH_VARARGS, "The places of a view, out of an image."},
    {"ridges", ridges, METH_VARARGS, "Box ridges of a patch, over the noise around them."},
    {"tops", tops, METH_VARARGS, "Tops of a response; returns how many."},
    {"course", course, METH_VARARGS, "The course of the road that most points agree on."},
    {"piles", piles, METH_VARARGS, "Where points on a course pile up; returns at how many places."},
    {"beside", beside, METH_VARARGS, "Where the next line beside an ego line is; None when there is none."},
    {"moved", moved, METH_VARARGS, "Coefficients and sigmas of a line seen from another origin."},
    {"reach", reach, METH_VARARGS, "How far ahead a line is known."},
    {"fit", fit, METH_VARARGS, "Fit the road to points; False when they do not support one."},
    {"judge", judge, METH_VARARGS, "Owners, residuals and covariance of a fitted road; False when nothing holds it."},
    {"shape", shape, METH_VARARGS, "Middle and stretch of a fitted road at distances ahead."},
    {"line", line, METH_VARARGS, "Cubic, covariance and way of one line of a fitted road; how far they agree."},
    {"support", support, METH_VARARGS, "What tops say of a line: the fields of LineSupport."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "lkas.detection.lane_fit._kernels", .m_doc = "The hot loops of lane detection.",
    .m_size = 0, .m_methods = methods,
};

PyMODINIT_FUNC PyInit__kernels(void) { return PyModuleDef_Init(&definition); }
