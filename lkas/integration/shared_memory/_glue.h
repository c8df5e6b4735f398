/* What _core.c and sockets/_ring.c share: exceptions, timeouts, copies without the GIL.
 *
 * Each of the two is one translation unit, split over headers that only it includes: the core in lkas/include keeps its
 * list of open segments and its count of forks per translation unit. */
#ifndef CORE_GLUE_H
#define CORE_GLUE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <math.h>

#include "lkas_segment.h"

#define COPY_WITHOUT_GIL_BYTES (4 << 20) /* below, releasing and taking the GIL costs more than the copy */
#define MAX_WAIT_S 1e9

static PyObject *shm_error, *buffer_full_error, *serialization_error;

/* The exception class `name` of errors.py, or NULL and an exception. */
static inline PyObject *load_error(const char *name) {
    PyObject *errors = PyImport_ImportModule("lkas.integration.shared_memory.errors");
    PyObject *type = errors ? PyObject_GetAttrString(errors, name) : NULL;
    Py_XDECREF(errors);
    return type;
}

/* Load the exceptions that both modules raise: 0 or -1. */
static inline int load_shared_errors(void) {
    shm_error = load_error("SHMError");
    buffer_full_error = load_error("SHMBufferFullError");
    serialization_error = load_error("SHMSerializationError");
    return shm_error && buffer_full_error && serialization_error ? 0 : -1;
}

/* A timeout in nanoseconds; 0 for a negative one and for NaN. */
static inline int64_t timeout_ns(double timeout_s) {
    return timeout_s > 0 ? (int64_t)(fmin(timeout_s, MAX_WAIT_S) * 1e9) : 0;
}

static inline void copy_bytes(void *to, const void *from, size_t size) {
    if (size < COPY_WITHOUT_GIL_BYTES) {
        memcpy(to, from, size);
        return;
    }
    Py_BEGIN_ALLOW_THREADS
    memcpy(to, from, size);
    Py_END_ALLOW_THREADS
}

#endif
