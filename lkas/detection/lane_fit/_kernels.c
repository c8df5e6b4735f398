/* CPython glue over _kernels.h: the view, its ridges and peaks, the course and the histograms. The other half is in
   _kernels_fit.c. Arrays are C-contiguous; results are written in place. */
#include "_kernels_glue.h"

#include <math.h>

static Field camera_fields[] = {
    FIELD("height_m", DOUBLE, ViewCamera, height), FIELD("nearest_m", DOUBLE, ViewCamera, nearest),
    FIELD("focal_px", DOUBLE, ViewCamera, focal),  FIELD("cx_px", DOUBLE, ViewCamera, cx),
    FIELD("cy_px", DOUBLE, ViewCamera, cy),        FIELD("k1", DOUBLE, ViewCamera, k1),
    FIELD("k2", DOUBLE, ViewCamera, k2),           FIELD("p1", DOUBLE, ViewCamera, p1),
    FIELD("p2", DOUBLE, ViewCamera, p2),           FIELD("k3", DOUBLE, ViewCamera, k3),
    FIELD("max_r2", DOUBLE, ViewCamera, max_r2),   FIELD("has_distortion", FLAG, ViewCamera, has_distortion),
    END_OF_FIELDS,
};
static Field sampling_fields[] = {
    FIELD("width_px", INT, ViewSampling, width), FIELD("height_px", INT, ViewSampling, height), END_OF_FIELDS,
};
static Field ridge_fields[] = {
    FIELD("strip", INT, RidgeShape, strip),
    FIELD("beside", INT, RidgeShape, beside),
    FIELD("smooth_from", INT, RidgeShape, smooth_from),
    FIELD("noise_floor_levels", FLOAT, RidgeShape, noise_floor),
    FIELD("yellow_weight", FLOAT, RidgeShape, yellow_weight),
    END_OF_FIELDS,
};
static Field peak_fields[] = {
    FIELD("reach", INT, PeakShape, reach), FIELD("threshold", FLOAT, PeakShape, threshold),
    FIELD("foot_ratio", FLOAT, PeakShape, foot_ratio), END_OF_FIELDS,
};
static Field course_fields[] = {
    FIELD("far_m", DOUBLE, CourseSearch, far),
    FIELD("half_width_m", DOUBLE, CourseSearch, half_width),
    FIELD("step_m", DOUBLE, CourseSearch, step),
    FIELD("max_heading_rad", DOUBLE, CourseSearch, max_heading),
    FIELD("max_curvature_radpm", DOUBLE, CourseSearch, max_curvature),
    FIELD("straight_bonus", DOUBLE, CourseSearch, straight_bonus),
    FIELD("bin_m", DOUBLE, CourseSearch, bin),
    FIELD("bins", INT, CourseSearch, bins),
    FIELD("first_points", INT, CourseSearch, first_points),
    FIELD("is_local", FLAG, CourseSearch, is_local),
    FIELD("is_circular", FLAG, CourseSearch, is_circular),
    END_OF_FIELDS,
};
static Field histogram_fields[] = {
    FIELD("heading_rad", DOUBLE, LateralHistogram, heading),
    FIELD("curvature_radpm", DOUBLE, LateralHistogram, curvature),
    FIELD("half_width_m", DOUBLE, LateralHistogram, half_width),
    FIELD("bin_m", DOUBLE, LateralHistogram, bin),
    FIELD("bins", INT, LateralHistogram, bins),
    FIELD("min_height", DOUBLE, LateralHistogram, min_height),
    FIELD("is_circular", FLAG, LateralHistogram, is_circular),
    END_OF_FIELDS,
};
static Field next_line_fields[] = {
    FIELD("ego_m", DOUBLE, NextLineSearch, ego),
    FIELD("outward", INT, NextLineSearch, outward),
    FIELD("nearest_m", DOUBLE, NextLineSearch, nearest),
    FIELD("farthest_m", DOUBLE, NextLineSearch, farthest),
    FIELD("bin_m", DOUBLE, NextLineSearch, bin),
    FIELD("bins", INT, NextLineSearch, bins),
    FIELD("min_height", DOUBLE, NextLineSearch, min_height),
    FIELD("min_points", INT, NextLineSearch, min_points),
    FIELD("reach_m", DOUBLE, NextLineSearch, reach),
    END_OF_FIELDS,
};
static Field *const tables[] = {camera_fields, sampling_fields,  ridge_fields,     peak_fields,
                                course_fields, histogram_fields, next_line_fields, NULL};

/* The sampling of a view of rows x columns cells. 0, or -1 with an exception set. */
static int read_sampling(Arrays *arrays, PyObject *object, int rows, int columns, Access access, ViewSampling *s) {
    const Py_ssize_t cells = (Py_ssize_t)rows * columns;
    if (read_fields(object, sampling_fields, s) < 0) return -1;
    if (!(s->corner = array_field(arrays, object, "corner", INT32, cells, access)) ||
        !(s->fraction = array_field(arrays, object, "fraction", UINT8, 2 * cells, access)) ||
        !(s->visible = array_field(arrays, object, "visible", BOOL, cells, access)) ||
        !(s->spans = array_field(arrays, object, "spans", INT32, 2 * (Py_ssize_t)rows, access)))
        return -1;
    return 0;
}

static PyObject *py_place_view(PyObject *module, PyObject *args) {
    PyObject *camera_struct, *x, *y, *shift, *sampling_struct;
    if (!PyArg_ParseTuple(args, "OOOOO", &camera_struct, &x, &y, &shift, &sampling_struct)) return NULL;
    Arrays arrays = {.count = 0};
    ViewCamera camera;
    ViewSampling sampling;
    const double *xs, *ys, *shifts;
    Py_ssize_t rows, columns;
    int is_done = 0;
    if (read_fields(camera_struct, camera_fields, &camera) == 0 &&
        (camera.axes = array_field(&arrays, camera_struct, "axes", FLOAT64, 9, READ_ONLY)) &&
        (xs = array_of(&arrays, x, "x_m", FLOAT64, -1, READ_ONLY)) && (rows = length_of(&arrays), 1) &&
        (ys = array_of(&arrays, y, "y_m", FLOAT64, -1, READ_ONLY)) && (columns = length_of(&arrays), 1) &&
        (shifts = array_of(&arrays, shift, "shift_m", FLOAT64, rows, READ_ONLY)) &&
        read_sampling(&arrays, sampling_struct, (int)rows, (int)columns, WRITABLE, &sampling) == 0) {
        place_view(&camera, xs, ys, shifts, (int)rows, (int)columns, &sampling);
        is_done = 1;
    }
    release_arrays(&arrays);
    return is_done ? Py_NewRef(Py_None) : NULL;
}

static PyObject *py_sample_patch(PyObject *module, PyObject *args) {
    PyObject *image, *sampling_struct, *patch;
    if (!PyArg_ParseTuple(args, "OOO", &image, &sampling_struct, &patch)) return NULL;
    Arrays arrays = {.count = 0};
    ViewSampling sampling;
    const uint8_t *pixels;
    uint8_t *cells;
    int rows, columns, is_done = 0;
    if ((cells = array_of(&arrays, patch, "patch", UINT8, -1, WRITABLE)) &&
        shape_of(&arrays, "patch", &rows, &columns) == 0 &&
        read_sampling(&arrays, sampling_struct, rows, columns, READ_ONLY, &sampling) == 0 &&
        (pixels = array_of(&arrays, image, "image", UINT8, 3 * (Py_ssize_t)sampling.width * sampling.height,
                           READ_ONLY))) {
        sample_patch(pixels, &sampling, rows, columns, cells);
        is_done = 1;
    }
    release_arrays(&arrays);
    return is_done ? Py_NewRef(Py_None) : NULL;
}

static int is_valid_ridge(const RidgeShape *s) {
    if (s->rows >= 1 && s->rows <= MAX_VIEW_ROWS && s->columns >= 2 * s->beside + 2 &&
        s->columns <= MAX_VIEW_COLUMNS && s->strip >= 1 && s->strip <= s->beside)
        return 1;
    PyErr_Format(PyExc_ValueError, "expected a view of 1 to %d rows and up to %d columns, wider than a marking, found "
                 "%d x %d", MAX_VIEW_ROWS, MAX_VIEW_COLUMNS, s->rows, s->columns);
    return 0;
}

static PyObject *py_find_ridges(PyObject *module, PyObject *args) {
    PyObject *patch, *spans, *shape_struct, *response, *bright, *yellow, *scratch;
    if (!PyArg_ParseTuple(args, "OOOOOOO", &patch, &spans, &shape_struct, &response, &bright, &yellow, &scratch))
        return NULL;
    Arrays arrays = {.count = 0};
    RidgeShape shape;
    const uint8_t *cells;
    const int32_t *visible;
    float *responses, *brights, *yellows, *work = NULL;
    if (read_fields(shape_struct, ridge_fields, &shape) == 0 &&
        (responses = array_of(&arrays, response, "response", FLOAT32, -1, WRITABLE)) &&
        shape_of(&arrays, "response", &shape.rows, &shape.columns) == 0 && is_valid_ridge(&shape)) {
        const Py_ssize_t plane = (Py_ssize_t)shape.rows * shape.columns;
        if ((cells = array_of(&arrays, patch, "patch", UINT8, 3 * plane, READ_ONLY)) &&
            (visible = array_of(&arrays, spans, "spans", INT32, 2 * (Py_ssize_t)shape.rows, READ_ONLY)) &&
            (brights = array_of(&arrays, bright, "bright_levels", FLOAT32, plane, WRITABLE)) &&
            (yellows = array_of(&arrays, yellow, "yellow_levels", FLOAT32, plane, WRITABLE)) &&
            (work = array_of(&arrays, scratch, "scratch", FLOAT32, 2 * plane, WRITABLE)))
            find_ridges(cells, visible, &shape, responses, brights, yellows, work);
    }
    release_arrays(&arrays);
    return work ? Py_NewRef(Py_None) : NULL;
}

static PyObject *py_find_peaks(PyObject *module, PyObject *args) {
    PyObject *response, *shape_struct, *index, *column;
    if (!PyArg_ParseTuple(args, "OOOO", &response, &shape_struct, &index, &column)) return NULL;
    Arrays arrays = {.count = 0};
    PeakShape shape;
    const float *plane;
    int32_t *indices;
    double *columns_at = NULL;
    int rows, columns, count = 0;
    if (read_fields(shape_struct, peak_fields, &shape) == 0 &&
        (plane = array_of(&arrays, response, "response", FLOAT32, -1, READ_ONLY)) &&
        shape_of(&arrays, "response", &rows, &columns) == 0 &&
        (indices = array_of(&arrays, index, "index", INT32, -1, WRITABLE))) {
        const Py_ssize_t max = length_of(&arrays);
        if ((columns_at = array_of(&arrays, column, "column", FLOAT64, max, WRITABLE)))
            count = find_peaks(plane, rows, columns, &shape, (int)max, indices, columns_at);
    }
    release_arrays(&arrays);
    return columns_at ? PyLong_FromLong(count) : NULL;
}

static int are_bins(int bins) {
    if (bins >= MIN_BINS && bins <= MAX_BINS) return 1;
    PyErr_Format(PyExc_ValueError, "expected %d to %d bins, found %d", MIN_BINS, MAX_BINS, bins);
    return 0;
}

typedef struct {
    const double *x, *y, *weight;
    Py_ssize_t count;
} Points;

static int read_points(Arrays *arrays, PyObject *x, PyObject *y, PyObject *weight, Points *points) {
    if (!(points->x = array_of(arrays, x, "x_m", FLOAT64, -1, READ_ONLY))) return -1;
    points->count = length_of(arrays);
    if (!(points->y = array_of(arrays, y, "y_m", FLOAT64, points->count, READ_ONLY))) return -1;
    return (points->weight = array_of(arrays, weight, "weight", FLOAT64, points->count, READ_ONLY)) ? 0 : -1;
}

static PyObject *py_search_course(PyObject *module, PyObject *args) {
    PyObject *x, *y, *weight, *search_struct, *scratch;
    FoundCourse found = {0, 0, 0};
    if (!PyArg_ParseTuple(args, "OOOO(dd)O", &x, &y, &weight, &search_struct, &found.heading, &found.curvature,
                          &scratch))
        return NULL;
    Arrays arrays = {.count = 0};
    CourseSearch search;
    Points points;
    double *work = NULL;
    if (read_fields(search_struct, course_fields, &search) == 0 && are_bins(search.bins) &&
        (search.stages = array_field(&arrays, search_struct, "stages", FLOAT64, SEARCH_STAGES, READ_ONLY)) &&
        read_points(&arrays, x, y, weight, &points) == 0 &&
        (work = array_of(&arrays, scratch, "scratch", FLOAT64, 3 * points.count, WRITABLE)))
        search_course(points.x, points.y, points.weight, (int)points.count, &search, work, &found);
    release_arrays(&arrays);
    return work ? Py_BuildValue("(ddd)", found.heading, found.curvature, found.score) : NULL;
}

static PyObject *py_histogram_peaks(PyObject *module, PyObject *args) {
    PyObject *x, *y, *weight, *histogram_struct, *position, *height;
    if (!PyArg_ParseTuple(args, "OOOOOO", &x, &y, &weight, &histogram_struct, &position, &height)) return NULL;
    Arrays arrays = {.count = 0};
    LateralHistogram histogram;
    Points points;
    double *positions, *heights = NULL;
    int count = 0;
    if (read_fields(histogram_struct, histogram_fields, &histogram) == 0 && are_bins(histogram.bins) &&
        read_points(&arrays, x, y, weight, &points) == 0 &&
        (positions = array_of(&arrays, position, "position_m", FLOAT64, histogram.bins, WRITABLE)) &&
        (heights = array_of(&arrays, height, "height", FLOAT64, histogram.bins, WRITABLE)))
        count = histogram_peaks(points.x, points.y, points.weight, (int)points.count, &histogram, positions, heights);
    release_arrays(&arrays);
    return heights ? PyLong_FromLong(count) : NULL;
}

static PyObject *py_next_line(PyObject *module, PyObject *args) {
    PyObject *lateral, *weight, *search_struct, *scratch;
    if (!PyArg_ParseTuple(args, "OOOO", &lateral, &weight, &search_struct, &scratch)) return NULL;
    Arrays arrays = {.count = 0};
    NextLineSearch search;
    const double *laterals, *weights;
    double *work = NULL, at = NAN;
    if (read_fields(search_struct, next_line_fields, &search) == 0 && are_bins(search.bins) &&
        (laterals = array_of(&arrays, lateral, "lateral_m", FLOAT64, -1, READ_ONLY))) {
        const Py_ssize_t count = length_of(&arrays);
        if ((weights = array_of(&arrays, weight, "weight", FLOAT64, count, READ_ONLY)) &&
            (work = array_of(&arrays, scratch, "scratch", FLOAT64, count, WRITABLE)))
            at = next_line(laterals, weights, (int)count, &search, work);
    }
    release_arrays(&arrays);
    if (!work) return NULL;
    return isnan(at) ? Py_NewRef(Py_None) : PyFloat_FromDouble(at);
}

static PyMethodDef methods[] = {
    {"place_view", py_place_view, METH_VARARGS, "Where in an image the cells of a view lie."},
    {"sample_patch", py_sample_patch, METH_VARARGS, "Sample the cells of a view from an image."},
    {"find_ridges", py_find_ridges, METH_VARARGS, "Box ridges of a patch, relative to the noise around them."},
    {"find_peaks", py_find_peaks, METH_VARARGS, "Peaks of a response; returns their number."},
    {"search_course", py_search_course, METH_VARARGS, "The course of the road on which most points agree."},
    {"histogram_peaks", py_histogram_peaks, METH_VARARGS, "Peaks of a lateral histogram; returns their number."},
    {"next_line", py_next_line, METH_VARARGS, "Lateral position of the line beside an ego line, or None."},
    {NULL, NULL, 0, NULL},
};

static int add_functions(PyObject *module) {
    for (int i = 0; tables[i]; i++)
        if (intern_fields(tables[i]) < 0) return -1;
    return PyModule_AddFunctions(module, methods) < 0 ? -1 : add_fit_functions(module);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, add_functions}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "lkas.detection.lane_fit._kernels",
    .m_doc = "The inner loops of lane detection; see _kernels.pyi.", .m_size = 0, .m_slots = slots,
};

PyMODINIT_FUNC PyInit__kernels(void) { return PyModuleDef_Init(&definition); }
