/* See _arguments.h. */
#include "_arguments.h"

#include <limits.h>
#include <string.h>

static const struct {
    const char *name, *formats; /* of the struct module */
    Py_ssize_t size;
} ELEMENT_TYPES[] = {
    [FLOAT64] = {"float64", "d", 8}, [FLOAT32] = {"float32", "f", 4}, [INT64] = {"int64", "lq", 8},
    [INT32] = {"int32", "il", 4},    [INT8] = {"int8", "b", 1},       [UINT8] = {"uint8", "B", 1},
    [BOOL] = {"bool", "?", 1},
};

void *array_of(Arrays *arrays, PyObject *object, const char *name, ElementType type, Py_ssize_t length,
               Access access) {
    if (arrays->count == MAX_ARRAYS) return PyErr_Format(PyExc_SystemError, "more than %d arrays", MAX_ARRAYS);
    Py_buffer *buffer = &arrays->at[arrays->count];
    const int flags = PyBUF_FORMAT | (access == WRITABLE ? PyBUF_CONTIG : PyBUF_CONTIG_RO);
    if (PyObject_GetBuffer(object, buffer, flags) < 0) return NULL;
    arrays->count++;
    const char *format = buffer->format ? buffer->format : "B";
    if (format[0] == '\0' || format[1] != '\0' || !strchr(ELEMENT_TYPES[type].formats, format[0]) ||
        buffer->itemsize != ELEMENT_TYPES[type].size)
        return PyErr_Format(PyExc_TypeError, "%s: expected elements of type %s, found format '%s'", name,
                            ELEMENT_TYPES[type].name, format);
    if (length >= 0 && buffer->len != length * buffer->itemsize)
        return PyErr_Format(PyExc_ValueError, "%s: expected %zd elements, found %zd", name, length,
                            buffer->len / buffer->itemsize);
    return buffer->buf;
}

void *array_field(Arrays *arrays, PyObject *owner, const char *name, ElementType type, Py_ssize_t length,
                  Access access) {
    PyObject *array = PyObject_GetAttrString(owner, name);
    if (!array) return NULL;
    void *memory = array_of(arrays, array, name, type, length, access);
    Py_DECREF(array); /* the buffer holds a reference */
    return memory;
}

Py_ssize_t length_of(const Arrays *arrays) {
    const Py_buffer *last = &arrays->at[arrays->count - 1];
    return last->len / last->itemsize;
}

int shape_of(const Arrays *arrays, const char *name, int *rows, int *columns) {
    const Py_buffer *last = &arrays->at[arrays->count - 1];
    if (last->ndim < 2 || last->shape[0] > INT_MAX || last->shape[1] > INT_MAX) {
        PyErr_Format(PyExc_ValueError, "%s: expected at least two dimensions, found %d", name, last->ndim);
        return -1;
    }
    *rows = (int)last->shape[0];
    *columns = (int)last->shape[1];
    return 0;
}

void release_arrays(Arrays *arrays) {
    while (arrays->count > 0) PyBuffer_Release(&arrays->at[--arrays->count]);
}

int intern_fields(Field *fields) {
    for (; fields->name; fields++)
        if (!fields->key && !(fields->key = PyUnicode_InternFromString(fields->name))) return -1;
    return 0;
}

static int read_number(PyObject *value, const Field *field, void *into) {
    char *member = (char *)into + field->offset;
    if (field->kind == DOUBLE || field->kind == FLOAT) {
        const double number = PyFloat_AsDouble(value);
        if (number == -1.0 && PyErr_Occurred()) return -1;
        if (field->kind == DOUBLE) *(double *)member = number;
        else *(float *)member = (float)number;
        return 0;
    }
    if (field->kind == FLAG) {
        const int flag = PyObject_IsTrue(value);
        *(int *)member = flag;
        return flag < 0 ? -1 : 0;
    }
    const long number = PyLong_AsLong(value);
    if (number == -1 && PyErr_Occurred()) return -1;
    if (number < INT_MIN || number > INT_MAX) {
        PyErr_Format(PyExc_OverflowError, "%ld does not fit into 32 bits", number);
        return -1;
    }
    *(int *)member = (int)number;
    return 0;
}

int read_fields(PyObject *object, const Field *fields, void *into) {
    for (const Field *field = fields; field->name; field++) {
        PyObject *value = PyObject_GetAttr(object, field->key);
        if (!value) return -1;
        const int failed = read_number(value, field, into);
        if (failed && PyErr_ExceptionMatches(PyExc_TypeError))
            PyErr_Format(PyExc_TypeError, "%s: expected a number, found %s", field->name, Py_TYPE(value)->tp_name);
        Py_DECREF(value);
        if (failed) return -1;
    }
    return 0;
}
