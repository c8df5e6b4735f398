/* CPython glue over _kernels.h: arrays come in through the buffer protocol, sizes are checked, the work is done in
   place. C-contiguous arrays only; their element types are the caller's duty (_kernels.pyi names them). */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

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

static PyObject *agreement(PyObject *module, PyObject *args) {
    PyObject *x, *y, *weight, *heading, *curvature, *pile, *score;
    int points, courses, bins;
    double half_width, bin;
    if (!PyArg_ParseTuple(args, "OOOiOOiddOiO", &x, &y, &weight, &points, &heading, &curvature, &courses, &half_width,
                          &bin, &pile, &bins, &score))
        return NULL;
    Buffers buffers = {.count = 0};
    double *xs = memory(&buffers, x, "x", 8 * (Py_ssize_t)points, 0);
    double *ys = xs ? memory(&buffers, y, "y", 8 * (Py_ssize_t)points, 0) : NULL;
    double *weights = ys ? memory(&buffers, weight, "weight", 8 * (Py_ssize_t)points, 0) : NULL;
    double *headings = weights ? memory(&buffers, heading, "heading", 8 * (Py_ssize_t)courses, 0) : NULL;
    double *curvatures = headings ? memory(&buffers, curvature, "curvature", 8 * (Py_ssize_t)courses, 0) : NULL;
    double *piles = curvatures ? memory(&buffers, pile, "pile", 8 * (Py_ssize_t)bins, 1) : NULL;
    double *scores = piles ? memory(&buffers, score, "score", 8 * (Py_ssize_t)courses, 1) : NULL;
    if (scores)
        vote(xs, ys, weights, points, headings, curvatures, courses, half_width, bin, bins, piles, scores);
    release(&buffers);
    return scores ? Py_NewRef(Py_None) : NULL;
}

/* The problem that fit and judge share: its arrays, and its numbers as a tuple. */
static int problem_of(Buffers *buffers, PyObject *const arrays[5], FitProblem *p) {
    static const char *const names[] = {"x", "y", "sigma", "weight"};
    const double *memories[4];
    if (p->lines < 1 || p->lines > MOST_LINES || p->knots < 0 || p->knots > MOST_KNOTS) {
        PyErr_Format(PyExc_ValueError, "1 or 2 lines and up to %d knots, not %d and %d", MOST_KNOTS, p->lines,
                     p->knots);
        return -1;
    }
    for (int i = 0; i < 4; i++)
        if (!(memories[i] = memory(buffers, arrays[i], names[i], 8 * (Py_ssize_t)p->points, 0))) return -1;
    p->x = memories[0], p->y = memories[1], p->sigma = memories[2], p->weight = memories[3];
    return (p->knot_x = memory(buffers, arrays[4], "knots", 8 * (Py_ssize_t)p->knots, 0)) ? 0 : -1;
}

#define NUMBERS "(iiiddddddddddi)"
#define NUMBERS_OF(p)                                                                                             \
    &(p).points, &(p).lines, &(p).knots, &(p).height, &(p).most_slope, &(p).sigma_heading, &(p).sigma_curvature,  \
        &(p).sigma_rate, &(p).sigma_pitch, &(p).rate_per_square, &(p).correlated, &(p).bound, &least_scatter,     \
        &(p).least_points

static PyObject *fit(PyObject *module, PyObject *args) {
    PyObject *arrays[5], *steps, *state;
    int count, failed = 0;
    double least_scatter;
    FitProblem p;
    if (!PyArg_ParseTuple(args, "OOOOO" NUMBERS "OiO", &arrays[0], &arrays[1], &arrays[2], &arrays[3], &arrays[4],
                          NUMBERS_OF(p), &steps, &count, &state))
        return NULL;
    Buffers buffers = {.count = 0};
    FitStep *schedule = NULL;
    double *states = NULL;
    if (problem_of(&buffers, arrays, &p) == 0 &&
        (schedule = memory(&buffers, steps, "steps", (Py_ssize_t)sizeof(FitStep) * count, 0)) &&
        (states = memory(&buffers, state, "state", 8 * (Py_ssize_t)(p.lines + 4 + p.knots), 1)))
        failed = fit_road(&p, schedule, count, states);
    release(&buffers);
    return states ? PyBool_FromLong(failed == 0) : NULL;
}

static PyObject *judge(PyObject *module, PyObject *args) {
    PyObject *arrays[5], *state, *owner, *residual, *information;
    double least_scatter, inlier;
    FitStep step = {.scale = 1};
    FitProblem p;
    if (!PyArg_ParseTuple(args, "OOOOO" NUMBERS "dddOOOO", &arrays[0], &arrays[1], &arrays[2], &arrays[3], &arrays[4],
                          NUMBERS_OF(p), &step.reach, &step.gate, &inlier, &state, &owner, &residual, &information))
        return NULL;
    Buffers buffers = {.count = 0};
    const int n = p.lines + 4 + p.knots;
    double *states = NULL, *residuals = NULL, *informations = NULL;
    int8_t *owners = NULL;
    if (problem_of(&buffers, arrays, &p) == 0 && (states = memory(&buffers, state, "state", 8 * (Py_ssize_t)n, 0)) &&
        (owners = memory(&buffers, owner, "owner", p.points, 1)) &&
        (residuals = memory(&buffers, residual, "residual", 8 * (Py_ssize_t)p.points, 1)) &&
        (informations = memory(&buffers, information, "information", 8 * (Py_ssize_t)n * n, 1)))
        judge_fit(&p, &step, states, inlier, least_scatter, owners, residuals, informations);
    release(&buffers);
    return informations ? Py_NewRef(Py_None) : NULL;
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
    {"sample", sample, METH_VARARGS, "The places of a view, out of an image."},
    {"ridges", ridges, METH_VARARGS, "Box ridges of a patch, over the noise around them."},
    {"tops", tops, METH_VARARGS, "Tops of a response; returns how many."},
    {"agreement", agreement, METH_VARARGS, "How well points agree on each of many courses."},
    {"fit", fit, METH_VARARGS, "Fit the road to points; False when they do not support one."},
    {"judge", judge, METH_VARARGS, "Owners, residuals and information of a fitted road."},
    {"support", support, METH_VARARGS, "What tops say of a line: the fields of LineSupport."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "lkas.detection._kernels", .m_doc = "The hot loops of lane detection.",
    .m_size = 0, .m_methods = methods,
};

PyMODINIT_FUNC PyInit__kernels(void) { return PyModuleDef_Init(&definition); }
